"""Facts that were told of one person and belong to another: people merged, and people split.

The same lines are told anew under the right key, with their ids, so that a match they make is the same match;
then the facts are annulled under the old key. Three steps, each on the log, each in one transaction with what
it asks for, so that nothing is lost or done by half whoever is killed in between:

1. `ordered`, where the old key is: what it knows of the facts is told anew, followed by
2. `told`, where the new key is: all that was told anew stands there by now; that is answered by
3. `taken`, where the old key is: the facts are annulled there.

So a fact stands under both keys for a moment, never under none. Whatever is still told of the old key
afterwards, by whoever had not heard, goes the same way.

A fact never comes back to a key it has left: there it is annulled. The identity register sees to that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import NamedTuple

import orjson

from processors.annulment import annulled_by
from processors.events import ChangeKind, LifeEvent
from processors.identity.households import Membership, household_at
from processors.timeline import Timeline, transferred_id
from processors.values import value


class Step(StrEnum):
    """How far a transfer has come."""

    ORDERED = "ordered"
    TOLD = "told"
    TAKEN = "taken"


@value(frozen=True, slots=True)
class Transfer:
    """An order that facts of one person belong to another.

    Attributes:
        step: how far it has come.
        person: the key they were told under.
        into: the key they belong to.
        at: when it was ordered, on the platform's clock, ms.
        homes: where `into` has lived; at least one.
        events: first ids of the facts. None in an order means all, and all that is still to come: `person`
            is no longer anybody.
    """

    step: Step
    person: str
    into: str
    at: int
    homes: tuple[Membership, ...] = ()
    events: tuple[str, ...] = ()

    @property
    def is_of_all(self) -> bool:
        """Whether it is an order for everything told of the person."""
        return not self.events


def lines_to_tell(
    timeline: Timeline, orders: Sequence[Transfer], order: Transfer
) -> tuple[list[LifeEvent], tuple[str, ...]]:
    """What an order asks to be told anew.

    Args:
        timeline: of `order.person`.
        orders: all that concern that person, oldest first.
        order: one of them.

    Returns:
        Everything said of the facts, annulments by agencies included, as it is to be told; and the facts' first
        ids. What changes a fact comes before the fact, so that none ever stands as it was once. What another
        order took away is not among them.
    """
    going = {
        root: lines
        for root, lines in _by_root(timeline).items()
        if _order_of(orders, root) == order and not any(map(is_by_transfer, lines))
    }
    ids = {line.id for lines in going.values() for line in lines}
    lines = sorted(timeline.lines, key=lambda line: line.change is ChangeKind.CREATED)
    return [told_anew(line, order) for line in lines if line.id in ids], tuple(sorted(going))


def told_anew(line: LifeEvent, order: Transfer) -> LifeEvent:
    """A line as it is told of the person it belongs to, in the household they lived in then."""
    home = household_at(order.homes, line.occurred_at) if line.household else None
    if home is None:
        return replace(line, person=order.into)
    return replace(line, person=order.into, household=home.household, area=home.area)


def annulments(timeline: Timeline, taken: Transfer) -> Iterator[LifeEvent]:
    """What annuls the facts that were taken, under the key they have left."""
    by_id = {line.id: line for line in timeline.lines}
    for root in taken.events:
        line = by_id.get(root)
        if line is not None and line.change is ChangeKind.CREATED:
            yield annulment_of(line, taken.at)


def annulment_of(line: LifeEvent, at: int) -> LifeEvent:
    """The line that annuls a `created` one, because its fact has left its person for another; `at` in ms."""
    return annulled_by(transferred_id(line.id, line.person), line, at)


def is_by_transfer(line: LifeEvent) -> bool:
    """Whether a line annuls a fact only for the person who has it no longer."""
    is_annulment = line.change is ChangeKind.ANNULLED and line.replaces is not None
    return is_annulment and line.id == transferred_id(line.replaces or "", line.person)


class Late(NamedTuple):
    """Lines that came too late for an order: they are to be told anew.

    Attributes:
        order: the order.
        lines: a line that was not put on the timeline, and those there that waited for it.
        orders: all of the person from now on: what speaks of these lines is of the same fact.
    """

    order: Transfer
    lines: tuple[LifeEvent, ...]
    orders: tuple[Transfer, ...]


def late(orders: tuple[Transfer, ...], timeline: Timeline, line: LifeEvent) -> Late | None:
    """Whether a line comes too late for an order, and so must not be put on the timeline; None: it does not.

    Args:
        orders: that concern the line's person, oldest first.
        timeline: of that person.
        line: any line told of that person.
    """
    if not orders or is_by_transfer(line):
        return None
    by_id = {each.id: each for each in timeline.lines}
    order = _order_of(orders, line.id, _root(by_id, line))
    if order is None:
        return None
    waiting = [each for each in _by_root(timeline).get(line.id, ()) if each.id != line.id]
    lines = (line, *waiting)
    return Late(order, lines, tuple(_with_lines(each, lines) if each == order else each for each in orders))


def _with_lines(order: Transfer, lines: Sequence[LifeEvent]) -> Transfer:
    if order.is_of_all:
        return order
    return replace(order, events=tuple(dict.fromkeys([*order.events, *(line.id for line in lines)])))


def is_left_behind(timeline: Timeline, orders: Sequence[Transfer], order: Transfer) -> bool:
    """Whether a fact stands that one of the orders should have taken away."""
    return any(_order_of(orders, live.root) == order for live in timeline.standing)


def _order_of(orders: Sequence[Transfer], *names: str) -> Transfer | None:
    """The order a fact goes by: the newest that names it, by whatever line, else the newest of all facts."""
    newest = orders[::-1]
    named = next((order for order in newest if not order.is_of_all and not set(names).isdisjoint(order.events)), None)
    return named or next((order for order in newest if order.is_of_all), None)


def _by_root(timeline: Timeline) -> dict[str, list[LifeEvent]]:
    by_id = {line.id: line for line in timeline.lines}
    facts: dict[str, list[LifeEvent]] = {}
    for line in timeline.lines:
        facts.setdefault(_root(by_id, line), []).append(line)
    return facts


def _root(by_id: Mapping[str, LifeEvent], line: LifeEvent) -> str:
    """First id of the fact a line speaks of; while its original is not known, the oldest that was named."""
    seen = {line.id}
    while line.change is not ChangeKind.CREATED and line.replaces is not None:
        if line.replaces in seen or line.replaces not in by_id:
            return line.replaces
        line = by_id[line.replaces]
        seen.add(line.id)
    return line.id


def pack_orders(orders: Sequence[Transfer]) -> bytes:
    """Orders as bytes, for a store; `unpack_orders` gives them back."""
    return orjson.dumps(orders)


def unpack_orders(data: bytes) -> tuple[Transfer, ...]:
    """Reads what `pack_orders` wrote."""
    return tuple(
        Transfer(
            Step(each["step"]),
            each["person"],
            each["into"],
            each["at"],
            tuple(Membership(**home) for home in each["homes"]),
            tuple(each["events"]),
        )
        for each in orjson.loads(data)
    )
