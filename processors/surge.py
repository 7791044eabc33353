"""How much a source partition usually brings in a day, and whether today is far beyond it.

A faulty sender can fill a town with events nobody lived through. So the records of a day are counted
against the usual: a mean over the days on which anything came, recent ones weighing more. A day is a day
in UTC by the time the record was appended to the log, so that a backlog read late is no surge. Days
without records say nothing: a file once a month is as usual as a record a minute.

Reads no clock and holds nothing back itself; whoever asks decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

DAY_MS = 86_400_000
ENOUGH_DAYS = 14
"""Days with records that must be over before anything is unusual."""
NEWEST_WEIGHT = 0.1
"""What the newest day counts in the mean, once there are more than ten."""


@dataclass(frozen=True, slots=True)
class Brake:
    """When a feed's day is far beyond the usual: more than `factor` times it, and more than `floor` records.

    Raises:
        ValueError: a limit means nothing.
    """

    factor: float = 10.0
    floor: int = 1_000

    def __post_init__(self) -> None:
        """Refuses limits that would hold an ordinary day."""
        if not self.factor > 1 or self.floor < 1:
            raise ValueError(
                f"a factor above 1 and a floor of 1 and more are needed, not {self.factor} and {self.floor}"
            )

    def shared_among(self, partitions: int) -> Brake:
        """The brake for one of a feed's partitions, over which its records spread evenly."""
        return Brake(self.factor, max(1, self.floor // partitions))


@dataclass(frozen=True, slots=True)
class Volume:
    """What a source partition brought.

    Attributes:
        day: newest day, counted from the epoch.
        count: records of that day so far.
        days: earlier days with records.
        usual: records of such a day; a weighted mean.
    """

    day: int = 0
    count: int = 0
    days: int = 0
    usual: float = 0.0

    def limit(self, brake: Brake) -> float | None:
        """How many records a day may have; None: too little is known to say."""
        return None if self.days < ENOUGH_DAYS else max(brake.factor * self.usual, brake.floor)

    def room(self, brake: Brake) -> int | None:
        """How many more records of this day are no surge; None: any number."""
        limit = self.limit(brake)
        return None if limit is None else max(0, int(limit) - self.count)

    def on(self, day: int, brake: Brake) -> Volume:
        """The volume when that day has come; an earlier one than the newest changes nothing.

        A day that was let through although it was a surge counts as its limit: one flood does not make
        the next one usual, growth does within days.
        """
        if day <= self.day:
            return self
        if not self.count:
            return Volume(day, 0, self.days, self.usual)
        limit = self.limit(brake)
        counted = self.count if limit is None else min(self.count, limit)
        weight = max(NEWEST_WEIGHT, 1 / (self.days + 1))
        return Volume(day, 0, self.days + 1, round(self.usual + weight * (counted - self.usual), 2))

    def plus(self, records: int) -> Volume:
        """The volume with so many more records of its day."""
        return Volume(self.day, self.count + records, self.days, self.usual)

    def pack(self) -> str:
        """As text, to be kept with a position; `unpack` gives it back.

        >>> Volume.unpack(Volume(20_000, 3, 14, 12.5).pack())
        Volume(day=20000, count=3, days=14, usual=12.5)
        """
        return f"{self.day}|{self.count}|{self.days}|{self.usual!r}"

    @classmethod
    def unpack(cls, text: str) -> Volume:
        """Reads what `pack` wrote."""
        day, count, days, usual = text.split("|")
        return cls(int(day), int(count), int(days), float(usual))


def day_of(at: int) -> int:
    """The day of a time (ms), counted from the epoch.

    >>> day_of(DAY_MS - 1), day_of(DAY_MS)
    (0, 1)
    """
    return at // DAY_MS


@dataclass(frozen=True, slots=True)
class Taken:
    """What of a run of records can be taken.

    Attributes:
        count: so many from its beginning.
        volume: after these.
        is_surge: whether the run goes on beyond the day's limit.
    """

    count: int
    volume: Volume
    is_surge: bool


def take(volume: Volume, days: Iterable[int | None], brake: Brake | None, released: int) -> Taken:
    """Takes records up to a surge.

    Args:
        volume: before them.
        days: of each record, `day_of` its append time; None: it is no record that counts.
        brake: of the partition; None: there is no limit.
        released: the last day that an officer let through whatever it brings.
    """
    count = 0
    for day, run in groupby(days):
        length = sum(1 for _ in run)
        if day is not None:
            volume = volume.on(day, brake or Brake())
            room = None if brake is None or volume.day <= released else volume.room(brake)
            if room is not None and room < length:
                return Taken(count + room, volume.plus(room), is_surge=True)
            volume = volume.plus(length)
        count += length
    return Taken(count, volume, is_surge=False)
