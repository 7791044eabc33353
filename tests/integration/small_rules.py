"""Small rules about jobs lost, and what is said to them: days are counted from 3 March 2025, a Monday."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from processors.events import LifeEvent, Mark
from processors.offers.model import OfferState, Reason
from streams.composition import Platform
from streams.settings import Settings
from tests.integration.stages_in_process import Way
from tests.integration.towns import copy_deployment

BEGIN = int(datetime(2025, 3, 3, tzinfo=UTC).timestamp() * 1000)
DAY = 86_400_000
FEED = "employment-service.job-declarations"


def rule(name: str, steps: str, match: str, on: str, per: str = "household") -> str:
    """A rule with an example of a match on that day."""
    return f"""rule: {name}
version: 1
title: Two things in one household
owner: family-team
purpose: family-support
valid: {{from: 2020-01-01, until: 2099-12-31}}
per: {per}
overlap: keep
late: {{accept: 365 days, else: review}}
steps:
{steps}
offer:
  services: [family-support-visit]
  urgency: normal
  respond_within: 3 working days
  hold: 0 working days
  lead: family-team
explain: Something happened twice.
examples:
  - {{name: some, events: [{match}], expect: matched {on}}}
  - {{name: none, events: [2026-01-01 job_lost], expect: nothing}}
"""


def twice(name: str, type_: str, days: int) -> str:
    """The same happens to two members."""
    return rule(
        name,
        f"  - {{when: {type_}, as: one}}\n"
        f'  - {{then: {type_}, as: two, where: "person != one.person", within: {days} days of one}}',
        f"2026-01-01 {type_} person=a, 2026-01-03 {type_} person=b",
        "2026-01-03",
    )


def new_platform(kafka: str, folder: Path, rules: Sequence[str], partitions: int = 1) -> Platform:
    """A platform of the demo's deployment with these rules alone."""
    place = folder / f"place-{len(list(folder.iterdir()))}"
    copy_deployment(place)
    for shipped in (place / "rules").rglob("*.yaml"):
        shipped.unlink()
    for number, text in enumerate(rules):
        (place / "rules" / f"{number}.yaml").write_text(text)
    fixed = {"kafka": kafka, "data": folder, "deployment": place, "case_db": None, "register_db": None}
    settings = Settings(**fixed, clock="feeds", event_partitions=1, core_partitions=partitions)  # type: ignore[arg-type]
    return Platform(settings, is_state_kept=False)


def day(number: float) -> int:
    return BEGIN + round(number * DAY)


def lost(person: str, at: float, household: str = "h1", **more: Any) -> LifeEvent:
    """A job lost, recorded the next day."""
    fields = {"recorded_at": day(at + 1), "arrival": int(at * 1000), "heard": day(at), **more}
    id_ = fields.pop("id", f"{person}-{at}")
    return LifeEvent(id_, "job_lost", person, household, "riverbend", "employment-service", FEED, day(at), **fields)


def hear(way: Way, platform: Platform, until: float) -> None:
    way.say(*(Mark(feed, 0, 1, day(until), BEGIN) for feed in platform.deployment.contracts), appended=day(until))


def fates(way: Way) -> list[tuple[OfferState, Reason | None, str]]:
    return [(each.state, each.reason, each.household) for each in way.offers]
