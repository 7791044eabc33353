"""A language's words: phrases with named placeholders, dates, numbers, lists. Pure: the caller reads the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from ruamel.yaml import YAML

from processors.civil_time import Calendar, Duration, day_start, local_date
from processors.rules.model import ANY_TYPE


@dataclass(frozen=True, slots=True)
class Words:
    """A message catalogue, with the titles and the calendar of a deployment.

    Attributes:
        language: code, such as `nl`.
        phrases: by key; placeholders in braces.
        months: from January. units: singular and plural by unit.
        decimal: sign between whole and fraction.
        title_of: title of an event type in this language.
        calendar: whose days and time zone.
    """

    language: str
    phrases: Mapping[str, str]
    months: Sequence[str]
    units: Mapping[str, Sequence[str]]
    decimal: str
    title_of: Callable[[str], str]
    calendar: Calendar

    def say(self, phrase: str, **values: object) -> str:
        """A phrase, filled in."""
        return self.phrases[phrase].format_map(values)

    def sentence(self, phrase: str, **values: object) -> str:
        """A phrase, filled in, with a capital."""
        text = self.say(phrase, **values)
        return text[:1].upper() + text[1:]

    def type(self, name: str) -> str:
        """An event type by its title."""
        return self.say("any_type") if name == ANY_TYPE else self.say("title", title=self.title_of(name))

    def day(self, ms: int) -> str:
        """The local day of an instant."""
        day = local_date(ms, self.calendar)
        return self.say("day", number=day.day, month=self.months[day.month - 1], year=day.year)

    def when(self, ms: int, *, has_hours: bool) -> str:
        """An instant: its day, and where hours matter its time."""
        if not has_hours:
            return self.day(ms)
        clock = datetime.fromtimestamp(ms / 1000, ZoneInfo(self.calendar.zone))
        return self.say("day_and_time", day=self.day(ms), time=f"{clock:%H:%M}")

    def through(self, end: int) -> str:
        """The last day before instant `end`, if that begins a day; else the last moment before it."""
        return self.when(end - 1, has_hours=day_start(local_date(end, self.calendar), self.calendar) != end)

    def duration(self, duration: Duration) -> str:
        """A length of time."""
        unit = self.units[duration.unit][0 if duration.amount == 1 else 1]
        return self.say("duration_less" if duration.is_less else "duration", amount=duration.amount, unit=unit)

    def value(self, value: object) -> str:
        """A value of a field; of a list each."""
        if isinstance(value, tuple):
            return self.all_of([self.value(each) for each in value]) or self.say("nothing")
        if isinstance(value, bool):
            return self.say("true") if value else self.say("false")
        if isinstance(value, int | float):
            return f"{value:.15g}".replace(".", self.decimal)
        return self.say("nothing") if value is None else self.say("text", text=value)

    def all_of(self, parts: Sequence[str]) -> str:
        """Several as "a, b and c"; nothing gives an empty text."""
        return self._listed(parts, "list_two")

    def any_of(self, parts: Sequence[str]) -> str:
        """Several as "a, b or c"."""
        return self._listed(parts, "choice_two")

    def _listed(self, parts: Sequence[str], two: str) -> str:
        if len(parts) < 2:
            return "".join(parts)
        text = self.say(two, first=parts[-2], last=parts[-1])
        for part in reversed(parts[:-2]):
            text = self.say("list_more", first=part, rest=text)
        return text


def read_words(language: str, text: str, title_of: Callable[[str], str], calendar: Calendar) -> Words:
    """Reads a message catalogue.

    Args:
        language: its code.
        text: YAML with `months`, `units`, `decimal` and `phrases`.
        title_of: title of an event type in that language.
        calendar: whose days and time zone.
    """
    found = YAML(typ="safe", pure=True).load(text)
    return Words(language, found["phrases"], found["months"], found["units"], found["decimal"], title_of, calendar)
