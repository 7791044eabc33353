"""Repetitions and optional steps (`rules.md`, Steps and Meaning 4 and 5).

A repetition looks at the events one by one. What ends it, what goes to the next step and what it
takes is decided in `Round._choose`; the rest of the rule is asked whether it can begin with an event.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from processors.rules.matching.plan import RepeatPlan
from processors.rules.matching.run import (
    DONE,
    FAILED,
    Ends,
    Limit,
    Run,
    State,
    Tight,
    Wait,
    Way,
    joined,
    waiting,
    with_waits,
)
from processors.rules.matching.search import Group, Node
from processors.rules.model import How, walk
from processors.timeline import LiveEvent

MOST_GROUP_EVENTS = 150
"""Steps of all rounds of a group together: each round is searched within the one before."""


class Repeat(Node):
    """Binds its unit as often as `times` says; an optional one may stay empty."""

    def __init__(self, plan: RepeatPlan, unit: Node) -> None:
        self.plan, self.order, self.unit = plan, plan.order, unit
        self.is_group = isinstance(unit, Group)
        self.most = plan.times.most
        if isinstance(unit, Group) and self.most is None:
            self.most = max(plan.times.least, MOST_GROUP_EVENTS // len(list(walk(unit.plan.step.steps))))

    def search(self, run: Run, state: State, rest: Way) -> Ends:
        """From the earliest event it can begin with."""
        return Round(self, 0, state, rest).go(run, state)

    def begin(self, run: Run, state: State, place: int, rest: Way) -> Ends | None:
        """With the event at `place`, or empty with the rest beginning there."""
        return Round(self, 0, state, rest).at(run, state, place)


class _Taken(NamedTuple):
    """A round that was completed: the state after it, and the other way that may still be the right one."""

    state: State
    opens: tuple[Wait, ...]


class Round:
    """A repetition after `count` rounds, as a way.

    Attributes:
        entry: the state in which the repetition was entered.
        rest: what comes after it.
        reached: state in which the round that led here was complete first; None: it never was.
    """

    __slots__ = ("count", "entry", "reached", "repeat", "rest")

    def __init__(self, repeat: Repeat, count: int, entry: State, rest: Way) -> None:
        self.repeat: Final = repeat
        self.count: Final = count
        self.entry: Final = entry
        self.rest: Final = rest
        self.reached: State | None = None

    def go(self, run: Run, state: State) -> Ends:
        """Goes on: more rounds, then the rest."""
        self.reached = self.reached or state
        return self._march(run, state, ())

    def at(self, run: Run, state: State, place: int) -> Ends | None:
        """Goes on with the event at `place`: the rest with it, or another round."""
        self.reached = self.reached or state
        left = self._left(state)
        is_outside = run.live[place].line.occurred_at >= self._limit(run, state).end
        is_stopped = not self._is_full and not is_outside and self._stops(run, state, place)
        if is_stopped and self.count:
            # It ends what may still go on within the last round, too.
            return (self.rest.go(run, left) if self._may_end else FAILED)._replace(is_stopped=True)
        if self._is_full or is_outside or is_stopped:
            return self.rest.at(run, left, place) if self._is_full or self._may_end else None
        if self.count and state.next == self.entry.next:
            return None  # an empty round: no progress
        chosen = self._choose(run, state, left, place)
        if isinstance(chosen, _Taken):
            return self._next()._march(run, chosen.state, chosen.opens)
        return chosen

    def _next(self) -> Round:
        return Round(self.repeat, self.count + 1, self.entry, self.rest)

    def _march(self, run: Run, state: State, waits: tuple[Wait, ...]) -> Ends:
        """Round after round until it ends; with `each` every length on the way makes a match."""
        here, forks = self, list[Ends]()
        while True:
            left = here._left(state)
            found = here.rest.go(run, left) if here._is_full else here._look(run, state, left)
            is_fork = here.repeat.plan.times.how is How.EACH and here._may_end and not here._is_full
            if is_fork:
                forks.append(with_waits(here.rest.go(run, left), waits))
            if isinstance(found, Ends):
                return joined([*forks, with_waits(found, waits)]) if forks or waits else found
            state, waits, here = found.state, (*waits, *found.opens), here._next()

    def _look(self, run: Run, state: State, left: State) -> Ends | _Taken:
        """The next round, or how the repetition ends."""
        limit = self._limit(run, state)
        for place in range(state.next, len(run.live)):
            if run.live[place].line.occurred_at >= limit.end:
                break
            if self._stops(run, state, place):
                return self._ended(run, state, left, limit, run.live[place])
            chosen = self._choose(run, state, left, place)
            if chosen is not None:
                return chosen
            if self._is_next_only(state):
                return self._ended(run, state, left, limit, run.live[place])
        return self._ended(run, state, left, limit, None)

    def _choose(self, run: Run, state: State, left: State, place: int) -> Ends | _Taken | None:
        """What becomes of the event at `place`; None: nobody takes it.

        What fits both goes to the rest, unless the rest then cannot be bound; while it still may,
        the other way is right only once that has passed.
        """
        if not run.again():
            return FAILED
        leaving = self._leave(run, left, place)
        if leaving is not None and (leaving.is_stopped or leaving.takes(run.live[place])):
            return leaving
        taking = self._take(run, state, left, place)
        if taking is None or leaving is None:
            return leaving if taking is None else taking
        waits = leaving.pending(left)
        if isinstance(taking, _Taken):
            return _Taken(taking.state, (*taking.opens, *waits))
        return with_waits(taking, waits)

    def _leave(self, run: Run, left: State, place: int) -> Ends | None:
        """What comes of the rest if it begins with the event at `place`; None if it may not, or cannot.

        Where the rest forks, it does so from that event on: it is not only what begins with it.
        """
        leaving = self.rest.at(run, left, place) if self._may_end else None
        return self.rest.go(run, left) if leaving is not None and run.plan.is_forking else leaving

    def _take(self, run: Run, state: State, left: State, place: int) -> Ends | _Taken | None:
        """A round that begins with the event at `place`; None if none does."""
        if self._is_next_only(state) and place != state.next:
            return None
        inner, following = self._inside(state), self._next()
        is_group = self.repeat.is_group
        ends = self.repeat.unit.begin(run, inner, place, following if is_group else DONE)
        if ends is None:
            return None
        if not is_group and ends.complete:
            following.reached = ends.complete[0]
        waits: list[Wait] = []
        interrupted = self._interrupted(run, left, place, following.reached, waits)
        if interrupted is None and following.reached is None and self._may_end:
            # A round begun that does not come to its end is not part of the repetition.
            interrupted = with_waits(self.rest.go(run, left), ends.opens)
        if interrupted is not None:
            return with_waits(interrupted, tuple(waits))
        if not is_group and following.reached is not None:
            return _Taken(following.reached, tuple(waits))
        return with_waits(ends, tuple(waits))

    def _interrupted(self, run: Run, left: State, place: int, reached: State | None, waits: list[Wait]) -> Ends | None:
        """How the repetition ends before a round begun at `place` is complete; None: nothing ends it.

        An event with which the rest can begin ends it, unless the round takes that event and the
        rest could then not be bound; so does one that stops it. The open round is left out. While the
        rest may still be bound, what it has to wait for is added to `waits`.
        """
        for here in range(place + 1, len(run.live) if reached is None else reached.next):
            if self._stops(run, left, here):
                if self._may_end:
                    return self.rest.go(run, left)
                run.stuck(left, self.repeat.order, event=run.live[here])
                return FAILED
            leaving = self._leave(run, left, here)
            if leaving is None:
                continue
            is_taken = reached is not None and reached.binds(run.live[here])
            if leaving.is_stopped or not is_taken or leaving.takes(run.live[here]):
                return leaving
            waits.extend(leaving.pending(left))
        return None

    def _inside(self, state: State) -> State:
        plan = self.repeat.plan
        windows = self.entry.windows
        if plan.window is not None:
            windows = (*windows, (plan.window, self.entry.last))
        tight = state.tight
        if plan.is_right_after or (plan.times.is_unbroken and self.count):
            tight = Tight.NEXT
        elif plan.times.is_unbroken and tight is Tight.LOOSE:
            tight = Tight.ONCE_BEGUN
        return state._replace(windows=windows, tight=tight)

    def _left(self, state: State) -> State:
        """The state outside the repetition."""
        entry = self.entry
        tight = entry.tight if state.next == entry.next else entry.tight.after_event
        return state._replace(windows=entry.windows, tight=tight)

    @property
    def _may_end(self) -> bool:
        return self.count >= self.repeat.plan.times.least or (self.count == 0 and self.repeat.plan.is_optional)

    @property
    def _is_full(self) -> bool:
        times = self.repeat.plan.times
        return self.count == self.repeat.most or (times.how is How.SHORTEST and self.count >= times.least)

    def _is_next_only(self, state: State) -> bool:
        plan = self.repeat.plan
        return state.tight is Tight.NEXT or plan.is_right_after or (plan.times.is_unbroken and self.count > 0)

    def _stops(self, run: Run, state: State, place: int) -> bool:
        stop = self.repeat.plan.stop
        return stop is not None and run.fit(stop, place, state) is not None

    def _limit(self, run: Run, state: State) -> Limit:
        plan = self.repeat.plan
        limit = run.limit(state._replace(windows=self.entry.windows), plan.window, self.entry.last)
        if self.count and plan.times.max_gap is not None and state.last is not None:
            return min(limit, run.after(state.last, plan.times.max_gap))
        return limit

    def _ended(self, run: Run, state: State, left: State, limit: Limit, by: LiveEvent | None) -> Ends:
        """Nothing more to take: ended `by` an event, else by the clock at `limit`."""
        wait = waiting(limit, self.repeat.plan.source)
        if not self._may_end:
            run.stuck(state, self.repeat.order, limit, by)
            return FAILED if by is not None else Ends(opens=(wait,))
        rest = self.rest.go(run, left)
        if by is not None:
            return rest
        if self.repeat.plan.times.how is How.EACH:
            return Ends(rest.complete, (*rest.opens, wait))
        complete = tuple(s._replace(waits=(*s.waits, wait)) if s.next == left.next else s for s in rest.complete)
        # While the repetition may still grow the run is open, whatever the rest would need without it.
        return Ends(complete, rest.opens if complete else (*rest.opens, wait))
