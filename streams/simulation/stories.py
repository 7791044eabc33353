"""Planted stories: households to which one thing happens, whose fate everybody can tell by heart."""

from __future__ import annotations

from random import Random
from typing import Any

from streams.simulation.diary import Diary
from streams.simulation.library_stories import LIBRARY_STORIES
from streams.simulation.population import Household, Person, adult, child, empty_household
from streams.simulation.scenes import OFFICE_MS, Scene
from streams.simulation.span import HOUR_MS, Span
from streams.simulation.telling import Story, offered

DAY_MS = 24 * HOUR_MS
COPIES = 2
"""How many households live each of `STORIES`; those of the library are told once, where there is room."""

MEMBERS = 3
"""Persons of a story's household at the start."""

RETRACTED_AFTER_MS = 20 * HOUR_MS
ANNULLED_AFTER_MS = 10 * DAY_MS
LATE_BY_DAYS = 42


def _job_then_rent(scene: Scene) -> None:
    scene.loss(0, scene.tenant)
    scene.arrears(38, scene.tenant)


def _arrears_twice(scene: Scene) -> None:
    scene.arrears(0, scene.tenant)
    scene.arrears(34, scene.tenant, 2)


def _claim(scene: Scene) -> None:
    scene.tell("eviction_claim_filed", 0, (scene.tenant, ""), amount=2310.5, ground="arrears")


def _school_exit(scene: Scene) -> None:
    scene.tell("school_exited", 0, (scene.pupil, ""), level="upper-secondary", reason="dropped_out")


def _discharge(scene: Scene) -> None:
    scene.stay(0, scene.partner)


def _release(scene: Scene) -> None:
    scene.tell("prison_released", 0, (scene.tenant, ""), has_address=False, sentence_months=14)
    scene.claim(12, scene.tenant)


def _benefit_stop(scene: Scene) -> None:
    scene.tell("benefit_stopped", 0, (scene.tenant, ""), benefit="unemployment", reason="file-incomplete")


def _absence_and_arrears(scene: Scene) -> None:
    scene.tell("absence_threshold_reached", 0, (scene.pupil, ""), days=15.0)
    scene.arrears(30, scene.tenant)


def _bereavement(scene: Scene) -> None:
    scene.tell("died", 0, (scene.partner, "deceased"), (scene.tenant, "partner"))


def _birth(scene: Scene) -> None:
    scene.birth(0)
    scene.claim(15, scene.partner, "family")
    scene.arrears(70, scene.tenant)


def _joined(scene: Scene) -> None:
    scene.stay(0, scene.tenant)
    scene.tell("prison_released", 9, (scene.partner, ""), has_address=False, sentence_months=6)
    scene.claim(15, scene.partner)


def _cool_down(scene: Scene) -> None:
    scene.stay(0, scene.tenant)
    scene.stay(55, scene.partner)


def _contact_cap(scene: Scene) -> None:
    scene.stay(0, scene.tenant)
    scene.stay(100, scene.partner)
    scene.stay(200, scene.tenant)


def _opted_out_before(scene: Scene) -> None:
    scene.opt_out(0, scene.tenant)
    scene.stay(12, scene.tenant)


def _opted_out_while_open(scene: Scene) -> None:
    scene.stay(0, scene.tenant)
    scene.opt_out(14, scene.tenant)


def _retracted(scene: Scene) -> None:
    scene.stay(0, scene.tenant)
    scene.diary.change_last(annulled_after_ms=RETRACTED_AFTER_MS)


def _annulled(scene: Scene) -> None:
    scene.stay(0, scene.tenant)
    scene.diary.change_last(annulled_after_ms=ANNULLED_AFTER_MS)


def _claimed_in_time(scene: Scene) -> None:
    scene.loss(0, scene.tenant)
    scene.tell("benefit_claimed", 11, (scene.tenant, ""), benefit="unemployment")
    scene.arrears(38, scene.tenant)


