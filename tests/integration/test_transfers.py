"""Merged and split: facts told of one person go to another, with their matches and their offer.

What correlate puts on its own input comes back to it here as on the log. Days as in `small_rules`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from processors.events import ChangeKind, Control, ControlKind, LifeEvent
from processors.identity.households import BEGINNING_MS, Membership
from processors.offers.model import OfferState, Reason
from processors.transfers import Step, Transfer
from streams import topics
from streams.composition import Platform
from streams.kafka.committer import Position
from streams.kafka.records import Record
from streams.kafka.transactions import Outgoing
from streams.life_events import life_event_record
from streams.stages.task import work_off
from tests.integration import small_rules
from tests.integration.small_rules import day, fates, hear, lost, rule, twice
from tests.integration.stages_in_process import Way, name_topics, new_task, write

TWICE = rule(
    "twice",
    "  - {when: job_lost, as: one}\n  - {then: job_lost, as: two, within: 60 days of one}",
    "2026-01-01 job_lost, 2026-01-03 job_lost",
    "2026-01-03",
    per="person",
)
BOTH = twice("both", "job_lost", 60)
OPEN, WITHDRAWN, SUPPRESSED = OfferState.OPEN, OfferState.WITHDRAWN, OfferState.SUPPRESSED


@pytest.fixture
def new_platform(kafka: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Platform]:
    name_topics(kafka, monkeypatch)
    return lambda *rules: small_rules.new_platform(kafka, tmp_path, rules)


def order(person: str, into: str, household: str, at: float, *events: str) -> Transfer:
    home = Membership(household, "riverbend", BEGINNING_MS)
    return Transfer(Step.ORDERED, person, into, day(at), (home,), events)


def persons_offered(way: Way) -> list[tuple[str, ...]]:
    """Of whom the offer speaks, version by version."""
    return [tuple(person for each in offer.situations for person in each.persons) for offer in way.offers]


def test_a_merge_moves_match_and_offer_to_the_household_of_the_other_key(new_platform: Callable[..., Platform]) -> None:
    platform = new_platform(TWICE)
    way = Way(platform)
    way.say(lost("p1", 0), lost("p1", 5))
    hear(way, platform, 10)
    assert fates(way) == [(OPEN, None, "h1")]
    way.say(order("p1", "p2", "h2", 11))
    hear(way, platform, 12)
    assert set(fates(way)[1:]) == {(WITHDRAWN, Reason.RETRACTED, "h1"), (OPEN, None, "h2")}
    assert len({decision.match for decision in way.decisions}) == 1, "the same match, whoever has it"
    assert persons_offered(way)[-1] == ("p2",) or persons_offered(way)[-2] == ("p2",)


def test_a_merge_within_a_household_leaves_its_offer_open_and_says_whose_it_is(
    new_platform: Callable[..., Platform],
) -> None:
    platform = new_platform(TWICE)
    way = Way(platform)
    way.say(lost("p1", 0), lost("p1", 5))
    hear(way, platform, 10)
    way.say(order("p1", "p2", "h1", 11))
    hear(way, platform, 12)
    assert fates(way) == [(OPEN, None, "h1"), (OPEN, None, "h1")]
    assert [offer.version for offer in way.offers] == [1, 2]
    assert persons_offered(way) == [("p1",), ("p2",)]
    way.say(Control(ControlKind.OPT_OUT, "p2", "h1", "riverbend", day(13)))
    hear(way, platform, 14)
    assert fates(way)[-1] == (WITHDRAWN, Reason.OPTED_OUT, "h1")


def test_halves_of_a_story_told_of_two_keys_match_once_they_are_merged(new_platform: Callable[..., Platform]) -> None:
    platform = new_platform(TWICE)
    way = Way(platform)
    way.say(lost("p1", 0), lost("p2", 5, "h2"))
    hear(way, platform, 10)
    assert fates(way) == []
    way.say(order("p1", "p2", "h2", 11))
    hear(way, platform, 12)
    assert fates(way) == [(OPEN, None, "h2")]


@pytest.mark.parametrize("policy", ["", "on_correction: withdraw\n", "on_correction: tell officer\n"])
def test_a_split_takes_the_match_back_whatever_the_rule_does_on_corrections(
    new_platform: Callable[..., Platform], policy: str
) -> None:
    """It was never this person's: that is nothing for an officer to weigh."""
    platform = new_platform(TWICE.replace("overlap: keep", f"{policy}overlap: keep"))
    way = Way(platform)
    way.say(lost("p1", 0), lost("p1", 5))
    hear(way, platform, 10)
    way.say(order("p1", "p2", "h2", 11, "p1-5"))
    hear(way, platform, 12)
    assert fates(way) == [(OPEN, None, "h1"), (WITHDRAWN, Reason.RETRACTED, "h1")]
    assert [each.kind for each in way.decisions] == ["matched", "withdrawn"]
    assert way.decisions[-1].reason == "an event it rests on is somebody else's"


