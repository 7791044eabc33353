"""Rules per household through the stages' own tasks: one offer for all, moves, opt-outs, folds, a whole town.

Days are counted from 3 March 2025, a Monday.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from processors.decisions import Decision, DecisionKind
from processors.events import ChangeKind, Control, ControlKind, HouseholdEvent, LifeEvent, Mark
from processors.offers.model import OfferRecord, OfferState, Reason, SituationMark
from processors.rules.ledger import EMPTY, fold_all
from processors.rules.lines import Replay
from processors.rules.model import Subject
from processors.surge import Volume
from schemas.codec import decode_attributes
from streams import composition, topics
from streams.clocks import as_plan_hears_it
from streams.composition import Platform
from streams.kafka.committer import Position
from streams.kafka.records import Record
from streams.kafka.transactions import Outgoing
from streams.stages.task import work_off
from tests.integration import small_rules
from tests.integration.small_rules import day, fates, hear, lost, rule, twice
from tests.integration.stages_in_process import Way, decide, make_life, name_topics, new_task, write

BOTH = twice("both", "job_lost", 60)
QUIET = rule(
    "quiet",
    "  - {when: job_lost, as: one}\n  - {then: rent_arrears_reported, as: two, within: 200 days of one}\n"
    "  - {absent: born, for: 10 days after two}",
    "2026-01-01 job_lost, 2026-01-10 rent_arrears_reported",
    "2026-01-20",
)
RULES = (BOTH, QUIET, twice("arrears", "rent_arrears_reported", 300))


@pytest.fixture
def new_platform(kafka: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Platform]:
    """Makes platforms of one partition with these rules alone, on topics of this test's own."""
    name_topics(kafka, monkeypatch)

    def make(*rules: str, partitions: int = 1) -> Platform:
        return small_rules.new_platform(kafka, tmp_path, rules, partitions)

    return make


def test_what_two_members_lived_through_gives_one_offer_for_their_household(
    new_platform: Callable[..., Platform],
) -> None:
    platform = new_platform(BOTH)
    way = Way(platform)
    way.say(lost("p1", 0), lost("p2", 5), lost("p3", 5, "h2"))
    hear(way, platform, 10)
    (decision,) = way.decisions
    assert (decision.household, decision.is_household, decision.person) == ("h1", True, "p2")
    assert [event.person for event in decision.events] == ["p1", "p2"]
    assert fates(way) == [(OfferState.OPEN, None, "h1")]
    assert way.offers[0].situations[0].persons == ("p2", "p1")


def test_a_correction_that_moves_an_event_to_another_household_takes_the_offer_with_it(
    new_platform: Callable[..., Platform],
) -> None:
    platform = new_platform(BOTH)
    way = Way(platform)
    way.say(lost("p1", 0), lost("p2", 5), lost("p3", 6, "h2"))
    hear(way, platform, 10)
    way.say(lost("p2", 5, "h2", id="moved", recorded_at=day(12), change=ChangeKind.CORRECTED, replaces="p2-5"))
    hear(way, platform, 14)
    assert fates(way) == [
        (OfferState.OPEN, None, "h1"),
        (OfferState.WITHDRAWN, Reason.RETRACTED, "h1"),
        (OfferState.OPEN, None, "h2"),
    ]
    assert way.offers[1].at == day(12), "withdrawn when the move was recorded"


@pytest.mark.parametrize("person", ["p1", "p2"])
def test_the_word_of_anybody_it_is_about_blocks_it(new_platform: Callable[..., Platform], person: str) -> None:
    platform = new_platform(BOTH)
    way = Way(platform)
    way.say(lost("p1", 0), Control(ControlKind.OPT_OUT, person, "h1", "riverbend", day(1)), lost("p2", 5))
    hear(way, platform, 10)
    assert fates(way) == [(OfferState.SUPPRESSED, Reason.OPTED_OUT, "h1")]


@pytest.mark.parametrize(("words", "kind"), [("withdraw", "withdrawn"), ("tell officer", "review")])
def test_what_a_rule_does_on_correction_stands_on_the_ledger_and_only_a_withdrawal_reaches_plan(
    new_platform: Callable[..., Platform], words: str, kind: str
) -> None:
    platform = new_platform(BOTH.replace("overlap: keep", f"on_correction: {words}\noverlap: keep"))
    way = Way(platform)
    way.say(lost("p1", 0), lost("p2", 5))
    hear(way, platform, 10)
    way.say(lost("p2", 6, id="later", recorded_at=day(12), change=ChangeKind.CORRECTED, replaces="p2-5"))
    hear(way, platform, 14)
    assert [(each.kind, each.event) for each in way.decisions] == [("matched", None), (kind, "later")]
    told = [OfferState.OPEN, OfferState.WITHDRAWN] if kind == "withdrawn" else [OfferState.OPEN]
    assert [each.state for each in way.offers] == told


