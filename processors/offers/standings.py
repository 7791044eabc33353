"""Standings: how situations follow, replace and leave each other within a planning area.

Small questions and steps plan is made of; `processors.offers.plan` decides when they happen.
"""

from __future__ import annotations

from collections.abc import Sequence

from processors.events import Control, ControlKind
from processors.offers.model import Situation
from processors.offers.state import AreaState, OpenOffer, Standing, Status


def standing_of(situation: Situation, followed: Sequence[Standing], generation: int) -> Standing:
    """A situation coming to stand: known no earlier than the withdrawals it follows."""
    withdrawn = [each.withdrawn_at for each in followed if each.withdrawn_at is not None]
    return Standing(
        match=situation.match,
        generation=generation,
        household=situation.household,
        person="" if situation.is_of_household else situation.person,
        known_at=max([situation.known_at, *withdrawn]),
        due=max([situation.ripe_at, *withdrawn]),
        situation=situation,
    )


def withdrawable(generations: Sequence[Standing], withdrawn: Situation) -> Standing | None:
    """The one not withdrawn yet, that household's first; none that was told of another person since."""
    standing = [each for each in generations if each.withdrawn_at is None and each.person in {"", withdrawn.person}]
    own = (each for each in standing if each.household == withdrawn.household)
    return next(own, standing[0] if standing else None)


def _followers(area: AreaState, standing: Standing) -> list[Standing]:
    found = (area.standing(match, generation) for match, generation in standing.followers)
    return [each for each in found if each is not None]


def is_followed(area: AreaState, standing: Standing, before: int) -> bool:
    """Whether another took its place, or it came again, before then; what never stood passes that on."""
    return any(
        is_followed(area, each, before) if each.status is Status.DROPPED else each.known_at < before
        for each in _followers(area, standing)
    )


def successor_of(area: AreaState, standing: Standing, at: int) -> Standing | None:
    """The situation that takes the place of one withdrawn at that time, known by then and still held."""
    for each in _followers(area, standing):
        if each.match == standing.match:
            continue  # the same match again counts as new
        if _can_take_place(area, each, standing, at):
            return each
        if _is_taken_back(each, at):
            each_successor = successor_of(area, each, at)
            if each_successor is not None:
                return each_successor
    return None


def _is_taken_back(standing: Standing, at: int) -> bool:
    return standing.withdrawn_at is not None and standing.withdrawn_at <= at


def _can_take_place(area: AreaState, new: Standing, old: Standing, at: int) -> bool:
    return (
        new.status in {Status.HELD, Status.WAITING}
        and new.household == old.household
        and new.known_at <= at
        and not _is_taken_back(new, at)
        and new.situation is not None
        and not is_opted_out(area, new.situation)
    )


def replaced_by(area: AreaState, standing: Standing, situation: Situation) -> Standing | None:
    """The situation in the household's open offer whose place this one takes."""
    return next(
        (
            each
            for each in area.standings.get(situation.replaces or "", ())
            if each.status is Status.JOINED and each.household == standing.household
        ),
        None,
    )


def is_opted_out(area: AreaState, situation: Situation) -> bool:
    """Whether the newest word of anybody a situation is about is that they want no contact.

    A situation of a household is about all who live there, whoever's events it rests on.
    """
    members = area.members.get(situation.household, ()) if situation.is_of_household else ()
    words = (area.controls.get(person) for person in (*situation.persons, *members))
    return any(word is not None and word.kind is ControlKind.OPT_OUT for word in words)


def concerned(area: AreaState, control: Control) -> list[Standing]:
    """Situations in open offers that a person's word concerns, by match: their own, and their household's."""
    own = area.joined.get(control.person, ())
    shared = (
        each
        for joined in area.joined.values()
        for each in joined
        if each.household == control.household and each.situation is not None and each.situation.is_of_household
    )
    return sorted({each.match: each for each in (*own, *shared)}.values(), key=lambda each: each.match)


def offer_of(area: AreaState, standing: Standing) -> OpenOffer:
    """The open offer a joined situation is in."""
    offer = area.households[standing.household].offer
    assert offer is not None, "a joined situation is in its household's open offer"
    return offer


def enter(area: AreaState, standing: Standing) -> None:
    """A situation has joined its household's offer."""
    standing.status = Status.JOINED
    for person in standing.situation.persons if standing.situation is not None else ():
        area.joined.setdefault(person, []).append(standing)


def part(area: AreaState, standing: Standing) -> None:
    """A situation has left its household's offer."""
    for person in standing.situation.persons if standing.situation is not None else ():
        remaining = [each for each in area.joined[person] if each is not standing]
        if remaining:
            area.joined[person] = remaining
        else:
            del area.joined[person]