def test_an_officer_who_looks_at_a_match_does_not_keep_it_from_moving(new_platform: Callable[..., Platform]) -> None:
    platform = new_platform(TWICE.replace("overlap: keep", "on_correction: tell officer\noverlap: keep"))
    way = Way(platform)
    way.say(lost("p1", 0), lost("p1", 5))
    hear(way, platform, 10)
    way.say(lost("p1", 6, id="later", recorded_at=day(10), change=ChangeKind.CORRECTED, replaces="p1-5"))
    way.say(order("p1", "p2", "h2", 11))
    hear(way, platform, 12)
    assert set(fates(way)[1:]) == {(WITHDRAWN, Reason.RETRACTED, "h1"), (OPEN, None, "h2")}


def test_a_household_keeps_the_match_of_a_member_who_is_merged_within_it(new_platform: Callable[..., Platform]) -> None:
    platform = new_platform(BOTH)
    way = Way(platform)
    way.say(lost("p1", 0), lost("p2", 5))
    hear(way, platform, 10)
    way.say(order("p1", "p3", "h1", 11))
    hear(way, platform, 12)
    assert fates(way) == [(OPEN, None, "h1")]


def test_a_match_of_two_members_ends_when_they_turn_out_to_be_one(new_platform: Callable[..., Platform]) -> None:
    platform = new_platform(BOTH)
    way = Way(platform)
    way.say(lost("p1", 0), lost("p2", 5))
    hear(way, platform, 10)
    way.say(order("p1", "p2", "h1", 11))
    hear(way, platform, 12)
    assert fates(way) == [(OPEN, None, "h1"), (WITHDRAWN, Reason.RETRACTED, "h1")]


def test_a_member_who_goes_to_another_household_takes_their_events_along(new_platform: Callable[..., Platform]) -> None:
    platform = new_platform(BOTH)
    way = Way(platform)
    way.say(lost("p1", 0), lost("p2", 5), lost("p3", 6, "h2"))
    hear(way, platform, 10)
    way.say(order("p1", "p4", "h2", 11))
    hear(way, platform, 12)
    assert set(fates(way)[1:]) == {(WITHDRAWN, Reason.RETRACTED, "h1"), (OPEN, None, "h2")}


def test_what_is_still_told_of_the_old_key_follows(new_platform: Callable[..., Platform]) -> None:
    platform = new_platform(TWICE)
    way = Way(platform)
    way.say(lost("p1", 0))
    way.say(order("p1", "p2", "h2", 4), lost("p1", 5))
    hear(way, platform, 10)
    assert fates(way) == [(OPEN, None, "h2")]
    gone = lost("p1", 5, id="gone", recorded_at=day(11), change=ChangeKind.ANNULLED, replaces="p1-5")
    way.say(gone)
    hear(way, platform, 12)
    assert fates(way)[-1] == (WITHDRAWN, Reason.RETRACTED, "h2")
    assert {decision.person for decision in way.decisions} == {"p2"}, "nothing was decided for a key that is nobody's"


def test_an_opt_out_of_the_living_key_stops_what_comes_to_it(new_platform: Callable[..., Platform]) -> None:
    platform = new_platform(TWICE)
    way = Way(platform)
    way.say(Control(ControlKind.OPT_OUT, "p2", "h1", "riverbend", day(0)), lost("p1", 0), lost("p1", 5))
    hear(way, platform, 10)
    way.say(order("p1", "p2", "h1", 11))
    hear(way, platform, 12)
    assert fates(way) == [(OPEN, None, "h1"), (WITHDRAWN, Reason.OPTED_OUT, "h1")]


STORY: list[LifeEvent | Transfer] = [
    lost("p1", 0),
    lost("p1", 5),
    lost("p1", 7, id="fixed", recorded_at=day(9), change=ChangeKind.CORRECTED, replaces="p1-5"),
    order("p1", "p2", "h2", 8, "p1-0"),
    order("p1", "p3", "h1", 9),
    lost("p1", 10),
    lost("p3", 11),
    lost("p1", 1, id="late", recorded_at=day(12), change=ChangeKind.CORRECTED, replaces="p1-0"),
]


def test_a_task_opened_anywhere_on_the_log_goes_on_as_the_other(
    new_platform: Callable[..., Platform], kafka: str
) -> None:
    platform = new_platform(TWICE)
    way = Way(platform)
    for said in STORY:
        way.say(said)
    whole = new_task(platform, "correlate", Position(0, ""))
    expected = [forwarded(work_off(whole, [record])) for record in way.log]
    assert sum(map(len, expected)) > 10
    write(kafka, topics.LIFE_EVENTS, way.log)
    write(kafka, topics.DECISIONS, [out for out in way.told if out.topic == topics.DECISIONS])
    for at in range(len(way.log)):
        task = new_task(platform, "correlate", Position(at, "decided|"))
        again = forwarded(task.tick(is_idle=False))
        assert set(again) <= {out for told in expected[:at] for out in told}, "what is told once more was told before"
        assert [forwarded(work_off(task, [record])) for record in way.log[at:]] == expected[at:], f"opened at {at}"


def forwarded(outgoing: Iterable[Outgoing]) -> list[tuple[bytes | None, bytes | None]]:
    """What correlate puts on its own input."""
    return [(out.key, out.value) for out in outgoing if out.topic == topics.LIFE_EVENTS]