def test_an_absence_waits_until_every_partition_of_correlate_has_heard(new_platform: Callable[..., Platform]) -> None:
    """Members may be in any of them, and a mark tells of its own partition only."""
    platform = new_platform(QUIET, partitions=2)
    task = new_task(platform, "households", Position(0, ""))
    arrears = replace(lost("p2", 3, id="rent"), type="rent_arrears_reported")
    marks = {number: [Mark(feed, number, 2, day(40)) for feed in platform.deployment.contracts] for number in range(2)}

    def say(*values: HouseholdEvent | Mark) -> list[Decision]:
        sent = task.process([Record("", 0, 0, 0, None, platform.codec.encode(value)) for value in values]).outgoing
        return [each for each in (platform.codec.decode(out.value) for out in sent) if isinstance(each, Decision)]

    assert say(HouseholdEvent("h1", lost("p1", 0)), HouseholdEvent("h1", arrears), *marks[0]) == []
    assert [each.kind for each in say(*marks[1])] == [DecisionKind.MATCHED]


def test_a_rule_that_comes_later_finds_the_past_and_time(new_platform: Callable[..., Platform], kafka: str) -> None:
    before = new_platform()
    way = Way(before)
    way.say(lost("p1", 0), lost("p2", 5))
    hear(way, before, 10)
    assert {type(before.codec.decode(each.value)) for each in way.heard_at_home} == {Mark}, "nobody asked for more"
    said = [before.codec.encode(value) for value in (lost("p1", 0), lost("p2", 5))]
    write(kafka, topics.LIFE_EVENTS, [Record("", 0, n, 0, None, value) for n, value in enumerate(said)])

    after = new_platform(BOTH)
    correlate = new_task(after, "correlate", Position(2, way.correlate.note()))
    assert correlate.note() == way.correlate.note(), "not yet done"
    past = correlate.tick(is_idle=True)
    assert [after.codec.decode(each.value) for each in past] == [
        HouseholdEvent("h1", lost("p1", 0)),
        HouseholdEvent("h1", lost("p2", 5)),
    ]
    assert correlate.note() != way.correlate.note()
    again = new_task(after, "correlate", Position(2, correlate.note()))
    assert again.tick(is_idle=True) == []
    households = new_task(after, "households", Position(0, ""))
    households.process(way.heard_at_home)
    told = unmarked(after, households.process([Record("", 0, 0, 0, out.key, out.value) for out in past]).outgoing)
    assert [out.topic for out in told] == [topics.HOUSEHOLD_DECISIONS, topics.SITUATIONS]


# A whole town.


