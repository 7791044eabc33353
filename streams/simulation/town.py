"""Builds a town: every household in turn, written to the folder as it comes."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from random import Random
from typing import IO, Any

import orjson

from streams.simulation.diary import Diary
from streams.simulation.disturbances import Message, Rates, Tally, false_fact, flawed_messages, messages
from streams.simulation.facts import Fact
from streams.simulation.feeds import FeedWriter
from streams.simulation.library_stories import LIBRARY_STORIES
from streams.simulation.lives import Life
from streams.simulation.population import Household, Person, settle_household
from streams.simulation.records import encode
from streams.simulation.span import HOUR_MS, Span
from streams.simulation.stories import COPIES, MEMBERS, STORIES, as_line, fitting, stage
from streams.simulation.telling import Story

OPT_OUT_SHARE = 0.003
"""Share of ordinary households in which somebody opts out at some time in a year."""

FILES = ("population.jsonl", "controls.jsonl", "truth/events.jsonl", "truth/stories.jsonl")


@dataclass(frozen=True)
class Town:
    """What to build.

    Attributes:
        persons: how many people live there at the start, the stories' included.
        months: how long, from `start` (day of the month at most 28). seed: any number.
    """

    persons: int
    months: int
    seed: int
    start: date = date(2025, 1, 1)
    rates: Rates = field(default_factory=Rates)

    @cached_property
    def span(self) -> Span:
        """The stretch of time it is watched for."""
        return Span(self.start, self.months)


@dataclass
class Home:
    """A household and all that is to be written about it."""

    household: Household
    residents: int
    facts: list[Fact]
    opt_outs: list[tuple[Person, int]] = field(default_factory=list)
    noise: list[Message] = field(default_factory=list)
    story: Story | None = None


def least_persons() -> int:
    """How many persons a town must have so that every story but those of the library has its households."""
    return MEMBERS * COPIES * len(STORIES)


def build(town: Town, folder: Path, progress: Callable[[int], None] = lambda _: None) -> dict[str, Any]:
    """Writes a town.

    Args:
        town: what to build; the same one gives the same bytes.
        folder: where to; made if missing, files of an earlier town in it are replaced.
        progress: told after each household how many persons there are.

    Returns:
        The manifest, which is also written.
    """
    (folder / "truth").mkdir(parents=True, exist_ok=True)
    (folder / "feeds").mkdir(exist_ok=True)
    tally: Tally = Counter()
    feeds = FeedWriter(folder / "feeds", town.span)
    with ExitStack() as stack:
        files = {name: stack.enter_context((folder / name).open("wb")) for name in FILES}
        for home in _homes(town, tally):
            _write_home(files, home, tally)
            _send(feeds, home, town, tally)
            progress(tally["residents"])
    feeds.finish()
    manifest = _manifest(town, tally, feeds.counts)
    (folder / "manifest.json").write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2) + b"\n")
    return manifest


def rng_of(seed: int, household: int) -> Random:
    """The household's own generator."""
    digest = hashlib.sha256(f"headwater {seed} {household}".encode()).digest()
    return Random(int.from_bytes(digest[:8], "big"))  # noqa: S311  # nothing here is secret


def _homes(town: Town, tally: Tally) -> Iterator[Home]:
    """Every household: those of the stories first, then ordinary ones until the town is full."""
    number, person, residents = 1, 1, 0
    for story in fitting(town.span, town.persons):
        home = _staged(story, town, number, person)
        yield home
        number, person, residents = number + 1, person + len(home.household.members), residents + home.residents
    while residents < town.persons:
        home = _lived(town, number, person, town.persons - residents, tally)
        yield home
        number, person, residents = number + 1, person + len(home.household.members), residents + home.residents


def _staged(story: Story, town: Town, number: int, first_person: int) -> Home:
    scene = stage(story, rng_of(town.seed, number), number, first_person, town.span)
    household = scene.diary.household
    residents = sum(person.age >= 0 for person in household.members)
    return Home(household, residents, scene.diary.facts(), scene.opt_outs, story=story)


def _lived(town: Town, number: int, first_person: int, room: int, tally: Tally) -> Home:
    rng = rng_of(town.seed, number)
    household = settle_household(rng, number, first_person, room, town.start)
    residents = len(household.members)
    diary = Diary(rng, household, town.span)
    Life(diary, first_person + residents).run()
    never_was = false_fact(diary, town.rates, tally)
    facts = diary.facts() + ([] if never_was is None else [never_was])
    noise = list(flawed_messages(diary, town.rates, tally))
    return Home(household, residents, facts, _opt_outs(rng, household, town.span), noise)


def _opt_outs(rng: Random, household: Household, span: Span) -> list[tuple[Person, int]]:
    """Now and then somebody wants no contact, from noon of some day on."""
    if rng.random() >= OPT_OUT_SHARE * span.days / 365:
        return []
    return [(household.members[0], span.midnights[rng.randrange(span.days)] + 12 * HOUR_MS)]


def _write_home(files: Mapping[str, IO[bytes]], home: Home, tally: Tally) -> None:
    household = home.household
    _line(files["population.jsonl"], household.as_line())
    for person, at in home.opt_outs:
        head = {"person": person.id, "household": household.id, "area": household.area}
        _line(files["controls.jsonl"], head | {"kind": "opt-out", "at": at})
    for fact in home.facts:
        for line in fact.as_lines():
            _line(files["truth/events.jsonl"], line)
            tally["events"] += 1
    if home.story is not None:
        _line(files["truth/stories.jsonl"], as_line(home.story, household))
        tally["stories"] += 1
    tally["residents"] += home.residents
    tally["born"] += len(household.members) - home.residents
    tally["households"] += 1
    tally["opt_outs"] += len(home.opt_outs)


def _line(out: IO[bytes], value: dict[str, Any]) -> None:
    out.write(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE))


def _send(feeds: FeedWriter, home: Home, town: Town, tally: Tally) -> None:
    rng = rng_of(town.seed, -home.household.number)
    end = town.span.end
    for fact in home.facts:
        tally["facts"] += 1
        tally["annulments"] += fact.annulled_at is not None
        for message in messages(rng, fact, end, town.rates, tally):
            feeds.add(fact.feed, message.sent_at, encode(message))
    for message in home.noise:
        if message.fact.booked_at < end:
            feeds.add(message.fact.feed, message.sent_at, encode(message))


DISTURBANCES = (
    "corrected",
    "annulled_and_recreated",
    "false_event",
    "out_of_order",
    "duplicate",
    "duplicate_days_later",
    "unknown_person",
    "missing_person",
    "unknown_kind",
    "not_ours",
)


def _manifest(town: Town, tally: Tally, records: dict[str, int]) -> dict[str, Any]:
    span = town.span
    told = {story.kind for story in fitting(span, town.persons)}
    return {
        "arguments": {
            "persons": town.persons,
            "months": town.months,
            "seed": town.seed,
            "start": town.start.isoformat(),
        },
        "start": span.midnights[0],
        "end": span.end,
        "persons": tally["residents"],
        "born": tally["born"],
        "households": tally["households"],
        "facts": tally["facts"],
        "events": tally["events"],
        "stories": tally["stories"],
        "stories_left_out": sorted({story.kind for story in (*STORIES, *LIBRARY_STORIES)} - told),
        "annulments": tally["annulments"],
        "opt_outs": tally["opt_outs"],
        "records": sum(records.values()),
        "records_by_feed": records,
        "disturbances": {name: tally[name] for name in DISTURBANCES},
    }
