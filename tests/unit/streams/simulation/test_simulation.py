"""The synthetic town: same arguments same bytes, valid records, bounded delays, honest counts."""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter
from datetime import date
from pathlib import Path

import fastavro
import pytest

from streams.simulation.facts import FEEDS, SETTLING_MS, TYPES
from streams.simulation.feeds import FeedWriter, Heartbeat, read_feed
from streams.simulation.library_stories import LIBRARY_STORIES
from streams.simulation.population import Person
from streams.simulation.span import HOUR_MS, Span, add_months, local
from streams.simulation.stories import COPIES, STORIES, fitting
from streams.simulation.town import Town, build, least_persons

CONTRACTS = Path(__file__).parents[4] / "infra" / "demo" / "contracts"
TOWN = Town(persons=1500, months=12, seed=7)


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    folder = tmp_path_factory.mktemp("town")
    return folder, build(TOWN, folder)


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def digest(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_same_arguments_give_the_same_bytes(tmp_path):
    small = Town(persons=300, months=12, seed=3)
    build(small, tmp_path / "a")
    build(Town(persons=300, months=12, seed=3), tmp_path / "b")
    build(small, tmp_path / "b")  # over an earlier town
    assert digest(tmp_path / "a") == digest(tmp_path / "b")


def test_another_seed_gives_another_town(tmp_path):
    build(Town(persons=200, months=2, seed=3), tmp_path / "a")
    build(Town(persons=200, months=2, seed=4), tmp_path / "b")
    assert digest(tmp_path / "a") != digest(tmp_path / "b")


@pytest.mark.parametrize("feed", FEEDS)
def test_records_fit_the_agency_s_schema(town, feed):
    agency, contract = feed.split(".")
    schema = fastavro.parse_schema(json.loads((CONTRACTS / agency / contract / f"{contract}.avsc").read_text()))
    records = [item for item in read_feed(town[0] / "feeds" / f"{feed}.jsonl") if not isinstance(item, Heartbeat)]
    for record in records:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, schema, record, strict=True)
    assert records


@pytest.mark.parametrize("feed", FEEDS)
def test_heartbeats_come_daily_and_last(town, feed):
    items = list(read_feed(town[0] / "feeds" / f"{feed}.jsonl"))
    beats = [item.ms for item in items if isinstance(item, Heartbeat)]
    assert beats == list(TOWN.span.midnights[: TOWN.span.days + 1])
    assert items[-1] == Heartbeat(TOWN.span.end)


def test_manifest_counts_what_is_there(town):
    folder, manifest = town
    feeds = {feed: list(read_feed(folder / "feeds" / f"{feed}.jsonl")) for feed in FEEDS}
    records = {feed: sum(not isinstance(item, Heartbeat) for item in items) for feed, items in feeds.items()}
    members = [member for household in lines(folder / "population.jsonl") for member in household["members"]]
    assert manifest["records_by_feed"] == records
    assert manifest["records"] == sum(records.values())
    assert manifest["events"] == len(lines(folder / "truth" / "events.jsonl"))
    assert (
        manifest["stories"]
        == len(lines(folder / "truth" / "stories.jsonl"))
        == COPIES * len(STORIES) + len(LIBRARY_STORIES)
    )
    assert manifest["opt_outs"] == len(lines(folder / "controls.jsonl"))
    assert manifest["persons"] == TOWN.persons
    assert len(members) == manifest["persons"] + manifest["born"]
    assert manifest["end"] == TOWN.span.end


def test_records_are_the_facts_and_their_disturbances(town):
    _, manifest = town
    wrong = manifest["disturbances"]
    extra = wrong["corrected"] + 2 * wrong["annulled_and_recreated"] + wrong["duplicate"]
    extra += sum(wrong[kind] for kind in ("unknown_person", "missing_person", "unknown_kind", "not_ours"))
    assert manifest["records"] == manifest["facts"] + extra + manifest["annulments"]
    assert min(wrong[kind] for kind in ("corrected", "annulled_and_recreated", "out_of_order", "duplicate")) > 0


def test_truth_is_recorded_within_the_settling_time(town):
    events = lines(town[0] / "truth" / "events.jsonl")
    late = {line["household"] for line in lines(town[0] / "truth" / "stories.jsonl") if line["kind"] == "too-late"}
    for event in events:
        delay = event["recorded_at"] - event["occurred_at"]
        if event["household"] in late:
            assert delay > 35 * 24 * HOUR_MS
        else:
            assert 0 <= delay <= SETTLING_MS - 6 * HOUR_MS
        assert event["recorded_at"] < TOWN.span.end


