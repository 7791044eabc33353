"""What plan remembers of one partition: its clock, and per planning area the households.

Mutable and private to plan: `processors.offers.plan.advance` changes it in place. Everything in it
is a fold of the partition's inputs, so it may be thrown away and folded again; `snapshot` gives it
as plain JSON values (equal snapshots: equal states). Decides nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from enum import IntEnum, StrEnum
from heapq import heapify, heappush
from typing import Any

from processors.decisions import BoundEvent
from processors.events import Control, ControlKind
from processors.offers.clock import SituationClock
from processors.offers.model import OfferState, Situation, SituationKind, Urgency
from processors.offers.policy import ContactPolicy
from processors.pauses import Pause, PauseKind


class Due(IntEnum):
    """What can fall due, in the order in which things of one instant happen."""

    LAPSE = 0
    CONTROL = 1
    WITHDRAWAL = 2
    RIPEN = 3
    WITHDRAWAL_OF_RIPENED = 4
    FORGET = 5


class Status(StrEnum):
    """Where a situation stands.

    `retracted`: withdrawn in its hold, whose end decides whether that leaves a record.
    `waiting`: the hold is over, but its rule or its lead team is paused.
    `dropped`: withdrawn before it was known, so it never stood. `settled`: its fate is told.
    """

    HELD = "held"
    RETRACTED = "retracted"
    WAITING = "waiting"
    JOINED = "joined"
    SETTLED = "settled"
    DROPPED = "dropped"


@dataclass(slots=True, eq=False)
class Standing:
    """One coming of one match: the same match, matched again after it was withdrawn, is another.

    Attributes:
        person: whose match it is; `''` for a household's.
        known_at: the situation's, but not before the withdrawal it follows, ms.
        due: end of the hold, likewise, ms.
        withdrawn_at: `known_at` of its withdrawal, as soon as that has arrived.
        followers: (match, generation) of those that replace it, or are the same match again.
        forget_at: once settled or dropped, ms; `situation` is None from then on.
    """

    match: str
    generation: int
    household: str
    person: str
    known_at: int
    due: int
    situation: Situation | None
    status: Status = Status.HELD
    withdrawn_at: int | None = None
    followers: list[tuple[str, int]] = field(default_factory=list)
    forget_at: int | None = None


@dataclass(slots=True)
class OpenOffer:
    """A household's live offer; `members` in order of joining.

    Attributes:
        state: `open`, `taken` or `contacted`.
        contact, team: the worker who has it, and theirs; `''` while it is open.
    """

    id: str
    version: int
    opened_at: int
    closes_at: int
    members: list[Standing] = field(default_factory=list)
    state: OfferState = OfferState.OPEN
    contact: str = ""
    team: str = ""


@dataclass(slots=True)
class Household:
    """Contacts of one household.

    Attributes:
        number: running number of its newest offer.
        offer: the live one.
        contacts: those that may still count toward the contact cap, ms, ascending: of an offer that lapsed,
            when it opened; of one that was worked on, when that ended.
        ended_at: when the last contact ended: an offer lapsed or its outcome was recorded, ms.
        is_helped: whether it ended with somebody helping.
    """

    number: int = 0
    offer: OpenOffer | None = None
    contacts: list[int] = field(default_factory=list)
    ended_at: int | None = None
    is_helped: bool = False


@dataclass(slots=True)
class AreaState:
    """One planning area; areas know nothing of each other.

    Attributes:
        standings: match -> its generations still remembered, ascending.
        controls: person -> their newest word; the partition's own, shared by its areas.
        members: household -> those of it who gave a word; likewise.
        joined: person -> their situations in open offers (an index of the above).
    """

    name: str
    controls: dict[str, Control] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=dict)
    standings: dict[str, list[Standing]] = field(default_factory=dict)
    households: dict[str, Household] = field(default_factory=dict)
    joined: dict[str, list[Standing]] = field(default_factory=dict)

    def standing(self, match: str, generation: int) -> Standing | None:
        """That coming of that match, unless forgotten."""
        return next((each for each in self.standings.get(match, ()) if each.generation == generation), None)


Entry = tuple[int, int, str, str, int, str]
"""due, kind (`Due`), id (offer, person or match), detail (household or kind of control), generation, area
(of a control the household)"""


@dataclass(slots=True)
class PartitionState:
    """Clock, areas and agenda of one partition of `situations.v1`.

    Attributes:
        clock: what it was told about the time.
        reached: everything due until then (inclusive) has happened, ms; None before the clock starts.
        policy: contact limits in force, as last heard on the log; None until then.
        controls: person -> their newest word that has taken effect, in whichever area they live.
        members: household -> those whose newest word names it (an index of the above).
        paused: what is held now: rules, and teams whose situations are.
        agenda: heap of what is to come; entries overtaken by events are skipped when due.
        ignored: counts of inputs without effect: `repeated`, `unknown` (withdrawal of no known match),
            `refused` (an action on another than the present version of a live offer).
    """

    clock: SituationClock = field(default_factory=SituationClock)
    reached: int | None = None
    areas: dict[str, AreaState] = field(default_factory=dict)
    policy: ContactPolicy | None = None
    controls: dict[str, Control] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=dict)
    paused: set[tuple[PauseKind, str]] = field(default_factory=set)
    agenda: list[Entry] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)

    def is_due(self, clock: int) -> bool:
        """Whether anything is on the agenda up to then."""
        return bool(self.agenda) and self.agenda[0][0] <= clock

    @property
    def held(self) -> int:
        """How many situations wait for the end of their hold."""
        return sum(each.status is Status.HELD for _, each in self._standings())

    @property
    def waiting(self) -> int:
        """How many are ripe, but their rule or team is paused."""
        return sum(each.status is Status.WAITING for _, each in self._standings())

    def is_paused(self, situation: Situation) -> bool:
        """Whether the situation's rule, or the team in the lead, is paused."""
        rule, lead = (PauseKind.RULE, situation.rule), (PauseKind.RECIPIENT, situation.lead)
        return bool(self.paused) and (rule in self.paused or lead in self.paused)

    def heed_pause(self, pause: Pause) -> None:
        """Holds a rule or a team from here on, or puts what waited for it back on the agenda."""
        if pause.is_paused:
            self.paused.add(pause.target)
            return
        self.paused.discard(pause.target)
        for area, each in self._standings():
            if each.status is Status.WAITING and each.situation is not None and not self.is_paused(each.situation):
                each.status = Status.HELD
                self.schedule(ripening(each, area.name))

    def _standings(self) -> Iterator[tuple[AreaState, Standing]]:
        for area in self.areas.values():
            for generations in area.standings.values():
                yield from ((area, each) for each in generations)

    @property
    def size(self) -> int:
        """How many parts a snapshot has: standings, households, words."""
        return len(self.controls) + sum(len(area.standings) + len(area.households) for area in self.areas.values())

    def area(self, name: str) -> AreaState:
        """The area of that name, empty if new."""
        return self.areas.get(name) or self.areas.setdefault(name, AreaState(name, self.controls, self.members))

    def heed(self, control: Control) -> None:
        """Takes a word as its person's newest."""
        last = self.controls.get(control.person)
        if last is not None:
            self.members[last.household].discard(control.person)
        self.controls[control.person] = control
        self.members.setdefault(control.household, set()).add(control.person)

    def schedule(self, entry: Entry) -> None:
        """Puts an entry on the agenda."""
        heappush(self.agenda, entry)

    def snapshot(self) -> dict[str, Any]:
        """The state as plain JSON values, independent of the order in which keys came."""
        return {
            "sources": self.clock.sources,
            "newest": [list(item) for item in sorted(self.clock.newest.items())],
            "reached": self.reached,
            "ignored": dict(sorted(self.ignored.items())),
            "policy": self.policy and asdict(self.policy),
            "paused": sorted([kind.value, name] for kind, name in self.paused),
            "controls": [asdict(control) for _, control in sorted(self.controls.items())],
            "areas": {name: _area_out(area) for name, area in sorted(self.areas.items())},
            "controls_to_come": [list(entry) for entry in sorted(set(self.agenda)) if entry[1] == Due.CONTROL],
        }

    @classmethod
    def restore(cls, snapshot: dict[str, Any]) -> PartitionState:
        """The state a snapshot was taken of."""
        state = cls(
            clock=SituationClock(snapshot["sources"], dict(map(tuple, snapshot["newest"]))),
            reached=snapshot["reached"],
            ignored=Counter(snapshot["ignored"]),
            areas={name: _area_in(name, area) for name, area in snapshot["areas"].items()},
        )
        state.paused = {(PauseKind(kind), name) for kind, name in snapshot["paused"]}
        state.policy = snapshot["policy"] and ContactPolicy(**snapshot["policy"])
        for item in snapshot["controls"]:
            state.heed(Control(**(item | {"kind": ControlKind(item["kind"])})))
        state.agenda = [_entry_in(entry) for entry in snapshot["controls_to_come"]]
        for area in state.areas.values():
            area.controls, area.members = state.controls, state.members
            state.agenda.extend(_agenda_of(area))
        heapify(state.agenda)
        return state


