"""What every agency's record needs of a message: its number, the earlier one's, whom and when it is about."""

from __future__ import annotations

from datetime import date

from streams.simulation.disturbances import Message
from streams.simulation.population import Person
from streams.simulation.span import EPOCH_DAY, local, local_day


def id_of(message: Message) -> int:
    """Number of this record; unique for ever."""
    return message.fact.number * 10 + message.part


def earlier_of(message: Message) -> int | None:
    """Number of the record this one is about."""
    return None if message.replaces is None else message.fact.number * 10 + message.replaces


def prefixed(prefix: str, number: int | None) -> str | None:
    """A number of a record as an agency writes it."""
    return None if number is None else f"{prefix}{number}"


def first_person(message: Message) -> Person:
    """Whom it is about first."""
    return message.fact.people[0][0]


def day_of(message: Message) -> date:
    """The local day it happened."""
    return local_day(message.fact.occurred_at)


def epoch_day(message: Message) -> int:
    """The same in days since 1970."""
    return day_of(message).toordinal() - EPOCH_DAY


def offset_text(instant: int) -> str:
    """An instant as ISO 8601 with the offset of Brussels."""
    return local(instant).isoformat(timespec="seconds")