def test_the_register_of_job_seekers_begins_with_those_of_before(town):
    feed = list(read_feed(town[0] / "feeds" / "employment-service.job-seekers.jsonl"))
    start = TOWN.span.midnights[0]
    before = [item for item in feed if not isinstance(item, Heartbeat) and item["registeredAt"] < start]
    assert before and feed[: len(before)] == before
    assert {item["kind"] for item in before} == {"REGISTRATION"}
    assert feed[len(before)] == Heartbeat(start)


def test_rate_of_events_is_that_of_a_lively_town(town):
    assert 2.0 < town[1]["events"] / TOWN.persons < 3.5
    types = Counter(event["type"] for event in lines(town[0] / "truth" / "events.jsonl"))
    assert set(types) == TYPES


def test_a_household_has_one_thing_a_day(town):
    """Order within a household is plain, whatever agencies date to the day."""
    days = Counter()
    for event in lines(town[0] / "truth" / "events.jsonl"):
        fact = event["id"].split("-")[0] if event["type"] != "moved" else "moved"
        days[event["household"], local(event["occurred_at"]).date()] += 0
        days[event["household"], local(event["occurred_at"]).date(), fact] = 1
    facts_a_day = Counter(key[:2] for key in days if len(key) == 3)
    assert max(facts_a_day.values()) == 1


def test_wrong_first_versions_come_on_the_same_day_and_within_six_hours(town):
    records = {}
    for item in read_feed(town[0] / "feeds" / "employment-service.job-declarations.jsonl"):
        if not isinstance(item, Heartbeat):
            records.setdefault(item["aangifteNummer"], item)
    corrections = [record for record in records.values() if record["aard"] == "WIJZIGING"]
    assert corrections
    for correction in corrections:
        first = records[correction["vorigeAangifte"]]
        assert HOUR_MS <= correction["ontvangenOp"] - first["ontvangenOp"] <= 6 * HOUR_MS
        assert local(correction["ontvangenOp"]).date() == local(first["ontvangenOp"]).date()


def test_ids_are_unique_in_the_register(town):
    ids = [
        tuple(pair)
        for household in lines(town[0] / "population.jsonl")
        for member in household["members"]
        for pair in member["ids"]
    ]
    assert len(ids) == len(set(ids))


def test_national_numbers_have_a_right_check_and_no_real_month():
    number = Person(12, "A", date(2000, 1, 1), 25, True).national_number
    assert len(number) == 11
    assert int(number[9:]) == 97 - int(number[:9]) % 97
    assert number[2:4] == "00"


def test_short_spans_leave_out_stories_that_do_not_fit():
    told = {story.kind for story in fitting(Span(date(2025, 1, 1), 2), 1000)}
    assert "contact-cap" not in told
    assert "help-sought" not in {story.kind for story in fitting(Span(date(2025, 1, 1), 1), 1000)}


def test_a_span_ends_at_local_midnight():
    span = Span(date(2025, 1, 1), 7)
    assert local(span.end).isoformat() == "2025-08-01T00:00:00+02:00"
    assert add_months(date(2025, 11, 1), 3) == date(2026, 2, 1)


def test_the_writer_sorts_across_its_parts(tmp_path):
    span = Span(date(2025, 1, 1), 3)
    writer = FeedWriter(tmp_path, span)
    for day in (70, 3, 31, 3, 500):
        writer.add(FEEDS[0], span.midnights[0] + day * 24 * HOUR_MS + 1, {"claim": {"amount": str(day)}})
    writer.finish()
    items = list(read_feed(tmp_path / f"{FEEDS[0]}.jsonl"))
    amounts = [int(item["claim"]["amount"]) for item in items if not isinstance(item, Heartbeat)]
    assert amounts == [3, 3, 31, 70, 500]
    assert items[-1] == Heartbeat(span.end)
    assert not list(tmp_path.glob("*.aside"))


def test_every_story_has_room():
    assert least_persons() == 3 * COPIES * len(STORIES)
    told = fitting(TOWN.span, least_persons() + 6)
    assert [story for story in told if story in LIBRARY_STORIES] == list(LIBRARY_STORIES[:2])
