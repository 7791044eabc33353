"""What the operator's page says, in plain words: a pure function of what the processes answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from streams.instants import rfc3339
from streams.observing.processes import Seen
from streams.observing.standing import Standing
from streams.processes import stage_of

DAY_S = 86_400
MEANING: Mapping[str, tuple[str, str]] = {
    "intake": ("reads what agencies send", "what agencies send waits in Kafka, for 7 days at most"),
    "correlate": ("applies the rules", "no situation is found; what happened waits on the log"),
    "households": ("applies the rules per household", "plan waits for it: no new offer is made"),
    "plan": ("makes offers", "no new offer is made, and none is withdrawn that should be"),
    "deliver": ("brings offers to the case database", "duty teams do not see new offers or withdrawals"),
    "aggregate": ("counts for policy analysts", "no new week is published; nothing is lost"),
    "relay": ("passes on what case workers did", "what case workers did waits in the case database"),
    "gateway": ("takes agencies' records by HTTP", "agencies without Kafka cannot send"),
    "board": ("shows duty teams their offers", "duty teams cannot see or take offers"),
}
"""What each process does, and what it means for people when it does not."""

UNITS = (("day", DAY_S), ("hour", 3600), ("minute", 60), ("second", 1))


@dataclass(frozen=True, slots=True)
class ProcessLine:
    """One process, ready to be printed."""

    name: str
    does: str
    state: str
    is_well: bool
    waiting: str
    dead_letters: str
    restarts: int
    memory: str


@dataclass(frozen=True, slots=True)
class FeedLine:
    """One feed: how far behind it is, and whether that is more than it should be."""

    name: str
    behind: str
    is_silent: bool


@dataclass(frozen=True, slots=True)
class Overview:
    """The whole page.

    Attributes:
        attention: what needs somebody, each with what it means for people; empty when all is well.
        offers, suppressed: how many, by state and by reason.
    """

    attention: tuple[str, ...]
    processes: tuple[ProcessLine, ...]
    feeds: tuple[FeedLine, ...]
    dead_letters: Mapping[str, int]
    offers: Mapping[str, int]
    suppressed: Mapping[str, int]


def overview(seen: Sequence[Seen], standings: Mapping[str, Standing]) -> Overview:
    """Puts together what the processes said.

    Args:
        seen: every process that should run.
        standings: how each of them stands with its supervisor; one that is not named never ended.
    """
    lines = tuple(_process(each, standings.get(each.process, Standing())) for each in seen)
    feeds = tuple(_feeds([each for each in seen if stage_of(each.process) == "correlate" and each.is_ready]))
    return Overview(
        attention=(
            *(f"{line.name} {line.state}: {MEANING[stage_of(line.name)][1]}." for line in lines if not line.is_well),
            *_held(_of_any(seen, "intake", "headwater_feed_held_since_timestamp_seconds", "feed")),
            *_paused(sum(each.total("headwater_situations_paused") or 0 for each in seen)),
            *_silence([feed.name for feed in feeds if feed.is_silent]),
        ),
        processes=lines,
        feeds=feeds,
        dead_letters=_dead_letters(seen),
        offers=_whole(_of_any(seen, "deliver", "headwater_offers", "state")),
        suppressed=_whole(_of_any(seen, "deliver", "headwater_suppressed", "reason")),
    )


def duration(seconds: float) -> str:
    """A length of time in its largest unit, rounded down.

    >>> duration(7_300), duration(0.4), duration(86_400)
    ('2 hours', '0 seconds', '1 day')
    """
    unit, size = next(((unit, size) for unit, size in UNITS if seconds >= size), UNITS[-1])
    number = int(seconds // size)
    return f"{number:,} {unit}{'' if number == 1 else 's'}"


def _process(seen: Seen, standing: Standing) -> ProcessLine:
    memory = seen.total("process_resident_memory_bytes")
    is_well = seen.is_ready and not standing.is_looping
    return ProcessLine(
        name=seen.process,
        does=MEANING[stage_of(seen.process)][0],
        state="ready" if is_well else _trouble(seen, standing),
        is_well=is_well,
        waiting=_number(seen.total("headwater_lag_records")),
        dead_letters=_number(seen.total("headwater_dead_letters_total")),
        restarts=standing.restarts,
        memory="" if memory is None else f"{memory / 1e6:,.0f} MB",
    )


def _trouble(seen: Seen, standing: Standing) -> str:
    if standing.is_looping:
        since = datetime.fromtimestamp(standing.failing_since, UTC)
        return (
            f"ends again and again ({standing.ends_in_a_row} times since {since:%H:%M} UTC, code {standing.code}; "
            "the end of its log says why)"
        )
    if seen.readiness is None:
        return "does not answer"
    said = seen.readiness.removeprefix(f"{stage_of(seen.process)} ")
    return f"is not ready ({said[:100]})"


def _feeds(workers: Sequence[Seen]) -> Iterable[FeedLine]:
    behind = _of_any(workers, "correlate", "headwater_watermark_delay_seconds", "feed")
    settles = _of_any(workers, "correlate", "headwater_feed_settles_seconds", "feed")
    for feed in sorted(settles):
        # An agency is asked for a heartbeat a day; a slow recorder may take longer over an event.
        is_silent = feed not in behind or behind[feed] > max(2 * DAY_S, settles[feed])
        yield FeedLine(feed, duration(behind[feed]) if feed in behind else "never heard", is_silent)


def _of_any(seen: Iterable[Seen], stage: str, metric: str, label: str) -> dict[str, float]:
    """Value by label; the largest where several workers tell."""
    found: dict[str, float] = {}
    for each in seen:
        if stage_of(each.process) == stage:
            for name, value in each.by(metric, label).items():
                found[name] = max(value, found.get(name, value))
    return found


def _silence(feeds: Sequence[str]) -> Iterable[str]:
    if feeds:
        yield (
            f"Not heard from in time: {', '.join(feeds)}. Conclusions from something not happening wait for them; "
            "ask the agencies."
        )


def _held(since: Mapping[str, float]) -> Iterable[str]:
    for feed, at in sorted(since.items()):
        yield (
            f"{feed} has been held since {rfc3339(int(at * 1000))}: its records wait in Kafka, for 7 days at most. "
            f"`headwater pause --list` says why, `headwater resume --feed {feed}` lets it go on."
        )


def _paused(situations: float) -> Iterable[str]:
    if situations:
        yield (
            f"{situations:,.0f} situations become no offers because their rule or team is paused; "
            "`headwater pause --list` says which."
        )


def _dead_letters(seen: Iterable[Seen]) -> dict[str, int]:
    """Reason -> records, of all stages; reasons that never occurred are left out."""
    found: dict[str, int] = {}
    for each in seen:
        for labels, value in each.samples.get("headwater_dead_letters_total", ()):
            if value:
                found[labels["reason"]] = found.get(labels["reason"], 0) + int(value)
    return dict(sorted(found.items(), key=lambda entry: (-entry[1], entry[0])))


def _whole(values: Mapping[str, float]) -> dict[str, int]:
    return {name: int(value) for name, value in values.items()}


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"