def _too_late(scene: Scene) -> None:
    scene.stay(0, scene.tenant)
    scene.diary.change_last(delay=(LATE_BY_DAYS, OFFICE_MS))


def _help_sought(scene: Scene) -> None:
    for after in (0, 20, 41):
        scene.tell("help_sought", after, (scene.tenant, ""), topic="debt")


DISCHARGE = "discharge-without-home-care"
STORIES = (
    Story("clean", 55, _job_then_rent, offered("eviction-risk-after-job-loss")),
    Story("clean", 45, _arrears_twice, offered("repeated-rent-arrears")),
    Story("clean", 35, _claim, offered("eviction-claim-unresolved")),
    Story("clean", 140, _school_exit, offered("school-exit-followed-by-nothing")),
    Story("clean", 12, _discharge, offered(DISCHARGE)),
    Story("clean", 20, _release, offered("release-without-address")),
    Story("clean", 45, _benefit_stop, offered("income-gap-after-benefit-stop")),
    Story("household", 42, _absence_and_arrears, offered("school-absence-and-rent-arrears")),
    Story("clean", 75, _bereavement, offered("bereavement-without-support")),
    Story("clean", 82, _birth, offered("new-child-under-strain")),
    Story("joined", 22, _joined, {"offers": 1, "rules": [DISCHARGE, "release-without-address"]}),
    Story("cool-down", 68, _cool_down, {"offers": 1, "rules": [DISCHARGE], "suppressed": ["cool-down"]}),
    Story(
        "contact-cap",
        212,
        _contact_cap,
        {"offers": 2, "rules": [DISCHARGE, DISCHARGE], "suppressed": ["contact-cap"]},
    ),
    Story("opted-out", 24, _opted_out_before, {"offers": 0, "suppressed": ["opted-out"]}),
    Story("opted-out-while-open", 24, _opted_out_while_open, {"offers": 1, "withdrawn": ["opted-out"]}),
    Story("retracted-in-hold", 12, _retracted, {"offers": 0, "suppressed": ["retracted"]}),
    Story("annulled-after-hold", 24, _annulled, {"offers": 1, "withdrawn": ["retracted"]}),
    Story("claimed-in-time", 60, _claimed_in_time, {"offers": 0}),
    Story("too-late", LATE_BY_DAYS + 12, _too_late, {"offers": 0, "review": 1}),
    Story("help-sought", 60, _help_sought, {"offers": 0}),
)


def fitting(span: Span, persons: int) -> list[Story]:
    """The stories of a town, a household each: those that can be told to their end, for as many as there is room."""
    told = [story for story in STORIES * COPIES if story.lasts + 1 < span.days]
    more = [story for story in LIBRARY_STORIES if story.lasts + 1 < span.days]
    return told + more[: max(persons // MEMBERS - len(told), 0)]


def stage(story: Story, rng: Random, number: int, first_person: int, span: Span) -> Scene:
    """Makes the story's household and tells the story.

    Args:
        rng: the household's own generator. number: of the household.
        first_person: running number of its first member.
    """
    household = empty_household(rng, number)
    base = 1 + rng.randrange(max(1, min(60, span.days - story.lasts - 1)))
    tenant = adult(rng, first_person, 41, span.start, is_tenant=True)
    partner = adult(rng, first_person + 1, 39, span.start, is_tenant=True)
    pupil = _grown_pupil(child(rng, first_person + 2, 18, span.start, tenant.name.split()[-1]))
    household.members += [tenant, partner, pupil]
    scene = Scene(Diary(rng, household, span, is_planted=True), base, tenant, partner, pupil)
    story.tell(scene)
    return scene


def as_line(story: Story, household: Household) -> dict[str, Any]:
    """The story as a line of `truth/stories.jsonl`."""
    return {"kind": story.kind, "household": household.id, "expect": story.expect}


def _grown_pupil(person: Person) -> Person:
    """A pupil of age who rents a room as well."""
    return Person(person.number, person.name, person.born, person.age, True, True, True, person.is_patient)