def test_what_no_rule_looked_at_follows_when_one_does(new_platform: Callable[..., Platform], kafka: str) -> None:
    """Correlate leaves such events aside, so a transfer does too; new rules read the log from its beginning."""
    before = Way(new_platform(TWICE.replace("job_lost", "school_exited")))
    record = life_event_record(before.codec, lost("p1", 0), 1)
    work_off(before.correlate, [Record("", 0, 0, 0, record.key, record.value, record.headers or ())])
    before.say(order("p1", "p2", "h2", 4))
    assert not [each for each in map(before.codec.decode, (r.value for r in before.log)) if isinstance(each, LifeEvent)]
    log = [Record("", 0, 0, 0, record.key, record.value, record.headers or ()), *before.log]
    write(kafka, topics.LIFE_EVENTS, log)
    after = new_platform(TWICE)
    task = new_task(after, "correlate", Position(len(log), "decided|"))
    told = [after.codec.decode(out.value) for out in task.tick(is_idle=False) if out.topic == topics.LIFE_EVENTS]
    assert [each for each in told if isinstance(each, LifeEvent)] == [lost("p2", 0, "h2", id="p1-0")]
    assert [each.step for each in told if isinstance(each, Transfer)] == [Step.TOLD]


def test_what_was_left_behind_is_not_forgotten_when_the_worker_ends_before_it_is_sent(
    new_platform: Callable[..., Platform], kafka: str
) -> None:
    before = Way(new_platform(TWICE.replace("job_lost", "school_exited")))
    record = life_event_record(before.codec, lost("p1", 0), 1)
    skipped = Record("", 0, 0, 0, record.key, record.value, record.headers or ())
    work_off(before.correlate, [skipped])
    before.say(order("p1", "p2", "h2", 4))
    write(kafka, topics.LIFE_EVENTS, [skipped, *before.log])
    kept = replace(new_platform(TWICE), is_state_kept=True)
    position = Position(1 + len(before.log), "decided|")
    for _ in range(2):
        task = new_task(kept, "correlate", position)
        task.close()
    task = new_task(kept, "correlate", position)
    assert forwarded(task.tick(is_idle=False))
    task.committed(position.offset, {})
    task.close()
    last = new_task(kept, "correlate", position)
    assert not forwarded(last.tick(is_idle=False)), "told once it was committed"
    last.close()


def test_a_no_said_of_the_old_key_holds_for_the_living(new_platform: Callable[..., Platform]) -> None:
    platform = new_platform(TWICE)
    way = Way(platform)
    way.say(lost("p1", 0), lost("p1", 5))
    hear(way, platform, 10)
    way.say(order("p1", "p2", "h1", 11))
    hear(way, platform, 12)
    way.say(Control(ControlKind.OPT_OUT, "p1", "h1", "riverbend", day(13)))
    hear(way, platform, 14)
    assert fates(way)[-1] == (WITHDRAWN, Reason.OPTED_OUT, "h1")


@pytest.mark.parametrize("policy", ["", "on_correction: withdraw\n", "on_correction: tell officer\n"])
@pytest.mark.parametrize("household", ["h1", "h2"])
def test_facts_arrive_as_they_stand_and_are_decided_together(
    new_platform: Callable[..., Platform], policy: str, household: str
) -> None:
    """Of what was annulled before it could match nobody hears; what was corrected before is no correction now."""
    platform = new_platform(TWICE.replace("overlap: keep", f"{policy}overlap: keep"))
    way = Way(platform)
    way.say(lost("p1", 5, id="gone"))
    way.say(lost("p1", 5, id="annulment", recorded_at=day(8), change=ChangeKind.ANNULLED, replaces="gone"))
    way.say(lost("p1", 0, recorded_at=day(9)))
    hear(way, platform, 11)
    way.say(order("p1", "p2", household, 12))
    hear(way, platform, 13)
    assert (way.decisions, way.offers) == ([], [])
    way.say(lost("p2", 20, household), lost("p2", 40, household, id="old"))
    fixed = lost("p2", 30, household, id="new", recorded_at=day(41), change=ChangeKind.CORRECTED, replaces="old")
    way.say(fixed)
    hear(way, platform, 50)
    before = len(way.decisions)
    way.say(order("p2", "p3", household, 51))
    hear(way, platform, 52)
    told = {(each.kind, each.person) for each in way.decisions[before:]}
    assert told <= {("matched", "p3"), ("withdrawn", "p2")}, told


def test_a_fact_annulled_long_ago_stays_so_for_a_household_whose_member_is_merged(
    new_platform: Callable[..., Platform],
) -> None:
    platform = new_platform(BOTH)
    way = Way(platform)
    way.say(lost("p1", 5, id="gone"))
    way.say(lost("p1", 5, id="annulment", recorded_at=day(8), change=ChangeKind.ANNULLED, replaces="gone"))
    way.say(lost("p4", 6))
    hear(way, platform, 10)
    way.say(order("p1", "p2", "h1", 11))
    hear(way, platform, 12)
    assert (way.decisions, way.offers) == ([], [])
