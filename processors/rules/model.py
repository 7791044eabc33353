"""A rule as typed, frozen values: what a document says, nothing about how it is matched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from processors.civil_time import Duration, Unit

FIRST = "first"
PREVIOUS = "previous"
ANY_TYPE = "*"

_THIRTY_DAYS = Duration(30, Unit.DAYS)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a rule document is refused: where, what, and what to do about it; or, as a warning, what to look at again."""

    file: str
    line: int
    problem: str
    remedy: str
    is_warning: bool = False

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {'warning: ' if self.is_warning else ''}{self.problem}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class Where:
    """A condition in CEL, as written; `line` is its line in the document."""

    source: str
    line: int


@dataclass(frozen=True, slots=True)
class Member:
    """One alternative or part of a step: an event type, perhaps named, perhaps with a condition of its own."""

    type: str
    name: str | None = None
    where: Where | None = None


@dataclass(frozen=True, slots=True)
class Silence:
    """A member of `any_of` that is an absence: nothing of `type` for `duration` after `after`."""

    type: str
    where: Where | None
    duration: Duration
    after: str


@dataclass(frozen=True, slots=True)
class Window:
    """`within: D of ANCHOR`; the anchor is a name, `first` or `previous`."""

    duration: Duration
    anchor: str = PREVIOUS


class How(StrEnum):
    """How far a repetition goes."""

    LONGEST = "longest"
    SHORTEST = "shortest"
    EACH = "each"


@dataclass(frozen=True, slots=True)
class Repetition:
    """`times` and what belongs to it.

    Attributes:
        least, most: how often; `most` is None for `at least N`.
        how: how far it goes.
        stop_at: event that ends it and is not part of it.
        max_gap: longest time from one round to the next.
        is_unbroken: nothing lies in between.
    """

    least: int = 1
    most: int | None = 1
    how: How = How.LONGEST
    stop_at: Member | None = None
    max_gap: Duration | None = None
    is_unbroken: bool = False


ONCE = Repetition()


@dataclass(frozen=True, slots=True)
class EventStep:
    """`when`, `then` and `right_after`: a step that binds one event, or with `all_of` one for each member.

    Attributes:
        position: place in the document's list of steps, from `1`; in a group `2.1`.
        line: its line.
        members: alternatives (or, with `is_all`, parts) in the order listed.
        name: given by `as`; None if the members are named or nobody is.
        where: condition on whichever member fits.
        within: window of the step, for all its events.
        is_opening: `when`.
        is_right_after: only the very next event will do.
        is_all: `all_of`.
        silences: members of `any_of` that are absences.
        is_each: every later fitting event makes its own match.
        is_optional: it may be missing.
        repetition: `times`.
    """

    position: str
    line: int
    members: tuple[Member, ...]
    name: str | None = None
    where: Where | None = None
    within: Window | None = None
    is_opening: bool = False
    is_right_after: bool = False
    is_all: bool = False
    silences: tuple[Silence, ...] = ()
    is_each: bool = False
    is_optional: bool = False
    repetition: Repetition = ONCE

    @property
    def is_many(self) -> bool:
        """Whether its own name, if it has one, can hold several events."""
        return self.repetition.most != 1 or (self.is_all and self.name is not None)

    @property
    def types(self) -> frozenset[str]:
        """What it can bind."""
        return frozenset(member.type for member in self.members)

    @property
    def all_types(self) -> frozenset[str]:
        """Every type it speaks of."""
        stop = self.repetition.stop_at
        return self.types | {silence.type for silence in self.silences} | ({stop.type} if stop else set())


@dataclass(frozen=True, slots=True)
class CountStep:
    """`at_least: N T` with `in_any`: a sliding count.

    Attributes:
        position, line, name, where, within, is_optional: as in `EventStep`.
        members: the one type counted.
        count: how many.
        in_any: the window they must lie in.
        distinct: envelope field whose values are counted instead of events.
    """

    position: str
    line: int
    members: tuple[Member, ...]
    count: int
    in_any: Duration
    name: str | None = None
    where: Where | None = None
    within: Window | None = None
    distinct: str | None = None
    is_optional: bool = False

    @property
    def is_many(self) -> bool:
        """Its name always holds a list."""
        return True

    @property
    def types(self) -> frozenset[str]:
        """What it can bind."""
        return frozenset(member.type for member in self.members)

    @property
    def all_types(self) -> frozenset[str]:
        """Every type it speaks of."""
        return self.types


NEXT_EVENT = "next event"


