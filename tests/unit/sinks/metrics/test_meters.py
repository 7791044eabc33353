"""What each process exposes, and that closed labels begin at zero."""

from __future__ import annotations

import subprocess

import pytest
from prometheus_client.parser import text_string_to_metric_families

from processors.offers.model import OfferState, Reason
from sinks.metrics import RESULTS, Meters
from sinks.metrics.meters import EVERY


def samples(meters: Meters) -> dict[tuple[str, tuple[str, ...]], float]:
    """Name and label values -> value, of our own families."""
    body, _ = meters.expose()
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
        if sample.name.startswith("headwater_")
    }


@pytest.mark.parametrize("stage", RESULTS)
def test_every_result_of_a_stage_begins_at_zero(stage: str) -> None:
    registry = Meters(stage).registry
    for result in RESULTS[stage]:
        assert registry.get_sample_value("headwater_records_total", {"stage": stage, "result": result}) == 0


def test_offers_and_suppressions_begin_at_zero() -> None:
    found = samples(Meters("deliver"))
    assert {labels[0] for name, labels in found if name == "headwater_offers"} == {
        state.value for state in OfferState if state is not OfferState.SUPPRESSED
    }
    assert {labels[0] for name, labels in found if name == "headwater_suppressed"} == {each.value for each in Reason}


def test_feeds_reasons_and_processes_begin_at_zero() -> None:
    correlate, intake, supervisor = Meters("correlate"), Meters("intake"), Meters("supervisor")
    correlate.expect_feeds({"court.claims": 86_400_000})
    intake.expect_dead_letters(["not-avro"])
    supervisor.expect_processes(["plan"])
    assert samples(correlate)["headwater_feed_heard_timestamp_seconds", ("court.claims",)] == 0
    assert samples(correlate)["headwater_feed_settles_seconds", ("court.claims",)] == 86_400
    assert ("headwater_dead_letters_total", ("not-avro", "intake")) in samples(intake)
    assert samples(supervisor)["headwater_stage_restarts_total", ("plan",)] == 0


def test_a_process_exposes_only_what_it_can_know() -> None:
    assert ("headwater_outbox_pending", ()) not in samples(Meters("deliver"))
    assert samples(Meters("relay"))["headwater_outbox_pending", ()] == 0
    meters = Meters("board")
    meters.subjects.set(3)
    assert ("headwater_subjects", ()) not in samples(meters)


def test_two_processes_in_one_know_nothing_of_each_other() -> None:
    one, other = Meters("relay"), Meters("relay")
    one.outbox_pending.set(5)
    assert samples(other)["headwater_outbox_pending", ()] == 0


def test_an_unknown_process_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'rely' has no metrics; name one of intake, .*supervisor"):
        Meters("rely")


@pytest.mark.parametrize("process", EVERY)
def test_promtool_finds_nothing_wrong_with_names_and_help(process: str) -> None:
    body, _ = Meters(process).expose()
    checked = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr.decode()


def test_times_of_creation_are_not_exposed_in_either_format() -> None:
    for accept in ("", "application/openmetrics-text; version=1.0.0"):
        body, content_type = Meters("deliver").expose(accept)
        assert b"_created" not in body
        assert content_type.startswith("application/openmetrics-text" if accept else "text/plain")
