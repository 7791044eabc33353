from itertools import pairwise

from bench.peers.job import EventReader, Job, decode_match, encode_match
from bench.workload import FIRST, SECOND, WITHIN_MS
from bench.workload.events import Workload, expected, life_event_schema
from processors.events import LifeEvent, Mark
from schemas.codec import internal_codec
from schemas.registry import FolderRegistry

SMALL = Workload(4000, 100)


def test_the_same_arguments_give_the_same_events_in_order_of_time() -> None:
    lines = list(SMALL.lines())
    assert lines == list(Workload(4000, 100).lines())
    assert all(a.occurred_at < b.occurred_at for a, b in pairwise(lines))
    assert len({line.id for line in lines}) == len(lines)


def test_the_right_answer_is_what_the_rule_says() -> None:
    """Against a search through all pairs of all persons."""
    lines = list(SMALL.lines())
    by_person: dict[str, list[LifeEvent]] = {}
    for line in lines:
        by_person.setdefault(line.person, []).append(line)
    pairs = set()
    for events in by_person.values():
        for place, lost in enumerate(events):
            if lost.type == FIRST:
                arrears = next((each for each in events[place:] if each.type == SECOND), None)
                if arrears is not None and arrears.occurred_at - lost.occurred_at <= WITHIN_MS:
                    pairs.add((lost.id, arrears.id))
    assert expected(lines) == pairs
    assert len(pairs) > 50


def test_the_log_ends_with_marks_of_every_feed_up_to_the_last_event() -> None:
    *_, last = SMALL.lines()
    marks = [line for line in SMALL.log() if isinstance(line, Mark)]
    assert {mark.feed for mark in marks} == {"employment.jobs", "landlord.rents", "registry.records"}
    assert {mark.heard for mark in marks} == {last.recorded_at}


def test_peers_read_what_the_platform_writes_and_leave_marks_aside() -> None:
    codec = internal_codec(FolderRegistry())
    job = Job("", "", "", "", "", str(life_event_schema()), codec.schema_id(LifeEvent))
    event, *_ = SMALL.lines()
    found = EventReader(job).read(codec.encode(event))
    assert found is not None
    assert (found["id"], found["person"], found["occurred_at"]) == (event.id, event.person, event.occurred_at)
    assert EventReader(job).read(codec.encode(Mark("employment.jobs", 0, 1, 5))) is None


def test_a_match_reads_back() -> None:
    assert decode_match(encode_match("p", "a", "b")) == ("a", "b")