def ripening(standing: Standing, area: str) -> Entry:
    """The end of a situation's hold."""
    return (standing.due, Due.RIPEN, standing.match, "", standing.generation, area)


def withdrawal(standing: Standing, at: int, area: str, kind: Due = Due.WITHDRAWAL) -> Entry:
    """A situation is taken back."""
    return (at, kind, standing.match, "", standing.generation, area)


def forgetting(standing: Standing, at: int, area: str) -> Entry:
    """A settled situation is forgotten."""
    return (at, Due.FORGET, standing.match, standing.household, standing.generation, area)


def lapsing(offer: OpenOffer, household: str, area: str) -> Entry:
    """An offer's time is over."""
    return (offer.closes_at, Due.LAPSE, offer.id, household, 0, area)


def _agenda_of(area: AreaState) -> list[Entry]:
    entries = [lapsing(each.offer, name, area.name) for name, each in area.households.items() if each.offer]
    for generations in area.standings.values():
        for standing in generations:
            entries.extend(_to_come(standing, area.name))
    return entries


def _to_come(standing: Standing, area: str) -> list[Entry]:
    entries = []
    if standing.status in {Status.HELD, Status.RETRACTED}:
        entries.append(ripening(standing, area))
    if standing.status in {Status.HELD, Status.WAITING, Status.JOINED} and standing.withdrawn_at is not None:
        entries.append(withdrawal(standing, standing.withdrawn_at, area))
    if standing.forget_at is not None:
        entries.append(forgetting(standing, standing.forget_at, area))
    return entries


