"""A rule made ready to match: its steps as nodes that know their types, conditions, windows and feeds.

Values only: `compiling` makes them, once for each rule; what the nodes do with a timeline is in
`search`, `repetition` and `absences`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from processors.civil_time import Calendar, Duration
from processors.civil_time import Window as CivilWindow
from processors.rules.conditions import Condition
from processors.rules.model import (
    ANY_TYPE,
    AbsenceStep,
    CountStep,
    EventStep,
    GroupStep,
    OnCorrection,
    Repetition,
    Rule,
    Window,
)
from processors.timeline import Lateness

FOREVER = 1 << 62


@dataclass(frozen=True, slots=True, eq=False)
class Guard:
    """A condition an event must hold to be taken.

    Attributes:
        is_own: it reads nothing but the event itself, so its verdict can be remembered.
        own_name: name under which it sees the event itself; None: under none.
        is_list: that name is the list so far, including this event.
        reads_before: it looks at the event just before on the timeline.
        hidden: types that it does not see there: seeking help and receiving benefits bring no match about.
    """

    condition: Condition
    is_own: bool
    own_name: str | None
    is_list: bool
    reads_before: bool
    hidden: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class Alternative:
    """A member an event can be taken by: its place in the list, the name it binds, its guards."""

    place: int
    name: str
    guards: tuple[Guard, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """Which events a step takes: the alternatives by event type, in the order listed.

    Attributes:
        by_type: alternatives of the types named.
        others: alternatives of every other type (from `"*"`).
        never: types that `others` does not speak for.
        size: how many members there are.
    """

    by_type: Mapping[str, tuple[Alternative, ...]]
    others: tuple[Alternative, ...]
    never: frozenset[str]
    size: int

    def of(self, event_type: str) -> tuple[Alternative, ...]:
        """The alternatives an event of that type can be taken by."""
        found = self.by_type.get(event_type)
        if found is not None:
            return found
        return self.others if self.others and event_type not in self.never else ()


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Where the events of a step come from.

    Attributes:
        feeds: that bring its types.
        settles_ms: how long the slowest of them takes to record.
        later_ms: how much later than this step the last event of a match can be, at most.
    """

    feeds: tuple[str, ...]
    settles_ms: int
    later_ms: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class SilencePlan:
    """A member of `any_of` that is an absence."""

    choice: Choice
    duration: Duration
    after: str


@dataclass(frozen=True, slots=True, eq=False)
class OnePlan:
    """Binds one event; with `silences` an absence may take the step instead."""

    order: int
    step: EventStep
    choice: Choice
    window: Window | None
    is_right_after: bool
    is_each: bool
    source: Source
    silences: tuple[SilencePlan, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class AllPlan:
    """Binds one event for each member, in any order."""

    order: int
    step: EventStep
    choice: Choice
    window: Window | None
    is_right_after: bool
    source: Source


@dataclass(frozen=True, slots=True, eq=False)
class CountPlan:
    """Binds the first group of `step.count` events that lie within `step.in_any`."""

    order: int
    step: CountStep
    choice: Choice
    window: Window | None
    source: Source


@dataclass(frozen=True, slots=True, eq=False)
class GroupPlan:
    """Binds what its nodes bind, in order."""

    order: int
    step: GroupStep
    nodes: tuple[NodePlan, ...]
    source: Source


@dataclass(frozen=True, slots=True, eq=False)
class RepeatPlan:
    """Binds its unit again and again; an optional step is a repetition that may stay empty."""

    order: int
    step: EventStep | CountStep | GroupStep
    unit: OnePlan | AllPlan | CountPlan | GroupPlan
    times: Repetition
    window: Window | None
    is_right_after: bool
    is_optional: bool
    stop: Choice | None
    source: Source


@dataclass(frozen=True, slots=True, eq=False)
class AbsencePlan:
    """Checks that something did not occur; `until` is the order of the step it names."""

    order: int
    step: AbsenceStep
    choice: Choice
    until: int | None
    source: Source


NodePlan = OnePlan | AllPlan | CountPlan | GroupPlan | RepeatPlan | AbsencePlan


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A rule made ready to match.

    Attributes:
        rule: as written.
        calendar: for its windows.
        nodes: its steps.
        windows: by order, the window of each step; for absences until an optional step that is missing.
        sees: types of its timeline; None: all.
        is_forking: whether one run can end in several matches.
        never: types that bring no match about.
        lists: names that conditions see as lists.
        is_narrow: whether other events than those it speaks of make a difference to it, so that its
            timeline must hold exactly the types it sees.
        needs: for each step that must be bound, the types one of which it needs; any: left out.
        feeds: every feed whose silence could matter to it.
        settles_ms: how long the slowest of those takes.
        lateness: which lines come too late for it.
        spans: its windows, filled as they are needed.
        opening: types that can open a run; None: any.
        delay_ms: how long after any event it binds a match is complete at the earliest, ms.
        span_ms: sum of its windows, ms. horizon_ms: with `late.accept`.
        valid_from, valid_until: ms; matches completing in [from, until) are its own.
    """

    rule: Rule
    calendar: Calendar
    nodes: tuple[NodePlan, ...]
    windows: Mapping[int, Window | None]
    sees: frozenset[str] | None
    is_forking: bool
    never: frozenset[str]
    lists: frozenset[str]
    is_narrow: bool
    needs: tuple[frozenset[str], ...]
    feeds: tuple[str, ...]
    settles_ms: int
    lateness: Lateness
    spans: dict[Duration, CivilWindow]
    opening: frozenset[str] | None
    delay_ms: int
    span_ms: int
    horizon_ms: int
    valid_from: int
    valid_until: int

    def can_concern(self, event_type: str) -> bool:
        """Whether an event of that type can make a difference to it."""
        types = self.rule.types
        if event_type in types or ANY_TYPE in types:
            return True
        return self.is_narrow and (self.sees is None or event_type in self.sees)

    @property
    def is_recheck(self) -> bool:
        """Whether a correction simply decides anew."""
        return self.rule.on_correction is OnCorrection.RECHECK
