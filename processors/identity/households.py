"""Where a person belongs at a time.

A household has a key of its own, never its address. A person nobody placed yet has a provisional
household of its own; as soon as a register places the person, that one counts for every time.
Does not decide who may be contacted, nor where.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from processors.values import value

BEGINNING_MS: Final = -62_135_596_800_000
"""1 January of the year 1: valid from ever."""


@value(frozen=True, slots=True)
class Membership:
    """A person's time in a household.

    Attributes:
        valid_from: ms, inclusive.
        valid_until: ms, exclusive; None: until further notice.
        is_provisional: made because nobody had placed the person; yields to any other.
    """

    household: str
    area: str
    valid_from: int
    valid_until: int | None = None
    is_provisional: bool = False


@value(frozen=True, slots=True)
class Stay:
    """ "Where did this person belong then?"

    Attributes:
        at: ms.
        joins: index of the stay whose household a person without one joins (a newborn's mother).
    """

    person: str
    at: int
    joins: int | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """Answers in the order of the stays, and the memberships that were made for them."""

    memberships: list[Membership]
    new: list[tuple[str, Membership]] = field(default_factory=list)


def household_at(memberships: Sequence[Membership], at: int) -> Membership | None:
    """The membership that counts at a time: valid then, else the nearest; None without any.

    Of several valid ones the one begun last; of equally near ones the earlier.

    >>> first, second = Membership("h1", "a", 0, 10), Membership("h2", "a", 20)
    >>> [household_at([first, second], at).household for at in (-5, 9, 14, 16, 99)]
    ['h1', 'h1', 'h1', 'h2', 'h2']
    """
    if len(memberships) == 1:
        return memberships[0]
    placed = [one for one in memberships if not one.is_provisional] or memberships
    valid = [one for one in placed if _distance(one, at) == 0]
    if valid:
        return max(valid, key=lambda one: (one.valid_from, one.household))
    return min(placed, key=lambda one: (_distance(one, at), one.valid_from, one.household), default=None)


def _distance(membership: Membership, at: int) -> int:
    """Milliseconds from a time to the nearest valid one; 0 when it is valid then."""
    if at < membership.valid_from:
        return membership.valid_from - at
    if membership.valid_until is not None and at >= membership.valid_until:
        return at - membership.valid_until + 1
    return 0


def settle(
    stays: Sequence[Stay],
    memberships: Mapping[str, Sequence[Membership]],
    fresh: Iterator[str],
    default_area: str,
) -> Settled:
    """Finds or makes the household of each stay.

    Args:
        stays: a chain of `joins` is followed; who joins in a circle joins nobody.
        memberships: person -> memberships, as stored.
        fresh: household keys nobody has yet.
        default_area: planning area of households nobody placed.

    Raises:
        IndexError: a stay joins one outside the list.
    """
    made: dict[str, list[Membership]] = {}
    answers: dict[int, Membership] = {}
    for index in _in_turn(stays):
        stay = stays[index]
        present = [*memberships.get(stay.person, ()), *made.get(stay.person, ())]
        host = None if stay.joins is None else answers.get(stay.joins)
        new = _joined(present, host, stay.at) if host else _own(present, fresh, default_area)
        if new is not None:
            made.setdefault(stay.person, []).append(new)
            present.append(new)
        found = household_at(present, stay.at)
        assert found is not None
        answers[index] = found
    new_ones = [(person, membership) for person, several in made.items() for membership in several]
    return Settled([answers[index] for index in range(len(stays))], new_ones)


def _in_turn(stays: Sequence[Stay]) -> Iterable[int]:
    """The order given, but whoever is joined before who joins them.

    Nothing else may be moved: cutting the same stays into chunks must not change a household.
    """
    if all(stay.joins is None for stay in stays):
        return range(len(stays))
    turn: dict[int, None] = {}
    for index in range(len(stays)):
        chain: list[int] = []
        at: int | None = index
        while at is not None and at not in turn and at not in chain:
            chain.append(at)
            at = stays[at].joins
        turn.update(dict.fromkeys(reversed(chain)))
    return turn


def _own(present: Sequence[Membership], fresh: Iterator[str], area: str) -> Membership | None:
    return None if present else Membership(next(fresh), area, BEGINNING_MS, None, is_provisional=True)


def _joined(present: Sequence[Membership], host: Membership, at: int) -> Membership | None:
    """A person placed by a register stays there; one already in the host's household as well."""
    if any(not one.is_provisional or one.household == host.household for one in present):
        return None
    return replace(host, valid_from=at, valid_until=None)


@dataclass(frozen=True, slots=True)
class Move:
    """What changes when a register says "from now on this person belongs there"."""

    opened: Membership | None
    closed: tuple[Membership, ...]


def move(memberships: Sequence[Membership], household: str, area: str, at: int) -> Move:
    """Places a person: nothing when already there, for ever when never placed before.

    >>> move([], "h1", "a", 5).opened.valid_from == BEGINNING_MS
    True
    """
    placed = [one for one in memberships if not one.is_provisional]
    open_ones = [one for one in placed if one.valid_until is None]
    elsewhere = tuple(one for one in open_ones if one.household != household)
    if len(elsewhere) < len(open_ones):
        return Move(None, elsewhere)
    return Move(Membership(household, area, at if placed else BEGINNING_MS), elsewhere)
