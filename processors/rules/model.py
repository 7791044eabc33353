"""A rule as typed, frozen values: what a document says, nothing about how it is matched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from processors.civil_time import Duration

FIRST = "first"
PREVIOUS = "previous"
ANY_TYPE = "*"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a rule document is refused: where, what, and what to do about it."""

    file: str
    line: int
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.problem}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class Where:
    """A condition in CEL, as written; `line` is its line in the document."""

    source: str
    line: int


@dataclass(frozen=True, slots=True)
class Member:
    """One alternative of a step: an event type, perhaps named, perhaps with a condition of its own."""

    type: str
    name: str | None = None
    where: Where | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """`within: D of ANCHOR`; the anchor is a name, `first` or `previous`."""

    duration: Duration
    anchor: str = PREVIOUS


@dataclass(frozen=True, slots=True)
class EventStep:
    """A step that binds events: `when`, `then`, `at_least`.

    Attributes:
        position: place in the document's list of steps, from 1.
        line: its line.
        members: alternatives in the order listed.
        name: given by `as`; None if the members are named or nobody is.
        where: condition on whichever member fits.
        within: window of the step.
        count: how many events (`at_least: N`), else 1.
        in_any: window of the sliding count.
        distinct: envelope field whose values are counted instead of events.
        types: what its members can bind.
    """

    position: int
    line: int
    members: tuple[Member, ...]
    name: str | None = None
    where: Where | None = None
    within: Window | None = None
    count: int = 1
    in_any: Duration | None = None
    distinct: str | None = None
    types: frozenset[str] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "types", frozenset(member.type for member in self.members))

    def name_of(self, member: Member) -> str:
        """Name under which an event bound by `member` appears in output."""
        return member.name or self.name or f"step{self.position}"


@dataclass(frozen=True, slots=True)
class AbsenceStep:
    """A step that checks that something did not occur.

    Attributes:
        position, line: as in `EventStep`.
        members: what must not occur.
        where: only such events count.
        duration, after: `for: D after NAME`.
        until: name of a later step.
        types: what contradicts it.
    """

    position: int
    line: int
    members: tuple[Member, ...]
    where: Where | None = None
    duration: Duration | None = None
    after: str | None = None
    until: str | None = None
    types: frozenset[str] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "types", frozenset(member.type for member in self.members))


Step = EventStep | AbsenceStep


class ReportKind(StrEnum):
    """How often matches of a rule are told, per person."""

    EACH_RUN = "each run"
    ONCE = "once"
    NOT_AGAIN = "not again"


@dataclass(frozen=True, slots=True)
class Report:
    """`report`; `pause` only with `not again for D`."""

    kind: ReportKind = ReportKind.EACH_RUN
    pause: Duration | None = None


class Overlap(StrEnum):
    """Whether a match keeps later runs from opening within it."""

    START_AFTER = "start after"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Offer:
    """What a match proposes, to whom and how fast.

    Attributes:
        services: names from the service directory.
        urgency: `low`, `normal` or `high`.
        respond_within: time the lead team has.
        hold: quarantine before anything irreversible.
        lead: team.
    """

    services: tuple[str, ...]
    urgency: str
    respond_within: Duration
    hold: Duration
    lead: str


@dataclass(frozen=True, slots=True)
class ExampleEvent:
    """One event of an example; `attributes` are as written, `agency` as in `agency=x`."""

    at: str
    type: str
    attributes: Mapping[str, str | float | bool | None]
    envelope: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Example:
    """A worked example; `expect` holds the local days of the matches, none for `nothing`."""

    name: str
    line: int
    events: tuple[ExampleEvent, ...]
    expect: tuple[date, ...]


@dataclass(frozen=True, slots=True)
class Valid:
    """Days on which matches may complete, both inclusive."""

    start: date = date.min
    end: date = date.max


@dataclass(frozen=True, slots=True)
class Rule:
    """One version of a rule.

    Attributes:
        title, explain: by language; one given without a language stands under ``.
        late_accept: how late an event may come and still be used.
        within: from first to last event of a match.
        lines: line of each top-level key, for messages.
    """

    name: str
    version: int
    file: str
    steps: tuple[Step, ...]
    title: Mapping[str, str]
    explain: Mapping[str, str]
    owner: str
    purpose: str
    valid: Valid
    report: Report
    overlap: Overlap
    within: Duration | None
    late_accept: Duration
    offer: Offer | None
    examples: tuple[Example, ...]
    lines: Mapping[str, int]

    @property
    def key(self) -> str:
        """`name/version`."""
        return f"{self.name}/{self.version}"

    @property
    def types(self) -> frozenset[str]:
        """Every type the rule speaks of."""
        return frozenset().union(*(step.types for step in self.steps))

    @property
    def event_steps(self) -> tuple[EventStep, ...]:
        """The steps that bind events, in order."""
        return tuple(step for step in self.steps if isinstance(step, EventStep))

    @property
    def absence_steps(self) -> tuple[AbsenceStep, ...]:
        """The steps that check absences, in order."""
        return tuple(step for step in self.steps if isinstance(step, AbsenceStep))


def in_language(texts: Mapping[str, str], language: str) -> str:
    """The text in that language, else the one without a language, else the first given."""
    return texts.get(language) or texts.get("") or next(iter(texts.values()), "")