def _area_out(area: AreaState) -> dict[str, Any]:
    return {
        "standings": [_standing_out(each) for _, them in sorted(area.standings.items()) for each in them],
        "households": {name: _household_out(each) for name, each in sorted(area.households.items())},
    }


def _area_in(name: str, value: dict[str, Any]) -> AreaState:
    area = AreaState(name)
    for item in value["standings"]:
        standing = _standing_in(item)
        area.standings.setdefault(standing.match, []).append(standing)
    area.households = {key: _household_in(area, each) for key, each in value["households"].items()}
    for household in area.households.values():
        for standing in household.offer.members if household.offer else ():
            for person in standing.situation.persons if standing.situation is not None else ():
                area.joined.setdefault(person, []).append(standing)
    return area


def _household_out(household: Household) -> dict[str, Any]:
    offer = household.offer
    return {
        "number": household.number,
        "contacts": list(household.contacts),
        "ended_at": household.ended_at,
        "is_helped": household.is_helped,
        "offer": offer
        and {
            "id": offer.id,
            "version": offer.version,
            "opened_at": offer.opened_at,
            "closes_at": offer.closes_at,
            "state": offer.state,
            "contact": offer.contact,
            "team": offer.team,
            "members": [[each.match, each.generation] for each in offer.members],
        },
    }


def _household_in(area: AreaState, value: dict[str, Any]) -> Household:
    household = Household(value["number"], None, list(value["contacts"]), value["ended_at"], value["is_helped"])
    if value["offer"]:
        members = [area.standing(match, generation) for match, generation in value["offer"]["members"]]
        present = {"members": [each for each in members if each], "state": OfferState(value["offer"]["state"])}
        household.offer = OpenOffer(**(value["offer"] | present))
    return household


def _standing_out(standing: Standing) -> dict[str, Any]:
    return asdict(standing) | {"followers": [list(each) for each in standing.followers]}


def _standing_in(value: dict[str, Any]) -> Standing:
    situation = value["situation"] and _situation_in(value["situation"])
    followers = [(match, generation) for match, generation in value["followers"]]
    return Standing(**(value | {"situation": situation, "followers": followers, "status": Status(value["status"])}))


def _situation_in(value: dict[str, Any]) -> Situation:
    return Situation(
        **(
            value
            | {
                "kind": SituationKind(value["kind"]),
                "urgency": Urgency(value["urgency"]),
                "services": tuple(value["services"]),
                "events": tuple(BoundEvent(**event) for event in value["events"]),
            }
        )
    )


def _entry_in(value: list[Any]) -> Entry:
    due, kind, key, detail, generation, area = value
    return (due, kind, key, detail, generation, area)
