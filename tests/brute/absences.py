"""Absences, checked when every positive step is bound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.brute import civil
from tests.brute.binding import Binder
from tests.brute.civil import end_after, is_after_start, is_before_end, start_before
from tests.brute.limits import Check, State


@dataclass(frozen=True)
class Absences:
    """The absences of one rule; `began` is when every feed began, `paths` where each name is bound."""

    binder: Binder
    began: int
    paths: dict[str, tuple[int, ...]]
    steps: dict[tuple[int, ...], dict[str, Any]]

    def deadlines(self, state: State) -> list[int] | None:
        """The deadlines that had to pass, those of `any_of` too; none at all if an absence fails."""
        found: list[int] = list(state.deadlines)
        for check in state.checks:
            one = [] if self.steps[check.path].get("again") else self._deadlines(check, state, 1)
            if one is None:
                return None
            found += one
        return found

    def firings(self, state: State, end: int) -> list[tuple[int, int]] | None:
        """The counts and deadlines at which an `again` fires, up to the end of the rule's window; None without one."""
        repeated = [check for check in state.checks if self.steps[check.path].get("again")]
        if not repeated:
            return None
        found: list[tuple[int, int]] = []
        while (at := self._deadlines(repeated[0], state, len(found) + 1)) and at[0] <= end:
            found.append((len(found) + 1, at[0]))
        return found

    def _deadlines(self, check: Check, state: State, count: int) -> list[int] | None:
        """The deadlines of one absence; None if it does not hold."""
        raw = self.steps[check.path]
        if " before " in raw.get("for", ""):
            return [] if self._looking_back(check, state) else None
        if raw.get("until") == "next event":
            return self._next_event(check, state)
        return self._span(check, state, count)

    def _looking_back(self, check: Check, state: State) -> bool:
        much, _, name = self.steps[check.path]["for"].rpartition(" before ")
        own = self._places(name, check, state)
        if not own:
            return False
        start = start_before(self._time(own[0]), civil.length(much), self.binder.place)
        places = [at for at in range(own[0]) if is_after_start(self._time(at), start)]
        return self.began <= start.at and not self._is_contradicted(check, state, places)

    def _next_event(self, check: Check, state: State) -> list[int] | None:
        after = check.after + 1
        if after >= len(self.binder.events) or self._is_contradicted(check, state, [after]):
            return None
        if "for" not in self.steps[check.path]:
            return [self._time(after)]
        waited = self._span(check, state, 1)
        return None if waited is None else [self._time(after), *waited]

    def _span(self, check: Check, state: State, count: int) -> list[int] | None:
        """Between two events, or through a time, or through the later of the two."""
        raw, start, own, ends = self.steps[check.path], check.after, set[int](), list[Callable[[int], bool]]()
        deadlines: list[int] = []
        if "for" in raw:
            much, _, name = raw["for"].rpartition(" after ")
            places = self._places(name, check, state)
            if not places:
                return None
            start, own = places[-1], own | set(places)
            edge = end_after(self._time(start), civil.length(much).times(count), self.binder.place)
            deadlines.append(edge.at)
            ends.append(lambda at: is_before_end(self._time(at), edge))
        if raw.get("until", "next event") != "next event":
            until = self._until(raw["until"], check, state)
            if until is None:
                return None
            own |= until[0]
            deadlines += until[1]
            ends.append(until[2])
        places = [at for at in range(start + 1, len(self.binder.events)) if at not in own and any(e(at) for e in ends)]
        return None if self._is_contradicted(check, state, places) else deadlines

    def _until(self, name: str, check: Check, state: State) -> tuple[set[int], list[int], Callable[[int], bool]] | None:
        """NAME's own events, deadlines it brings, and which places lie before it; None if it never comes."""
        own = self._places(name, check, state)
        gone = next((one for one in state.missing if self.paths[name][: len(one[0])] == one[0]), None)
        if not own and gone:
            later = [one for one in state.bound if one.path > gone[0]]
            own = [one.place for one in later if one.path == later[0].path]
        if own:
            return set(own), [], lambda at: at < own[0]
        edge = gone and gone[1]
        if not edge:
            return None
        return set(), [edge.at], lambda at: is_before_end(self._time(at), edge)

    def _places(self, name: str, check: Check, state: State) -> list[int]:
        """Where the events of a name are; of a name bound in the check's own round, those of the round."""
        if name == "first":
            return [state.bound[0].place]
        for done in check.rounds:
            if name in done.names:
                return [one.place for one in state.bound[done.since : done.until] if one.name == name]
        return state.places(name)

    def _is_contradicted(self, check: Check, state: State, places: list[int]) -> bool:
        """Whether what must be absent is among these places."""
        raw = self.steps[check.path]
        what = raw["absent"] if isinstance(raw["absent"], dict) else {"any_of": [raw["absent"]]}
        word = "all_of" if "all_of" in what else "any_of"
        free = [{"type": one} if isinstance(one, str) else one for one in what[word]]
        number = len(free)
        for at in places:
            if "where" in raw and not self.binder.is_one_of({"type": "*", "where": raw["where"]}, state, at):
                continue
            found = next((one for one in free if self.binder.is_one_of(one, state, at)), None)
            if found:
                free.remove(found)
        return not free if word == "all_of" else len(free) < number

    def _time(self, at: int) -> int:
        return self.binder.events[at].occurred_at
