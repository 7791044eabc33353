"""How steps bind events: each kind of step as `search` (find the event) and `begin` (with this one).

A run takes the earliest fitting event for each step and does not try again with a later one
(`rules.md`, Meaning 4). What repeats is in `repetition`; absences are noted on the way and checked
in `absences`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from processors.rules.matching.plan import AbsencePlan, AllPlan, Choice, CountPlan, GroupPlan, OnePlan
from processors.rules.matching.run import (
    DONE,
    FAILED,
    Bound,
    Ends,
    Limit,
    Mark,
    Run,
    State,
    Tight,
    Wait,
    Way,
    joined,
    waiting,
)
from processors.timeline import LiveEvent


class Node:
    """A step that can be searched for."""

    order: int

    def search(self, run: Run, state: State, rest: Way) -> Ends:
        """Finds the earliest event it can begin with, and goes on."""
        raise NotImplementedError

    def begin(self, run: Run, state: State, place: int, rest: Way) -> Ends | None:
        """Begins with the event at `place` and goes on; None if it does not fit."""
        raise NotImplementedError


class Then:
    """A step and what comes after it, as a way."""

    __slots__ = ("node", "rest")

    def __init__(self, node: Node, rest: Way) -> None:
        self.node: Final = node
        self.rest: Final = rest

    def go(self, run: Run, state: State) -> Ends:
        """Searches for the step."""
        return self.node.search(run, state, self.rest)

    def at(self, run: Run, state: State, place: int) -> Ends | None:
        """Begins the step at `place`."""
        return self.node.begin(run, state, place, self.rest)


def way(nodes: Sequence[Node], rest: Way = DONE) -> Way:
    """Nodes in a row, then `rest`."""
    for node in reversed(nodes):
        rest = Then(node, rest)
    return rest


class One(Node):
    """Binds one event."""

    def __init__(self, plan: OnePlan) -> None:
        self.plan, self.order = plan, plan.order

    def search(self, run: Run, state: State, rest: Way) -> Ends:
        """The earliest fitting event; each of them with `each`."""
        plan, live = self.plan, run.live
        limit = run.limit(state, plan.window, state.last)
        is_next_only = plan.is_right_after or state.tight is Tight.NEXT
        forks: list[Ends] = []
        for place in range(state.next, len(live)):
            if live[place].line.occurred_at >= limit.end:
                break
            found = self._take(run, state, place, rest)
            if found is not None and not plan.is_each:
                return found
            if found is not None:
                forks.append(found)
            elif is_next_only:
                run.stuck(state, self.order, limit, live[place])
                return FAILED
        run.stuck(state, self.order, limit)
        return joined([*forks, Ends(opens=(waiting(limit, plan.source),))])

    def begin(self, run: Run, state: State, place: int, rest: Way) -> Ends | None:
        """Takes the event at `place` if it fits."""
        if (self.plan.is_right_after or state.tight is Tight.NEXT) and place != state.next:
            return None
        if run.live[place].line.occurred_at >= run.limit(state, self.plan.window, state.last).end:
            return None
        return self._take(run, state, place, rest)

    def _take(self, run: Run, state: State, place: int, rest: Way) -> Ends | None:
        found = run.fit(self.plan.choice, place, state)
        if found is None:
            return None
        bound = Bound(self.order, found.name, run.live[place], found.place)
        return rest.go(run, state.bind((bound,), place))


class OneOrSilence(One):
    """Binds one event, or an absence takes the step when its deadline passes before one came."""

    def search(self, run: Run, state: State, rest: Way) -> Ends:
        """The earliest fitting event before the silence is over, else the silence."""
        limit = run.limit(state, self.plan.window, state.last)
        silence = self._silence(run, state)
        end = limit.end if silence is None else min(limit.end, silence[0].end)
        for place in range(state.next, len(run.live)):
            if run.live[place].line.occurred_at >= end:
                break
            found = self._take(run, state, place, rest)
            if found is not None:
                return found
            if self.plan.is_right_after or state.tight is Tight.NEXT:
                break
        if silence is not None:
            return rest.go(run, self._silent(state, *silence))
        run.stuck(state, self.order, limit)
        return Ends(opens=(waiting(limit, self.plan.source),))

    def begin(self, run: Run, state: State, place: int, rest: Way) -> Ends | None:
        """Takes the event, or, if the silence takes the step, lets the rest begin with it."""
        silence = self._silence(run, state)
        if silence is None or run.live[place].line.occurred_at < silence[0].end:
            found = super().begin(run, state, place, rest)
            if found is not None or silence is None:
                return found
        if self._is_told(run, state, silence[0]):
            return None
        return rest.at(run, self._silent(state, *silence), place)

    def _is_told(self, run: Run, state: State, limit: Limit) -> bool:
        """Whether an event takes the step before the silence is over."""
        end = min(limit.end, run.limit(state, self.plan.window, state.last).end)
        return any(
            run.live[place].line.occurred_at < end and run.fit(self.plan.choice, place, state) is not None
            for place in range(state.next, len(run.live))
        )

    def _silence(self, run: Run, state: State) -> tuple[Limit, Wait, bool] | None:
        """The silence that is over first and that nothing contradicts: its window, what it waits for."""
        found = []
        for each in self.plan.silences:
            anchor = state.first if each.after == "first" else state.named(each.after)
            if anchor is None:
                continue
            limit = run.after(anchor, each.duration)
            if not _occurs(run, each.choice, anchor, limit, state):
                found.append((limit, waiting(limit, self.plan.source), not each.duration.is_exact))
        return min(found, default=None)

    @staticmethod
    def _silent(state: State, limit: Limit, wait: Wait, ends_day: bool) -> State:
        is_later = limit.over > state.over
        return state._replace(
            waits=(*state.waits, wait),
            over=limit.over if is_later else state.over,
            ends_day=ends_day if is_later else state.ends_day,
        )


def _occurs(run: Run, choice: Choice, anchor: LiveEvent, limit: Limit, state: State) -> bool:
    return any(
        event.at > anchor.at and event.line.occurred_at < limit.end and run.fit(choice, place, state) is not None
        for place, event in enumerate(run.live)
    )


class All(Node):
    """Binds one event for each member, in any order."""

    def __init__(self, plan: AllPlan) -> None:
        self.plan, self.order = plan, plan.order

    def search(self, run: Run, state: State, rest: Way) -> Ends:
        """From the earliest event that fits any member."""
        limit = run.limit(state, self.plan.window, state.last)
        for place in range(state.next, len(run.live)):
            if run.live[place].line.occurred_at >= limit.end:
                break
            found = self.begin(run, state, place, rest)
            if found is not None:
                return found
            if self.plan.is_right_after or state.tight is Tight.NEXT:
                run.stuck(state, self.order, limit, run.live[place])
                return FAILED
        run.stuck(state, self.order, limit)
        return Ends(opens=(waiting(limit, self.plan.source),))

    def begin(self, run: Run, state: State, place: int, rest: Way) -> Ends | None:
        """Each event goes to the first listed member that fits and is still free."""
        is_next_only = self.plan.is_right_after or state.tight is Tight.NEXT
        if is_next_only and place != state.next:
            return None
        bound: list[Bound] = []
        now = state
        for here in range(place, len(run.live)):
            event = run.live[here]
            limit = run.limit(now, self.plan.window, state.last)
            if event.line.occurred_at >= limit.end:
                break
            found = self._free(run, here, now, bound)
            if found is None and here == place:
                return None
            if found is not None:
                bound.append(found)
                now = now.bind((found,), here)
                if len(bound) == self.plan.choice.size:
                    return rest.go(run, now)
            elif is_next_only or now.tight is Tight.NEXT:
                run.stuck(now, self.order, limit, event)
                return FAILED
        if not bound:
            return None
        limit = run.limit(now, self.plan.window, state.last)
        run.stuck(now, self.order, limit)
        return Ends(opens=(waiting(limit, self.plan.source),))

    def _free(self, run: Run, place: int, state: State, bound: Sequence[Bound]) -> Bound | None:
        taken = {each.member for each in bound}
        for alternative in self.plan.choice.of(run.live[place].line.type):
            if alternative.place not in taken and run.holds(alternative, place, state):
                return Bound(self.order, alternative.name, run.live[place], alternative.place)
        return None


class Count(Node):
    """Binds the first group of N events that lie close enough together."""

    def __init__(self, plan: CountPlan) -> None:
        self.plan, self.order = plan, plan.order

    def search(self, run: Run, state: State, rest: Way) -> Ends:
        """The earliest place at which a whole group begins."""
        limit = run.limit(state, self.plan.window, state.last)
        for place in range(state.next, len(run.live)):
            if run.live[place].line.occurred_at >= limit.end:
                break
            found = self.begin(run, state, place, rest)
            if found is not None:
                return found
        run.stuck(state, self.order, limit)
        return Ends(opens=(waiting(limit, self.plan.source),))

    def begin(self, run: Run, state: State, place: int, rest: Way) -> Ends | None:
        """The group that begins with the event at `place`, if it is whole."""
        if state.tight is Tight.NEXT and place != state.next:
            return None
        places, is_open = self._group(run, state, place)
        if places:
            name = self.plan.step.name or f"step{self.plan.step.position}"
            bound = tuple(Bound(self.order, name, run.live[each], 0) for each in places)
            return rest.go(run, state.bind(bound, places[-1]))
        if is_open and state.tight is Tight.NEXT:
            return Ends(opens=(waiting(run.limit(state, self.plan.window, state.last), self.plan.source),))
        return None

    def _group(self, run: Run, state: State, place: int) -> tuple[list[int], bool]:
        """Places of the group, empty if it is not whole; whether more events could still make it so.

        With `distinct` the latest event of each source is bound; a group that then begins later is
        found from its own beginning.
        """
        step, opening = self.plan.step, run.live[place]
        opened = state if state.first is not None else state._replace(first=opening)
        end = min(run.limit(opened, self.plan.window, state.last).end, run.after(opening, step.in_any).end)
        latest: dict[str, int] = {}
        for here in range(place, len(run.live)):
            event = run.live[here]
            if event.line.occurred_at >= end:
                return [], False
            if run.fit(self.plan.choice, here, state) is None:
                if here == place or state.tight is not Tight.LOOSE:
                    return [], False
                continue
            latest[str(getattr(event.line, step.distinct)) if step.distinct else event.root] = here
            if len(latest) == step.count:
                places = sorted(latest.values())
                return (places, False) if places[0] == place else ([], False)
        return [], True


class Group(Node):
    """Binds what its steps bind, in order."""

    def __init__(self, plan: GroupPlan, nodes: Sequence[Node]) -> None:
        self.plan, self.order, self.nodes = plan, plan.order, nodes

    def search(self, run: Run, state: State, rest: Way) -> Ends:
        """Searches for its first step."""
        return way(self.nodes, rest).go(run, state)

    def begin(self, run: Run, state: State, place: int, rest: Way) -> Ends | None:
        """Begins its first step at `place`."""
        return way(self.nodes, rest).at(run, state, place)


class Absence(Node):
    """Notes an absence on the way; it is checked when everything is bound."""

    def __init__(self, plan: AbsencePlan) -> None:
        self.plan, self.order, self.mark = plan, plan.order, Mark(plan)

    def search(self, run: Run, state: State, rest: Way) -> Ends:
        """Goes on behind it."""
        return rest.go(run, state.passing(self.mark))

    def begin(self, run: Run, state: State, place: int, rest: Way) -> Ends | None:
        """What comes after it begins at `place`."""
        return rest.at(run, state.passing(self.mark), place)
