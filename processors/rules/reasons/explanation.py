"""Why there is a match of a rule, or none: an explanation as a value.

Pseudonyms, event ids, times (ms) and the values that conditions read; no sentences: those are in
`saying`, and what fills this is `why`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum

from processors.civil_time import Calendar, Duration, format_instant
from processors.decisions import Decision
from processors.rules.deciding.heard import Heard
from processors.rules.ledger import Ledger
from processors.rules.matching.plan import FOREVER
from processors.rules.model import Subject
from processors.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Known:
    """What the platform knows of a subject at a moment.

    Attributes:
        timeline, ledger: of the person or household. heard: up to when each feed was heard. now: the clock, ms.
        history: decisions told of it, in order; without them an explanation cannot say when a match was told,
            nor that one was withdrawn.
    """

    timeline: Timeline
    ledger: Ledger
    heard: Heard
    now: int
    history: tuple[Decision, ...] = ()


class Status(StrEnum):
    """What became of a run.

    `matched`: told, and it stands. `with officer`: it stands until an officer decides. `withdrawn`: told, and taken
    back. `waiting`: everything is there, but the clock or a feed has not passed what could still change it.
    `held back`: likewise, but it is another match of the rule that is undecided. `overlapped`: another match of the
    rule, or one settled long ago, shuts it out. `not reported`: `report` keeps it from being told. `old version`: an
    old version told the same run. `other version`: the version was not valid when it was complete. `unknown`: an
    absence looks back to before a feed began. `barred`: withdrawn after a correction, for good. `contradicted`: an
    absence does not hold. `open`: the next step may still come. `broken`: it cannot come any more.
    """

    MATCHED = "matched"
    WITH_OFFICER = "with officer"
    WITHDRAWN = "withdrawn"
    WAITING = "waiting"
    HELD_BACK = "held back"
    OVERLAPPED = "overlapped"
    NOT_REPORTED = "not reported"
    OLD_VERSION = "old version"
    OTHER_VERSION = "other version"
    UNKNOWN = "unknown"
    BARRED = "barred"
    CONTRADICTED = "contradicted"
    OPEN = "open"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Fact:
    """An event as an explanation names it."""

    id: str
    type: str
    agency: str
    occurred_at: int
    recorded_at: int


@dataclass(frozen=True, slots=True)
class BoundStep:
    """Events bound under one name, in order."""

    name: str
    events: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Read:
    """A field that a condition reads, and its value; None: it is not there."""

    field: str
    value: object


@dataclass(frozen=True, slots=True)
class Refusal:
    """A condition that was false on an event.

    Attributes:
        reads: every field it reads, with its value.
        missing: fields that were not there, which made it false.
        error: any other error, in words.
    """

    event: Fact
    condition: str
    reads: tuple[Read, ...]
    missing: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True)
class FeedHeard:
    """Up to when a feed was heard, inclusive; None: never."""

    feed: str
    heard: int | None


@dataclass(frozen=True, slots=True)
class Absent:
    """An absence of the rule.

    Attributes:
        position: of its step.
        types: what must not occur; with `is_all` not all of them.
        name: the name it counts from, if that is what fails: it is not bound.
    """

    position: str
    types: tuple[str, ...]
    is_all: bool = False
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """What has to pass before a run can be decided.

    Attributes:
        absence: that has to hold; None: a step may still bind more.
        end: first instant that does not matter any more; None: there is none, nor `due` and `heard_to`.
        due: clock from which it is concluded.
        is_clock: the clock has yet to get there.
        heard_to: up to when every feed must have been heard.
        feeds: those that have not been.
        is_input: the input as a whole has not been, where no feeds are known.
    """

    absence: Absent | None
    end: int | None
    due: int | None
    is_clock: bool
    heard_to: int | None
    feeds: tuple[FeedHeard, ...]
    is_input: bool = False


@dataclass(frozen=True, slots=True)
class Sought:
    """The step a run could not bind.

    Attributes:
        position, name: of the step.
        types: what it looks for; of `all_of` those still missing.
        is_all: all of them, not one of them.
        is_next: only the very next event will do.
        needed, found: how many events (or rounds) it needs and had, where that is more than one.
        end: first instant outside its window; None: it has no window.
        counts_from: name its window counts from, if that is not bound, so that nothing can fit.
        is_over: nothing can be bound any more; a run that is open all the same is so by an earlier step.
        too_late: the first event that would fit but lies outside.
    """

    position: str
    name: str | None
    types: tuple[str, ...]
    is_all: bool = False
    is_next: bool = False
    needed: int = 1
    found: int = 0
    end: int | None = None
    counts_from: str | None = None
    is_over: bool = False
    too_late: Fact | None = None


@dataclass(frozen=True, slots=True)
class Other:
    """Another match of the rule that keeps a run from being told.

    Attributes:
        until: last instant, exclusive, up to which it does; None: for good.
    """

    match: str
    version: int
    opened_at: int
    completed_at: int
    ends_day: bool
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A match that was told and taken back.

    Attributes:
        at: when, by the clock.
        annulled: events it rested on that were annulled. corrected: those that were corrected.
        replaced_by: match that took its place.
    """

    at: int
    annulled: tuple[Fact, ...] = ()
    corrected: tuple[Fact, ...] = ()
    replaced_by: str | None = None


