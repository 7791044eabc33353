"""Reports of tasks as metrics: counted once, added up over partitions, forgotten with the partition."""

from __future__ import annotations

import pytest
from faust.types import TP

from processors.offers.model import OfferState, Reason
from processors.pauses import BRAKE, Pause, PauseKind
from schemas.deployment import Deployment
from schemas.outcomes import RejectionReason
from sinks.case_db import Counts
from sinks.metrics import Meters
from streams.composition import DEMO
from streams.kafka.records import Record
from streams.kafka.transactions import Outgoing
from streams.processes import FAUST_STAGES
from streams.stages.dead_letters import dead_letter
from streams.stages.gauges import StageGauges, meters_of
from streams.stages.tally import Report, Tally

NOW_S = 1_700_000_000.0


@pytest.fixture
def meters() -> Meters:
    return Meters("correlate")


@pytest.fixture
def gauges(meters: Meters) -> StageGauges:
    return StageGauges("correlate", meters, is_wall=True, now=lambda: NOW_S)


def value(meters: Meters, name: str, **labels: str) -> float | None:
    return meters.registry.get_sample_value(f"headwater_{name}", labels)


def test_counts_add_up(gauges: StageGauges, meters: Meters) -> None:
    gauges.count(Report(results={"applied": 3}, dead_letters={"fault": 1}))
    gauges.count(Report(results={"applied": 2, "mark": 1}))
    assert value(meters, "records_total", stage="correlate", result="applied") == 5
    assert value(meters, "records_total", stage="correlate", result="mark") == 1
    assert value(meters, "dead_letters_total", stage="correlate", reason="fault") == 1


def test_how_things_stand_is_over_all_partitions(gauges: StageGauges, meters: Meters) -> None:
    one = Report(held=3, clock=5_000, heard={"a": 9_000, "b": 9_000})
    other = Report(held=4, clock=4_000, heard={"a": 7_000})
    gauges.stand([one, other])
    assert value(meters, "subjects") == 7
    assert value(meters, "clock_timestamp_seconds", stage="correlate") == 4
    assert value(meters, "feed_heard_timestamp_seconds", feed="a") == 7
    assert value(meters, "watermark_delay_seconds", feed="a") == NOW_S - 7
    assert value(meters, "watermark_delay_seconds", feed="b") is None, "one partition never heard it"


def test_in_a_replay_a_feed_is_behind_the_one_heard_furthest(meters: Meters) -> None:
    StageGauges("correlate", meters, is_wall=False).stand([Report(heard={"a": 60_000, "b": 10_000})])
    assert value(meters, "watermark_delay_seconds", feed="a") == 0
    assert value(meters, "watermark_delay_seconds", feed="b") == 50


def test_a_feed_ahead_of_the_machines_clock_is_not_behind(gauges: StageGauges, meters: Meters) -> None:
    gauges.stand([Report(heard={"a": int(NOW_S + 60) * 1000})])
    assert value(meters, "watermark_delay_seconds", feed="a") == 0


def test_without_partitions_nothing_is_held(gauges: StageGauges, meters: Meters) -> None:
    gauges.stand([Report(held=3, clock=5)])
    gauges.stand([])
    assert (value(meters, "subjects"), value(meters, "clock_timestamp_seconds", stage="correlate")) == (0, 0)


def test_lag_of_a_partition_goes_with_it(gauges: StageGauges, meters: Meters) -> None:
    here = {"stage": "correlate", "topic": "t", "partition": "3"}
    gauges.lag(TP("t", 3), 12)
    assert value(meters, "lag_records", **here) == 12
    gauges.lag(TP("t", 3), -1)
    assert value(meters, "lag_records", **here) == 0
    gauges.forget(TP("t", 3))
    assert value(meters, "lag_records", **here) is None
    gauges.forget(TP("t", 4))


def test_offers_that_are_no_more_are_zero() -> None:
    meters = Meters("deliver")
    gauges = StageGauges("deliver", meters, is_wall=True)
    gauges.offers(Counts({OfferState.OPEN: 2}, {Reason.COOL_DOWN: 1}))
    gauges.offers(Counts({OfferState.LAPSED: 2}, {}))
    assert value(meters, "offers", state="open") == 0
    assert value(meters, "offers", state="lapsed") == 2
    assert value(meters, "suppressed", reason="cool-down") == 0


def test_what_is_held_is_shown_as_long_as_it_is() -> None:
    meters = Meters("intake")
    gauges = StageGauges("intake", meters, is_wall=True)
    for by, shown in ((BRAKE, "surge-brake"), ("els", "officer")):
        order = Pause(PauseKind.FEED, "a.b", True, "", by, 5_000)
        gauges.holds("events.a.b", order)
        labels = {"feed": "a.b", "topic": "events.a.b", "by": shown}
        assert value(meters, "feed_held_since_timestamp_seconds", **labels) == 5
        gauges.holds_no_more("events.a.b", order)
        assert value(meters, "feed_held_since_timestamp_seconds", **labels) is None


def test_what_waits_for_a_paused_rule_is_added_up() -> None:
    meters = Meters("plan")
    StageGauges("plan", meters, is_wall=True).stand([Report(waiting=2), Report(waiting=3)])
    assert value(meters, "situations_paused") == 5


def test_waits_are_observed_in_seconds() -> None:
    meters = Meters("deliver")
    StageGauges("deliver", meters, is_wall=True).count(Report(waits_ms=(3_600_000, 0)))
    assert value(meters, "event_to_offer_seconds_count") == 2
    assert value(meters, "event_to_offer_seconds_sum") == 3600


def test_a_tally_tells_each_count_once() -> None:
    tally = Tally()
    tally.results["written"] += 2
    tally.set_aside([letter("unreadable")])
    tally.waits_ms.append(5)
    assert tally.report(held=1) == Report({"written": 2}, {"unreadable": 1}, (5,), 1)
    assert tally.report() == Report()


def test_a_dead_letter_of_a_dead_letter_counts_by_its_own_reason() -> None:
    again = Record("t", 0, 0, 0, b"k", b"v", tuple(letter("unreadable").headers or ()))
    tally = Tally()
    tally.set_aside([dead_letter(again, "plan", "unexpected", "again")])
    assert tally.dead_letters == {"unexpected": 1}


@pytest.mark.parametrize("stage", FAUST_STAGES)
def test_a_stage_begins_with_everything_the_deployment_can_bring(stage: str) -> None:
    deployment = Deployment.load(DEMO)
    meters = meters_of(stage, deployment)
    reasons = {sample.labels["reason"] for family in meters.dead_letters.collect() for sample in family.samples}
    assert reasons == ({reason.value for reason in RejectionReason} if stage == "intake" else reasons)
    assert "unreadable" in reasons or stage == "intake"
    feeds = {sample.labels["feed"] for family in meters.feed_heard.collect() for sample in family.samples}
    assert feeds == (set(deployment.contracts) if stage == "correlate" else set())


def letter(reason: str) -> Outgoing:
    return dead_letter(Record("t", 0, 0, 0, b"k", b"v"), "plan", reason, "why")
