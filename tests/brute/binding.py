"""Every way in which the positive steps of a rule can be bound from one opening event.

Absences are only noted on the way, except one that is a member of `any_of`. What is still to do is
a row of items; the rest of the rule is always the rest of that row, so that "can the rest begin
here" and "can the rest be bound" are asked by trying.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.brute import civil
from tests.brute.civil import Edge, Place, end_after, is_before_end
from tests.brute.conditions import Scope, is_true
from tests.brute.events import Event
from tests.brute.limits import Before, Check, Gap, InRow, Limit, Never, Round, SinceFirst, State, Until
from tests.brute.reading import Member, Part

Limits = tuple[Limit, ...]


@dataclass(frozen=True)
class Ahead:
    """A step to be bound, under the limits of what is around it."""

    part: Part
    limits: Limits


@dataclass(frozen=True)
class Going:
    """A repetition in which `count` rounds stand; its limits hold for all its events."""

    part: Part
    limits: Limits
    count: int

    @property
    def is_enough(self) -> bool:
        """It may end here."""
        return self.count >= self.part.low or (self.part.is_optional and self.count == 0)


@dataclass(frozen=True)
class RoundOver:
    """The end of a round of a repetition as it stood before; `ended` is the state without the round."""

    going: Going
    ended: State


Row = tuple[Ahead | Going | RoundOver, ...]


@dataclass(frozen=True)
class Binder:
    """The search on one timeline; `lists` are the names that are lists in conditions."""

    events: tuple[Event, ...]
    place: Place
    lists: frozenset[str]

    def ways(self, row: Row, state: State) -> list[State]:
        """All that the row can become; none if it cannot be bound."""
        if not row:
            return [state]
        item, rest = row[0], row[1:]
        if isinstance(item, RoundOver):
            return self._after_round(item, rest, state)
        if isinstance(item, Going):
            return self._repeat(item, rest, state)
        if item.part.kind == "absent":
            noted = replace(state, checks=(*state.checks, Check(item.part.path, state.at)))
            return self.ways(rest, noted)
        if item.part.is_repetition:
            return self._repeat(self._start(item, state), rest, state)
        return [way for one in self._taken(item.part, self._limits(item, state), state) for way in self.ways(rest, one)]

    def begins(self, row: Row, state: State, at: int) -> bool:
        """Whether the row can begin with the event at this place."""
        if not row:
            return False
        item, rest = row[0], row[1:]
        if isinstance(item, RoundOver) or (isinstance(item, Ahead) and item.part.kind == "absent"):
            return self.begins(rest, state, at)
        if isinstance(item, Ahead) and item.part.is_repetition:
            item = self._start(item, replace(state, seen=at - 1))
        if isinstance(item, Going):
            if item.count != item.part.high and self.begins(self._round(item, state), state, at):
                return True
            return item.is_enough and self.begins(rest, state, at)
        silent = self._silence(item.part, self._limits(item, state), state)
        if silent is not None:
            return self.begins(rest, silent, at)
        return self._opens(item.part, self._limits(item, state), state, at)

    # Repetitions

    def _repeat(self, going: Going, rest: Row, state: State) -> list[State]:
        """Event by event: the rest begins, or a round does, or the event is passed over."""
        if going.count == going.part.high:
            return self.ways(rest, state)
        ended = self._missing(going, state) if going.count == 0 else state
        is_each = going.part.raw.get("how") == "each"
        for at in range(state.next, len(self.events)):
            if not self._is_allowed(self._round_limits(going, state), state, at):
                return self.ways(rest, replace(ended, seen=at - 1)) if going.is_enough else []
            fits = self.begins(self._round(going, state), state, at)
            if going.is_enough and self.begins(rest, ended, at):
                found = self.ways(rest, replace(ended, seen=at - 1))
                if not fits or any(way.has(at) for way in found):
                    return found
            if fits:
                shorter = self.ways(rest, ended) if is_each and going.is_enough else []
                return shorter + self._one_more(going, rest, replace(state, seen=at - 1), ended)
            if any(isinstance(limit, InRow) and len(state.bound) > limit.since for limit in going.limits):
                return self.ways(rest, replace(ended, seen=at - 1)) if going.is_enough else []
        return self.ways(rest, ended) if going.is_enough else []

    def _one_more(self, going: Going, rest: Row, state: State, ended: State) -> list[State]:
        """A round more; one that was begun and cannot be completed is not part of the repetition."""
        items = self._round(going, state)
        further = replace(going, count=going.count + 1)
        found = self.ways((*items, RoundOver(going, ended), further, *rest), state)
        if found or not going.is_enough or self.ways(items, state):
            return found
        at = next((at for at in range(state.next + 1, len(self.events)) if self.begins(rest, ended, at)), 0)
        return self.ways(rest, replace(ended, seen=at - 1) if at else ended)

    def _after_round(self, over: RoundOver, further: Row, state: State) -> list[State]:
        """Goes on, unless the rest already began inside the round: then the repetition ended before it."""
        rest = further[1:]
        places = [one.place for one in state.bound[len(over.ended.bound) :]]
        for at in range(places[0], places[-1] + 1) if over.going.is_enough else ():
            if self.begins(rest, over.ended, at):
                found = self.ways(rest, replace(over.ended, seen=at - 1))
                if at not in places or any(way.has(at) for way in found):
                    return found
        return self.ways(further, _closed(over, state))

    def _round(self, going: Going, state: State) -> Row:
        """What one round has to bind."""
        limits = self._round_limits(going, state)
        if going.part.kind == "group":
            return tuple(Ahead(part, limits) for part in going.part.steps)
        return (Ahead(going.part.once(), limits),)

    def _round_limits(self, going: Going, state: State) -> Limits:
        """The limits of one round; what one of them forbids it forbids for good: the repetition is broken off."""
        if not going.count or "max_gap" not in going.part.raw:
            return going.limits
        last = self.events[state.at].occurred_at
        edge = end_after(last, civil.length(going.part.raw["max_gap"]), self.place)
        return (*going.limits, Gap(edge, len(state.bound)))

    def _start(self, item: Ahead, state: State) -> Going:
        raw, limits = item.part.raw, self._limits(item, state)
        if raw.get("unbroken"):
            limits = (*limits, InRow(len(state.bound)))
        if "stop_at" in raw:
            stop = {"type": raw["stop_at"]} if isinstance(raw["stop_at"], str) else raw["stop_at"]
            places = (at for at in range(state.next, len(self.events)) if self.is_one_of(stop, state, at))
            limits = (*limits, Before(next(places, len(self.events))))
        return Going(item.part, limits, 0)

    def _missing(self, going: Going, state: State) -> State:
        """The optional step is not there; when its window ends matters to an absence until it.

        A step whose window counts from a name that is not bound could never come: nothing to wait for.
        """
        ends = [end for limit in going.limits if (end := limit.end(state, self.events))]
        first: Edge | None = min(ends, key=lambda edge: edge.at, default=None)
        return replace(state, missing=(*state.missing, (going.part.path, first)))

    # Single steps

    def _limits(self, item: Ahead, state: State) -> Limits:
        """The limits around a step and its own window, which counts from what is bound by now."""
        limits, raw = item.limits, item.part.raw
        if "right_after" in raw:
            limits = (*limits, InRow(-1))
        if "within" not in raw:
            return limits
        much, _, name = raw["within"].rpartition(" of ")
        if name == "first" or (name == "previous" and not state.bound):
            return (*limits, SinceFirst(civil.length(much), self.place, self.events))
        places = [state.at] if name == "previous" else state.places(name)
        if not places:
            return (*limits, Never())
        return (*limits, Until(end_after(self.events[places[-1]].occurred_at, civil.length(much), self.place)))

    def _taken(self, part: Part, limits: Limits, state: State) -> list[State]:
        """The step bound by the earliest events it can have; with `each` by every one."""
        if part.kind == "all_of":
            return self._all_of(part, limits, state)
        silent = self._silence(part, limits, state)
        if silent is not None:
            return [silent]
        found: list[State] = []
        for at in range(state.next, len(self.events)):
            if part.kind == "at_least":
                found += self._group_from(part, limits, state, at)
            else:
                found += [
                    state.bind(at, member.name, part.path) for member in self._fitting(part, limits, state, at)[:1]
                ]
            if found and not part.raw.get("each"):
                break
        return found

    def _opens(self, part: Part, limits: Limits, state: State, at: int) -> bool:
        if part.kind == "at_least":
            return bool(self._group_from(part, limits, state, at))
        return bool(self._fitting(part, limits, state, at))

    def _all_of(self, part: Part, limits: Limits, state: State) -> list[State]:
        """In order, each event to the first listed member that fits and is free."""
        free = list(part.members)
        for at in range(state.next, len(self.events)):
            member = next((m for m in free if self._fits(m, part, limits, state, at)), None)
            if member:
                free.remove(member)
                state = state.bind(at, member.name, part.path)
            if not free:
                return [state]
        return []

    def _group_from(self, part: Part, limits: Limits, state: State, at: int) -> list[State]:
        """The `at_least` group that begins with this event, if one does."""
        member, number = part.members[0], int(part.raw["at_least"].split(" ")[0])
        if not self._fits(member, part, limits, state, at):
            return []
        opened = state.bind(at, member.name, part.path)
        edge = end_after(self.events[at].occurred_at, civil.length(part.raw["in_any"]), self.place)
        windows = tuple(limit for limit in limits if not isinstance(limit, InRow))
        latest = {self._source(part, at): at}
        for other in range(at + 1, len(self.events)):
            if len(latest) == number or not is_before_end(self.events[other].occurred_at, edge):
                break
            if self._fits(member, part, windows, opened, other):
                latest[self._source(part, other)] = other
        places = sorted(latest.values())
        if len(places) < number or places[0] != at:
            return []
        for place in places:
            if not self._is_allowed(limits, state, place):
                return []
            state = state.bind(place, member.name, part.path)
        return [state]

    def _source(self, part: Part, at: int) -> object:
        return self.events[at].value(part.raw["distinct"]) if "distinct" in part.raw else at

    def _silence(self, part: Part, limits: Limits, state: State) -> State | None:
        """The state in which an absence among the members took the step, if one does."""
        edges = [edge for silence in part.silences if (edge := self._silent_until(silence, state))]
        if not edges:
            return None
        edge = min(edges, key=lambda one: one.at)
        for at in range(state.next, len(self.events)):
            if self._fitting(part, limits, state, at) and is_before_end(self.events[at].occurred_at, edge):
                return None
        return replace(state, deadlines=(*state.deadlines, edge.at))

    def _silent_until(self, silence: dict[str, str], state: State) -> Edge | None:
        """When this absence is complete; none if it does not hold."""
        much, _, name = silence["for"].rpartition(" after ")
        own = [state.bound[0].place] if name == "first" else state.places(name)
        if not own:
            return None
        edge = end_after(self.events[own[-1]].occurred_at, civil.length(much), self.place)
        what = {"type": silence["absent"]} | {key: silence[key] for key in ("where",) if key in silence}
        for at in range(own[-1] + 1, len(self.events)):
            if is_before_end(self.events[at].occurred_at, edge) and self.is_one_of(what, state, at):
                return None
        return edge

    # Single events

    def _fitting(self, part: Part, limits: Limits, state: State, at: int) -> list[Member]:
        return [member for member in part.members if self._fits(member, part, limits, state, at)]

    def _fits(self, member: Member, part: Part, limits: Limits, state: State, at: int) -> bool:
        if member.type not in ("*", self.events[at].type) or not self._is_allowed(limits, state, at):
            return False
        scope = self.scope(state.bind(at, member.name, part.path), at)
        return all(is_true(where, scope) for where in member.wheres)

    def _is_allowed(self, limits: Limits, state: State, at: int) -> bool:
        return all(limit.allows(state, at, self.events[at]) for limit in limits)

    def is_one_of(self, what: dict[str, str], state: State, at: int) -> bool:
        """Whether an event is of a type and fulfils its condition, beside what is bound."""
        return what["type"] in ("*", self.events[at].type) and is_true(what.get("where"), self.scope(state, at))

    def scope(self, state: State, at: int) -> Scope:
        """What a condition on this event may speak of."""
        names: dict[str, Event | tuple[Event, ...]] = dict.fromkeys(self.lists, ())
        for one in state.bound:
            event = self.events[one.place]
            names[one.name] = tuple(self.events[i] for i in state.places(one.name)) if one.name in self.lists else event
        return Scope(self.events[at], self.events[at - 1] if at else None, names)


def _closed(over: RoundOver, state: State) -> State:
    """Absences noted in the round speak of the names as they stood in it."""
    done = Round(frozenset(over.going.part.names()), len(over.ended.bound), len(state.bound))
    before = len(over.ended.checks)
    inside = tuple(replace(check, rounds=(*check.rounds, done)) for check in state.checks[before:])
    return replace(state, checks=state.checks[:before] + inside)