@dataclass(frozen=True, slots=True)
class RunReport:
    """One run: an opening event, and what came of it.

    Attributes:
        match: identity, once all events are bound.
        steps: what it bound, at the furthest it came.
        completed_at: when the pattern is complete. ends_day: at the end of a civil day; the day before is meant.
        fires: which firing of `again`, from 1; 0 for others.
        silences: absences it rests on, once all events are bound.
        told_at: when it was told, by the clock. known_at: earliest it could be known.
        pending: what it waits for.
        sought: the step it could not bind.
        stopped_by: the event that stood in the way.
        absence: the absence that does not hold.
        refusals: conditions of the sought step that were false.
        other: the match that keeps it from being told. version: the version valid when it was complete.
        unknown: feeds that began after `unknown_since`.
        withdrawal: if it was told before and is not now.
        is_settled: it is older than what is kept of the timeline.
    """

    status: Status
    steps: tuple[BoundStep, ...]
    match: str | None = None
    completed_at: int | None = None
    ends_day: bool = False
    fires: int = 0
    silences: tuple[Absent, ...] = ()
    told_at: int | None = None
    known_at: int | None = None
    pending: tuple[Pending, ...] = ()
    sought: Sought | None = None
    stopped_by: Fact | None = None
    absence: Absent | None = None
    refusals: tuple[Refusal, ...] = ()
    other: Other | None = None
    version: int | None = None
    unknown: tuple[FeedHeard, ...] = ()
    unknown_since: int | None = None
    withdrawal: Withdrawal | None = None
    is_settled: bool = False

    @property
    def opened_at(self) -> int:
        """When the event that opened it occurred, ms."""
        return self.steps[0].events[0].occurred_at if self.steps else 0


@dataclass(frozen=True, slots=True)
class LateFact:
    """A line left out because it came too late; `heard`: up to when its feed had been heard before it."""

    event: Fact
    heard: int


@dataclass(frozen=True, slots=True)
class VersionReport:
    """What one version of a rule makes of a timeline.

    Attributes:
        valid_from, valid_until: ms, exclusive end; None: no limit.
        is_valid: at the clock.
        opens_with: types that open it. needs: how many of them it takes, at most `found` came close enough together.
        is_first_only: only the first fitting event opens a run.
        runs: in order of opening, newest last.
        refusals: events that could have opened a run but for a condition.
        ignored: events left out as repeats.
        late: lines left out as too late, with `accepts`, the rule's lateness.
    """

    version: int
    valid_from: int | None
    valid_until: int | None
    is_valid: bool
    opens_with: tuple[str, ...]
    needs: int
    is_first_only: bool
    has_hours: bool
    runs: tuple[RunReport, ...]
    refusals: tuple[Refusal, ...]
    ignored: tuple[Fact, ...]
    late: tuple[LateFact, ...]
    accepts: Duration


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why there is a match of a rule for a subject, or none, as known at a moment.

    Attributes:
        title: of the rule, by language.
        subject: person or household. name: its pseudonym.
        now: the clock, ms.
        versions: those that matter, oldest first.
        seen: types of the rule that are on the timeline, with how many of each.
    """

    rule: str
    title: tuple[tuple[str, str], ...]
    subject: Subject
    name: str
    now: int
    versions: tuple[VersionReport, ...]
    seen: tuple[tuple[str, int], ...]

    @property
    def is_matched(self) -> bool:
        """Whether a match stands."""
        return bool(self.standing)

    @property
    def standing(self) -> frozenset[str]:
        """Identities of the matches that stand."""
        runs = (run for version in self.versions for run in version.runs)
        return frozenset(r.match for r in runs if r.match and r.status in (Status.MATCHED, Status.WITH_OFFICER))


_MOMENTS = frozenset(
    {"now", "occurred_at", "recorded_at", "completed_at", "opened_at", "told_at", "known_at", "at", "end", "due"}
    | {"heard", "heard_to", "until", "unknown_since", "valid_from", "valid_until"}
)


def as_data(value: object, calendar: Calendar) -> object:
    """An explanation, or a part of it, as JSON can hold it: times as RFC 3339 in the calendar's zone, nothing empty.

    Args:
        value: any value of this module.
        calendar: whose zone.
    """
    if isinstance(value, Duration):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        pairs = ((each.name, getattr(value, each.name)) for each in fields(value))
        return {name: _field(name, part, calendar) for name, part in pairs if part is not None and part != ()}
    if isinstance(value, tuple):
        return [as_data(each, calendar) for each in value]
    return value


def _field(name: str, value: object, calendar: Calendar) -> object:
    if name in _MOMENTS and isinstance(value, int):
        return format_instant(value, calendar)
    if name in ("title", "seen") and isinstance(value, tuple):
        return dict(value)
    return as_data(value, calendar)


def moment(value: int) -> int | None:
    """A limit as an explanation holds it: None where there is none."""
    return None if abs(value) >= FOREVER // 2 else value
