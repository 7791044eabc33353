"""The board's own words: times, states and outcomes in plain English. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from processors.offers.actions import ActionKind, OutcomeCode
from processors.offers.model import OfferState, Reason, Urgency

URGENCIES = {Urgency.HIGH: "High urgency", Urgency.NORMAL: "Normal urgency", Urgency.LOW: "Low urgency"}

STATES = {
    OfferState.OPEN: "Open",
    OfferState.TAKEN: "Taken",
    OfferState.CONTACTED: "Contacted",
    OfferState.CLOSED: "Closed",
    OfferState.WITHDRAWN: "Withdrawn",
    OfferState.LAPSED: "Lapsed",
    OfferState.SUPPRESSED: "Suppressed",
}

REASONS = {
    Reason.RETRACTED: "an agency took back what it had reported, so the reason for this offer is gone",
    Reason.OPTED_OUT: "a person it was about asked not to be contacted",
    Reason.ALREADY_HELPED: "somebody is helping this household already",
    Reason.COOL_DOWN: "the household had an offer shortly before",
    Reason.CONTACT_CAP: "the household had as many offers as it may have",
}

DOING = {
    ActionKind.TAKEN: "Taking this offer",
    ActionKind.CONTACTED: "Recording the contact",
    ActionKind.CLOSED: "Recording the outcome",
}


@dataclass(frozen=True, slots=True)
class OutcomeWords:
    """An outcome as the form asks for it, with a hint, and as the record tells it."""

    choice: str
    hint: str
    told: str


OUTCOMES = {
    OutcomeCode.HELP_STARTED: OutcomeWords(
        "Help has started", "They said yes, and a service has begun or is arranged.", "help has started"
    ),
    OutcomeCode.LATER: OutcomeWords("They said: later", "They want help, but not now.", "the household said: later"),
    OutcomeCode.DECLINED: OutcomeWords("They said no", "They do not want what was offered.", "the household said no"),
    OutcomeCode.NO_NEED: OutcomeWords(
        "They do not need help", "The facts were right, but they manage.", "the household needs no help"
    ),
    OutcomeCode.ALREADY_HELPED: OutcomeWords(
        "Somebody is helping them already", "Another team or service is with them.", "somebody is helping already"
    ),
    OutcomeCode.NOT_REACHED: OutcomeWords(
        "Nobody could be reached", "You tried, and could not speak with them.", "nobody could be reached"
    ),
    OutcomeCode.WRONG_FACTS: OutcomeWords(
        "The facts were wrong",
        "What the agencies reported was not so. It counts as a contact only if you have made one.",
        "the facts were wrong",
    ),
    OutcomeCode.NEVER_AGAIN: OutcomeWords(
        "Never contact them again",
        "Choose this only if they asked for it. Nobody will contact these people again about any offer, "
        "unless they say themselves that they want it.",
        "the household asked never to be contacted again",
    ),
}


@dataclass(frozen=True, slots=True)
class Due:
    """Until when somebody must respond, in words."""

    words: str
    is_overdue: bool


def due(respond_by: int, now: int, zone: tzinfo) -> Due:
    """Says how much time there is.

    Args:
        respond_by: ms, exclusive; midnight means the end of the day before.
        now: ms.
        zone: of the words.
    """
    end, last = local(respond_by, zone), local(respond_by - 1, zone).date()
    clock = "" if (end.hour, end.minute) == (0, 0) else f"{end:%H:%M}"
    days = (last - local(now, zone).date()).days
    if now >= respond_by:
        return Due(_overdue(-days, clock), True)
    return Due(_to_come(last, days, clock), False)


def _overdue(days: int, clock: str) -> str:
    if days <= 0:
        return f"overdue since {clock} today"
    return "1 day overdue" if days == 1 else f"{days} days overdue"


def _to_come(last: date, days: int, clock: str) -> str:
    if days < 2:
        day = ("today", "tomorrow")[days]
        return f"{day} by {clock}" if clock else f"by the end of {day}"
    return f"by {day_words(last)}, {clock}" if clock else f"by {day_words(last)}"


def local(ms: int, zone: tzinfo) -> datetime:
    """An instant in that zone; before the year 1 and after 9999 the nearest day there is.

    >>> from datetime import UTC
    >>> local(0, UTC).isoformat()
    '1970-01-01T00:00:00+00:00'
    """
    epoch = datetime(1970, 1, 1, tzinfo=zone)
    try:
        return datetime.fromtimestamp(ms / 1000, zone)
    except (OverflowError, ValueError, OSError):
        return epoch.replace(year=9999) if ms > 0 else epoch.replace(year=1)


def day_words(day: date) -> str:
    """A date for people.

    >>> day_words(date(2025, 12, 9))
    'Tuesday 9 December 2025'
    """
    return f"{day:%A} {day.day} {day:%B} {day.year}"


def date_words(ms: int, zone: tzinfo) -> str:
    """The date of an instant, short enough for a table.

    >>> from datetime import UTC
    >>> date_words(0, UTC)
    '1 January 1970'
    """
    at = local(ms, zone)
    return f"{at.day} {at:%B} {at.year}"


def stamp_words(ms: int, zone: tzinfo) -> str:
    """Date and time of an instant, short enough for a column.

    >>> from datetime import UTC
    >>> stamp_words(0, UTC)
    '1 Jan 1970, 00:00'
    """
    at = local(ms, zone)
    return f"{at.day} {at:%b} {at.year}, {at:%H:%M}"


def moment_words(ms: int, zone: tzinfo) -> str:
    """Date and time of an instant.

    >>> from datetime import UTC
    >>> moment_words(0, UTC)
    '1 January 1970 at 00:00'
    """
    return f"{date_words(ms, zone)} at {local(ms, zone):%H:%M}"


def ago(ms: int, now: int, zone: tzinfo) -> str:
    """How long ago an instant was, in days of the calendar.

    >>> from datetime import UTC
    >>> ago(0, 86_400_000, UTC)
    'yesterday'
    """
    days = (local(now, zone).date() - local(ms, zone).date()) // timedelta(days=1)
    return ("today", "yesterday")[days] if 0 <= days < 2 else f"{days} days ago"


def count_words(count: int, one: str, many: str = "") -> str:
    """A number and its noun.

    >>> count_words(1, "offer"), count_words(2, "offer")
    ('1 offer', '2 offers')
    """
    return f"{count} {one if count == 1 else many or one + 's'}"