@dataclass(frozen=True, slots=True)
class AbsenceStep:
    """A step that checks that something did not occur.

    Attributes:
        position, line: as in `EventStep`.
        members: what must not occur; with `is_all` not all of them.
        where: only such events count.
        duration, anchor: `for: D after NAME`; with `is_looking_back` `for: D before NAME`.
        until: name of a later step, or `NEXT_EVENT`.
        is_again: fires anew after each further `duration`.
    """

    position: str
    line: int
    members: tuple[Member, ...]
    where: Where | None = None
    duration: Duration | None = None
    anchor: str | None = None
    is_looking_back: bool = False
    until: str | None = None
    is_all: bool = False
    is_again: bool = False

    @property
    def types(self) -> frozenset[str]:
        """What contradicts it."""
        return frozenset(member.type for member in self.members)

    @property
    def all_types(self) -> frozenset[str]:
        """Every type it speaks of."""
        return self.types


@dataclass(frozen=True, slots=True)
class GroupStep:
    """`group`: steps as a unit, so that `times`, `within`, `optional` apply to all of them."""

    position: str
    line: int
    steps: tuple[Step, ...]
    within: Window | None = None
    is_optional: bool = False
    repetition: Repetition = ONCE

    @property
    def all_types(self) -> frozenset[str]:
        """Every type its steps speak of."""
        stop = self.repetition.stop_at
        return frozenset().union(*(step.all_types for step in self.steps)) | ({stop.type} if stop else set())


Step = EventStep | CountStep | AbsenceStep | GroupStep
Binding = EventStep | CountStep
"""A step that binds events itself."""


def walk(steps: Iterable[Step]) -> Iterator[Step]:
    """Every step in the order of the document, groups before what they hold."""
    for step in steps:
        yield step
        if isinstance(step, GroupStep):
            yield from walk(step.steps)


def name_of(step: Binding, member: Member) -> str:
    """Name under which an event bound by `member` appears in output."""
    return member.name or step.name or f"step{step.position}"


class Subject(StrEnum):
    """Whose timeline a rule reads: `per`."""

    PERSON = "person"
    HOUSEHOLD = "household"


class Runs(StrEnum):
    """Which fitting events open a run."""

    EVERY = "every"
    FIRST_ONLY = "first only"


class OnCorrection(StrEnum):
    """What becomes of a told match one of whose events is corrected."""

    RECHECK = "recheck"
    WITHDRAW = "withdraw"
    TELL_OFFICER = "tell officer"


@dataclass(frozen=True, slots=True)
class Repeats:
    """`repeats: ignore same FIELDS in D`."""

    fields: tuple[str, ...]
    duration: Duration


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
    """What a match does to other runs that share time with it."""

    START_AFTER = "start after"
    KEEP = "keep"
    LONGEST = "longest"


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
        per: whose timeline it reads.
        runs: which fitting events open a run.
        among: types that narrow its timeline; None: all that its purpose is granted.
        repeats: which repeats are ignored.
        late_accept: how late an event may come and still be used.
        within: from first to last event of a match.
        lines: line of each top-level key, for messages.
    """

    name: str
    version: int
    file: str
    steps: tuple[Step, ...]
    title: Mapping[str, str] = field(default_factory=dict)
    explain: Mapping[str, str] = field(default_factory=dict)
    owner: str = ""
    purpose: str = ""
    valid: Valid = Valid()
    per: Subject = Subject.PERSON
    runs: Runs = Runs.EVERY
    among: frozenset[str] | None = None
    repeats: Repeats | None = None
    report: Report = Report()
    overlap: Overlap = Overlap.START_AFTER
    on_correction: OnCorrection = OnCorrection.RECHECK
    within: Duration | None = None
    late_accept: Duration = _THIRTY_DAYS
    offer: Offer | None = None
    examples: tuple[Example, ...] = ()
    lines: Mapping[str, int] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """`name/version`."""
        return f"{self.name}/{self.version}"

    @property
    def types(self) -> frozenset[str]:
        """Every type the rule speaks of."""
        return frozenset().union(*(step.all_types for step in self.steps))

    @property
    def bindings(self) -> tuple[Binding, ...]:
        """Every step that binds events itself, in order."""
        return tuple(step for step in walk(self.steps) if isinstance(step, Binding))

    @property
    def absences(self) -> tuple[AbsenceStep, ...]:
        """Every step that checks an absence, in order."""
        return tuple(step for step in walk(self.steps) if isinstance(step, AbsenceStep))


def in_language(texts: Mapping[str, str], language: str) -> str:
    """The text in that language, else the one without a language, else the first given."""
    return texts.get(language) or texts.get("") or next(iter(texts.values()), "")