@pytest.fixture(scope="module")
def life(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    return make_life(kafka, tmp_path_factory.mktemp("town"))


def standing(decisions: Iterable[Decision]) -> dict[str, tuple[str, tuple[str, ...]]]:
    found = fold_all(EMPTY, (each for each in decisions if each.is_household)).standing
    return {match: (each.household, tuple(event.id for event in each.events)) for match, each in found.items()}


def decisions_in(platform: Platform, told: Iterable[Outgoing]) -> list[Decision]:
    values = (platform.codec.decode(out.value) for out in told)
    return [each for each in values if isinstance(each, Decision)]


def test_stages_come_to_the_same_matches_as_a_replay_of_the_lines(
    new_platform: Callable[..., Platform], life: list[Record]
) -> None:
    platform = new_platform(*RULES)
    told = decisions_in(platform, decide(platform, life, [0, *range(500, len(life), 500), len(life)]))
    replay, replayed, end = Replay(platform.rules), list[Decision](), 0
    values = [platform.codec.decode(record.value) for record in life]
    for line in sorted((each for each in values if isinstance(each, LifeEvent)), key=lambda each: each.recorded_at):
        attributes = orjson.dumps(dict(decode_attributes(line.attributes))) if line.attributes else b""
        replayed += replay.event(replace(line, attributes=attributes))
    end = max(each.heard for each in values if isinstance(each, Mark))
    replayed += replay.advance(end)
    assert len(standing(told)) > 10, "too little happens to prove anything"
    assert standing(told) == standing(replayed)


def test_offers_do_not_depend_on_when_households_hear_of_time(
    new_platform: Callable[..., Platform], life: list[Record]
) -> None:
    """Time is passed on by the chunk, so decisions may come later or be taken back; plan acts in event time."""
    platform = new_platform(*RULES)
    dice, offers = random.Random(11), list[list[OfferRecord]]()
    for at in ([0, len(life)], [0, *sorted(dice.sample(range(1, len(life)), 40)), len(life)], range(len(life) + 1)):
        said = as_plan_hears_it(platform.codec, decide(platform, life, at))
        records = [Record(out.topic, 0, n, 0, out.key, out.value) for n, out in enumerate(said)]
        planned = work_off(new_task(platform, "plan", Position(0, "")), records)
        values = [platform.codec.decode(out.value) for out in planned]
        made = [each for each in values if isinstance(each, OfferRecord) and each.reason is not Reason.RETRACTED]
        offers.append(sorted(made, key=lambda each: (each.offer, each.version, each.cause)))
    assert len(offers[0]) > 10
    assert offers[0] == offers[1] == offers[2]


def test_a_task_opened_on_the_log_says_nothing_again_and_goes_on_as_the_other(
    new_platform: Callable[..., Platform], life: list[Record], kafka: str
) -> None:
    platform = new_platform(*RULES)
    said = decide(platform, life, [0, *range(500, len(life), 500), len(life)])
    heard = [out for out in said if out.topic == topics.HOUSEHOLD_EVENTS]
    log = [Record(out.topic, 0, n, 0, out.key, out.value) for n, out in enumerate(heard)]
    at = random.Random(5).randrange(len(log) // 3, len(log))
    first = new_task(platform, "households", Position(0, ""))
    told = [*work_off(first, log[:at])]
    write(kafka, topics.HOUSEHOLD_EVENTS, log)
    write(kafka, topics.HOUSEHOLD_DECISIONS, [out for out in told if out.topic == topics.HOUSEHOLD_DECISIONS])
    assert standing(decisions_in(platform, told)), "too little happens to prove anything"
    second = new_task(platform, "households", Position(at, first.note()))
    assert unmarked(platform, second.tick(is_idle=False)) == []
    assert unmarked(platform, [*work_off(second, log[at:])]) == unmarked(platform, [*work_off(first, log[at:])])


def unmarked(platform: Platform, outgoing: Sequence[Outgoing]) -> list[Outgoing]:
    return [out for out in outgoing if not isinstance(platform.codec.decode(out.value), SituationMark)]


def test_what_the_fetcher_leaves_aside_changes_nothing(
    new_platform: Callable[..., Platform], life: list[Record]
) -> None:
    platform = new_platform(twice("arrears", "rent_arrears_reported", 300))
    with ExitStack() as stack:
        leaves_aside = stack.enter_context(composition._BUILDERS["correlate"](platform)).leaves_aside
    kept = [record for record in life if not leaves_aside(record)]
    aside = [platform.codec.decode(record.value) for record in life if leaves_aside(record)]
    assert len(aside) > 500, "too little is left aside to prove anything"
    assert all(isinstance(line, LifeEvent) and line.replaces is None for line in aside)
    every, most = (new_task(platform, "correlate", Position(0, "")) for _ in range(2))
    told = [unmarked(platform, [*work_off(task, log)]) for task, log in ((every, life), (most, kept))]
    assert any(out.topic == topics.HOUSEHOLD_EVENTS for out in told[0])
    assert told[0] == told[1]
    counts = Counter(every.report().results)
    assert counts == Counter(most.report().results) + Counter(applied=len(aside))


def test_intake_says_on_every_mark_from_when_on_the_feed_is_complete(
    new_platform: Callable[..., Platform], life: list[Record]
) -> None:
    platform = new_platform()
    values = [platform.codec.decode(record.value) for record in life]
    marks = [each for each in values if isinstance(each, Mark)]
    for feed, contract in platform.deployment.contracts.items():
        first = next(each for each in marks if each.feed == feed)
        (began,) = {each.began for each in marks if each.feed == feed}
        assert began is not None
        assert began <= first.heard if contract.begins_ms is None else began == contract.begins_ms
    first_topic = min(platform.deployment.contracts.values(), key=lambda each: each.topic)
    kept = 100 if first_topic.begins_ms is None else first_topic.begins_ms
    volume = Volume().pack()
    kept_note = new_task(platform, "intake", Position(9, f"200|100|{volume}")).note()
    assert kept_note == f"200|{kept}|{volume}", "kept over a restart"


def test_households_do_not_hear_what_no_rule_per_household_looks_at(
    new_platform: Callable[..., Platform], life: list[Record]
) -> None:
    platform = new_platform(BOTH)
    assert platform.rules.of_subject(Subject.HOUSEHOLD).plans
    told = (platform.codec.decode(out.value) for out in decide(platform, life, [0, len(life)]))
    assert {each.event.type for each in told if isinstance(each, HouseholdEvent)} == {"job_lost"}
