"""Time is data: absences, silence, annulments, opt-outs; folds and chunks change nothing.

The stages' own tasks, fed with encoded records; days are counted from 3 March 2025, a Monday.
"""

from __future__ import annotations

import random
import shutil
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from rocksdict import Cache

from processors.annulment import annulment_of
from processors.decisions import Decision, DecisionKind
from processors.events import ChangeKind, Control, ControlKind, LifeEvent, Mark
from processors.offers.model import OfferState, Reason, Situation, SituationKind, SituationMark
from schemas.attributes import encode_attributes
from streams import topics
from streams.clocks import as_plan_hears_it
from streams.composition import Platform
from streams.kafka.committer import Position
from streams.kafka.log import read_partition
from streams.kafka.records import Record
from streams.kafka.transactions import Outgoing
from streams.settings import Settings
from streams.stages import deciding
from streams.stages.deciding import DECIDED
from streams.stages.task import Task, work_off
from streams.stages.traffic import is_traffic
from streams.state.store import RocksStore
from tests.integration.stages_in_process import Way, decide, make_life, make_topics, name_topics, new_task, write

BEGIN = int(datetime(2025, 3, 3, tzinfo=UTC).timestamp() * 1000)
DAY = 86_400_000
BENEFITS, JOBS, PRISON = (
    "employment-service.benefit-decisions",
    "employment-service.job-declarations",
    "prison.releases",
)
CLOCKS = ("feeds", "wall")


@pytest.fixture
def new_platform(kafka: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Platform]:
    """Makes platforms of one partition, on topics of this test's own."""
    name_topics(kafka, monkeypatch)

    def make(clock: str = "feeds") -> Platform:
        fixed = {"kafka": kafka, "data": tmp_path, "deployment": None, "case_db": None, "register_db": None}
        return Platform(Settings(**fixed, clock=clock, event_partitions=1, core_partitions=1), is_state_kept=False)  # type: ignore[arg-type]

    return make


@pytest.fixture
def new_way(new_platform: Callable[[str], Platform]) -> Callable[[str], Way]:
    def make(clock: str = "feeds") -> Way:
        platform = new_platform(clock)
        way = Way(platform)
        way.feeds = tuple(platform.deployment.contracts)  # type: ignore[attr-defined]
        return way

    return make


def day(number: float) -> int:
    return BEGIN + round(number * DAY)


def event(type_: str, at: float, feed: str, id_: str = "", **more: Any) -> LifeEvent:
    """Something of one person, recorded the next day."""
    attributes = encode_attributes(more.pop("attributes", {}))
    fields = {"recorded_at": day(at + 1), "arrival": int(at * 1000), "heard": day(at), **more}
    agency = feed.partition(".")[0]
    return LifeEvent(
        id_ or f"{type_}-{at}", type_, "p1", "h1", "riverbend", agency, feed, day(at), attributes=attributes, **fields
    )


def hear(way: Way, until: int, but: Sequence[str] = ()) -> None:
    """Every feed but some was heard up to then; the log's own time is the same."""
    way.say(*(Mark(feed, 0, 1, until) for feed in way.feeds if feed not in but), appended=until)  # type: ignore[attr-defined]


STOPPED = event("benefit_stopped", 0, BENEFITS, attributes={"benefit": "unemployment", "reason": "sanction"})
NOWHERE = event("prison_released", 0, PRISON, attributes={"has_address": False, "sentence_months": 8.0})


# Time passes more often for households, too, while there is traffic.


def test_households_hear_whether_there_was_traffic_before_a_mark(new_platform: Callable[[str], Platform]) -> None:
    """Their input is mostly marks; those come every second even when nothing happens."""
    platform = new_platform("feeds")
    correlate, sent = new_task(platform, "correlate", Position(0, "")), 0

    def says(*values: LifeEvent | Mark) -> bool:
        nonlocal sent
        keys = [b"mark|" if isinstance(value, Mark) else b"p1|" for value in values]
        records = [
            Record(topics.LIFE_EVENTS, 0, sent + n, day(1), key, platform.codec.encode(value))
            for n, (key, value) in enumerate(zip(keys, values, strict=True))
        ]
        sent += len(records)
        marks = [out for out in work_off(correlate, records) if out.topic == topics.HOUSEHOLD_EVENTS]
        assert marks, "no mark reached households"
        return any(is_traffic([Record(o.topic, 0, 0, 0, o.key, o.value, o.headers or ())]) for o in marks)

    feed = sorted(platform.deployment.contracts)[0]
    assert not says(Mark(feed, 0, 1, day(1)))
    assert says(STOPPED, Mark(feed, 0, 1, day(2)))
    assert not says(Mark(feed, 0, 1, day(3))), "traffic is told of twice"


# Absences.


@pytest.mark.parametrize("clock", CLOCKS)
def test_an_absence_fires_with_no_new_event_at_deadline_and_settling(new_way: Callable[[str], Way], clock: str) -> None:
    way = new_way(clock)
    way.say(STOPPED, appended=day(1))
    hear(way, day(60))
    (decision,) = way.decisions
    assert (decision.rule, decision.kind) == ("income-gap-after-benefit-stop", DecisionKind.MATCHED)
    assert decision.known_at == decision.completed_at + 3 * DAY, "settling time of the slower feed, as declared"
    assert day(30) <= decision.completed_at < day(31) + DAY

    way = new_way(clock)
    way.say(STOPPED, appended=day(1))
    hear(way, decision.known_at - 1)
    way.tick(is_idle=False)
    assert way.decisions == [], "concluded before the feeds were heard past deadline and settling time"
    hear(way, decision.known_at)
    assert [each.match for each in way.decisions] == [decision.match]
    assert [each.match for each in way.situations_told] == [decision.match]


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("silent", [BENEFITS, JOBS])
def test_an_absence_waits_for_each_feed_that_could_contradict(
    new_way: Callable[[str], Way], clock: str, silent: str
) -> None:
    way = new_way(clock)
    way.say(STOPPED, Mark(silent, 0, 1, day(10)), appended=day(10))
    for number in range(12, 90, 8):
        hear(way, day(number), but=[silent])
        way.tick(is_idle=False)
    assert way.decisions == [], f"a false absence: {silent} could contradict and was not heard"
    way.say(Mark(silent, 0, 1, day(90)), appended=day(91))
    assert [each.kind for each in way.decisions] == [DecisionKind.MATCHED], "the feed was heard: now it holds"


@pytest.mark.parametrize("clock", CLOCKS)
def test_what_the_silent_feed_brings_contradicts_in_time(new_way: Callable[[str], Way], clock: str) -> None:
    way = new_way(clock)
    way.say(STOPPED, appended=day(1))
    hear(way, day(60), but=[JOBS])
    way.say(event("job_started", 20, JOBS), appended=day(61))
    hear(way, day(90))
    assert way.decisions == []


def test_on_the_wall_clock_the_silence_of_a_feed_that_says_nothing_about_it_holds_nothing_up(
    new_way: Callable[[str], Way],
) -> None:
    way = new_way("wall")
    way.say(STOPPED, appended=day(1))
    hear(way, day(60), but=[PRISON])
    assert [each.kind for each in way.decisions] == [DecisionKind.MATCHED]


def test_a_feed_counts_as_heard_only_up_to_its_slowest_partition(new_way: Callable[[str], Way]) -> None:
    way = new_way("wall")
    way.say(STOPPED, appended=day(1))
    hear(way, day(60), but=[JOBS])
    way.say(Mark(JOBS, 0, 2, day(60)), appended=day(60))
    assert way.decisions == []
    way.say(Mark(JOBS, 1, 2, day(60)), appended=day(60))
    assert [each.kind for each in way.decisions] == [DecisionKind.MATCHED]


def test_while_it_waits_the_clock_it_passes_on_shows_that_time_is_not_what_is_missing(
    new_way: Callable[[str], Way],
) -> None:
    way = new_way("wall")
    way.say(STOPPED, appended=day(1))
    hear(way, day(60), but=[JOBS])
    marks = [m for m in map(way.codec.decode, (o.value for o in way.told)) if isinstance(m, SituationMark)]
    assert {mark.source_partition: mark.now for mark in marks} == {0: day(60), 1: day(60)}
    assert way.situations_told == []


# Annulled, opted out.


def test_an_annulled_event_withdraws_the_situation_and_the_offer(new_way: Callable[[str], Way]) -> None:
    way = new_way("feeds")
    way.say(NOWHERE)
    hear(way, day(3))
    assert [each.state for each in way.offers] == [OfferState.OPEN]
    way.say(
        event(
            "prison_released",
            0,
            PRISON,
            "annulment",
            recorded_at=day(5),
            change=ChangeKind.ANNULLED,
            replaces=NOWHERE.id,
        )
    )
    hear(way, day(7))
    assert [each.kind for each in way.situations_told] == [SituationKind.MATCHED, SituationKind.WITHDRAWN]
    last = way.offers[-1]
    assert (last.state, last.reason, last.version) == (OfferState.WITHDRAWN, Reason.RETRACTED, 2)
    assert last.at == day(5), "an offer is withdrawn when the annulment was recorded, not when somebody read it"


def test_an_opt_out_closes_the_open_offer_and_blocks_the_next(new_way: Callable[[str], Way]) -> None:
    way = new_way("feeds")
    way.say(NOWHERE)
    hear(way, day(3))
    way.say(Control(ControlKind.OPT_OUT, "p1", "h1", "riverbend", day(4)))
    hear(way, day(5))
    assert [(each.state, each.reason) for each in way.offers] == [
        (OfferState.OPEN, None),
        (OfferState.WITHDRAWN, Reason.OPTED_OUT),
    ]
    way.say(event("prison_released", 200, PRISON, attributes={"has_address": False}))
    hear(way, day(210))
    assert (way.offers[-1].state, way.offers[-1].reason) == (OfferState.SUPPRESSED, Reason.OPTED_OUT)


def test_a_record_that_cannot_be_read_is_a_dead_letter_and_its_neighbours_go_on(new_way: Callable[[str], Way]) -> None:
    way = new_way("feeds")
    foreign = Record("life-events.v1", 0, 7, 0, b"key", b"no avro", [("trace", b"1")])
    tombstone = Record("life-events.v1", 0, 8, 0, b"p1|gone", None)
    good = Record("life-events.v1", 0, 9, 0, b"p1|x", way.codec.encode(NOWHERE))
    sent = way.correlate.process([foreign, tombstone, good]).outgoing
    (dead,) = [out for out in sent if out.topic.endswith(".correlate.dlq")]
    assert (dead.key, dead.value, next(iter(dead.headers or ()))) == (b"key", b"no avro", ("trace", b"1"))
    assert [out.topic for out in sent if out.topic == topics.DECISIONS] == [topics.DECISIONS]


# A whole town: chunks and folds.


@pytest.fixture(scope="module")
def life(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    """`life-events.v1` of a small town, one partition, made by the real intake day by day."""
    return make_life(kafka, tmp_path_factory.mktemp("town"))


def news(platform: Platform, outgoing: Sequence[Outgoing]) -> list[Outgoing]:
    """What was sent, marks left out: they follow the chunks."""
    return [out for out in outgoing if not isinstance(platform.codec.decode(out.value), SituationMark | Mark)]


def cuts(dice: random.Random, length: int) -> list[int]:
    return [0, *sorted(dice.sample(range(1, length), 40)), length]


def process(task: Task, records: Sequence[Record], at: Sequence[int]) -> list[Outgoing]:
    return [out for begin, end in pairwise(at) for out in work_off(task, records[begin:end])]


def is_offer(out: Outgoing) -> bool:
    return out.topic == topics.OFFERS


@pytest.mark.parametrize("clock", CLOCKS)
def test_chunking_anywhere_gives_the_same_output(
    new_platform: Callable[[str], Platform], life: list[Record], clock: str
) -> None:
    platform = new_platform(clock)
    dice = random.Random(11)
    outputs = []
    for at in ([0, len(life)], cuts(dice, len(life)), range(len(life) + 1)):
        outputs.append(news(platform, process(new_task(platform, "correlate", Position(0, "")), life, at)))
    assert sum(out.topic == topics.DECISIONS for out in outputs[0]) > 40, "too little happens to prove anything"
    assert outputs[0] == outputs[1] == outputs[2], "correlate's output depends on how its input is cut"

    told = decide(platform, life, range(len(life) + 1))
    heard = as_plan_hears_it(platform.codec, told)
    situations = [Record(out.topic, 0, i, 0, out.key, out.value) for i, out in enumerate(heard)]
    # What plan puts on its own input besides, the time, is input to come: when it looked is all the same.
    offers = [
        [out for out in process(new_task(platform, "plan", Position(0, "")), situations, at) if is_offer(out)]
        for at in ([0, len(situations)], cuts(dice, len(situations)), range(len(situations) + 1))
    ]
    assert len(offers[0]) > 40
    assert offers[0] == offers[1] == offers[2], "plan's output depends on how its input is cut"


@pytest.mark.parametrize("clock", CLOCKS)
def test_a_correlate_task_opened_on_the_log_says_nothing_again_and_goes_on_as_the_other(
    new_platform: Callable[[str], Platform], life: list[Record], kafka: str, monkeypatch: pytest.MonkeyPatch, clock: str
) -> None:
    platform = new_platform(clock)
    write(kafka, topics.LIFE_EVENTS, life)
    for at in random.Random(5).sample(range(len(life) // 3, len(life)), 3):
        decisions = f"decisions.{uuid.uuid4().hex}"
        make_topics(kafka, decisions)
        monkeypatch.setattr(topics, "DECISIONS", decisions)
        first = new_task(platform, "correlate", Position(0, ""))
        told = [*work_off(first, life[:at])]
        write(kafka, decisions, [out for out in told if out.topic == decisions])
        second = new_task(platform, "correlate", Position(at, first.note()))
        again = news(platform, second.tick(is_idle=False))
        assert again == [], f"cut at {at}: a task opened on its own log told {len(again)} things again"
        assert news(platform, [*work_off(second, life[at:])]) == news(platform, [*work_off(first, life[at:])]), (
            f"cut at {at}: folded state differs from the state that was lost"
        )


@pytest.mark.parametrize("state", ["kept", "in memory"])
def test_after_a_long_outage_what_is_due_is_told_in_order_and_in_pieces(
    new_platform: Callable[[str], Platform], kafka: str, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    """Sixty absences are due by one second's marks; the task is stopped after the second piece."""
    monkeypatch.setattr(deciding, "MOST_LOOKS", 10)
    platform = replace(new_platform("feeds"), is_state_kept=state == "kept")
    people = [replace(STOPPED, id=f"stop-{n}", person=f"p{n}", arrival=n, heard=day(n / 24)) for n in range(60)]
    people = [replace(line, occurred_at=day(n / 24), recorded_at=day(n / 24)) for n, line in enumerate(people)]
    marks = [Mark(feed, 0, 1, day(60)) for feed in platform.deployment.contracts]
    log = [
        Record(topics.LIFE_EVENTS, 0, n, day(60), None, platform.codec.encode(value))
        for n, value in enumerate([*people, *marks])
    ]
    write(kafka, topics.LIFE_EVENTS, log)
    first = new_task(platform, "correlate", Position(0, DECIDED))
    pieces, at = [], 0
    while len(pieces) < 3:
        done = first.process(log[at:])
        at += done.taken
        first.committed(at, {})
        pieces.append(done.outgoing)
    assert at == len(log), "the marks are done; what they made due is not"
    assert first.is_behind
    told = [out for piece in pieces for out in piece]
    assert not any(isinstance(platform.codec.decode(out.value), SituationMark) for out in told), (
        "plan's clock ran ahead"
    )
    write(kafka, topics.DECISIONS, [out for out in told if out.topic == topics.DECISIONS])
    first.close()
    second = new_task(platform, "correlate", Position(at, first.note()))
    while True:
        told += second.tick(is_idle=True)
        if not second.is_behind:
            break
    second.close()
    values = [platform.codec.decode(out.value) for out in told if out.topic == topics.DECISIONS]
    found = [each for each in values if isinstance(each, Decision) and each.rule == "income-gap-after-benefit-stop"]
    assert sorted(each.person for each in found) == sorted(line.person for line in people), "lost, or told twice"
    assert [each.completed_at for each in found] == sorted(each.completed_at for each in found)


STATES = ("as it was left", "written long before", "cut short", "gone", "of another log")


@pytest.mark.parametrize("state", STATES)
def test_a_correlate_task_goes_on_from_whatever_state_it_finds(
    new_platform: Callable[[str], Platform], life: list[Record], kafka: str, tmp_path: Path, state: str
) -> None:
    memory = new_platform("feeds")
    write(kafka, topics.LIFE_EVENTS, life)
    at = len(life) * 2 // 3
    undisturbed = new_task(memory, "correlate", Position(0, ""))
    told = [*work_off(undisturbed, life[:at])]
    kept = replace(memory, is_state_kept=True)
    folder = tmp_path / "state" / "correlate-1" / f"{topics.LIFE_EVENTS}-0"
    first = new_task(kept, "correlate", Position(0, DECIDED))
    for begin in range(0, at, 500):
        for _ in work_off(first, life[begin : min(begin + 500, at)]):
            pass
        first.committed(min(begin + 500, at), {})
        if state == "written long before" and begin == 500:
            first._write()  # type: ignore[attr-defined]
            shutil.copytree(folder, tmp_path / "before")
    first.close()
    write(kafka, topics.DECISIONS, [out for out in told if out.topic == topics.DECISIONS])
    spoil(state, folder, tmp_path)
    second = new_task(kept, "correlate", Position(at, undisturbed.note()))
    assert news(memory, second.tick(is_idle=False)) == []
    assert news(memory, [*work_off(second, life[at:])]) == news(memory, [*work_off(undisturbed, life[at:])])
    second.close()


def spoil(state: str, folder: Path, aside: Path) -> None:
    """Does to a task's folder what may happen to it between two starts."""
    if state == "written long before":
        shutil.rmtree(folder)
        (aside / "before").rename(folder)
    elif state == "cut short":
        for file in [*folder.glob("*.sst"), *folder.glob("*.log")]:
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 3])
    elif state == "gone":
        shutil.rmtree(folder)
    elif state == "of another log":
        store = RocksStore(folder, "1|another|life|0", Cache(1 << 20))
        store.write([(b"m", b'{"source": 3, "count": 9}')])
        store.close()


@pytest.mark.parametrize("is_state_kept", [True, False])
def test_offsets_set_back_to_the_beginning_tell_nothing_again(
    new_platform: Callable[[str], Platform], life: list[Record], kafka: str, is_state_kept: bool
) -> None:
    memory = new_platform("feeds")
    write(kafka, topics.LIFE_EVENTS, life)
    told = decide(memory, life, cuts(random.Random(3), len(life)))
    write(kafka, topics.DECISIONS, [out for out in told if out.topic == topics.DECISIONS])
    write(kafka, topics.SITUATIONS, [*as_plan_hears_it(memory.codec, told)])
    platform = replace(memory, is_state_kept=is_state_kept)
    if is_state_kept:
        first = new_task(platform, "correlate", Position(0, DECIDED))
        first.close()
    again = new_task(platform, "correlate", Position(0, ""))
    said = [*again.tick(is_idle=False), *work_off(again, life)]
    # Households hear everything again, and know it.
    assert {out.topic for out in news(platform, said)} <= {topics.HOUSEHOLD_EVENTS}
    again.close()

    situations = list(read_partition(kafka, topics.SITUATIONS, 0))
    records = [Record(topics.SITUATIONS, 0, m.offset() or 0, 0, None, m.value()) for m in situations]
    plan = new_task(platform, "plan", Position(0, ""))
    offers = [*work_off(plan, records)]
    write(kafka, topics.OFFERS, offers)
    plan.close()
    assert len(offers) > 40
    again = new_task(platform, "plan", Position(0, ""))
    assert not any(map(is_offer, work_off(again, records)))
    again.close()


def test_what_is_erased_from_the_log_leaves_the_state_and_nobody_is_told(new_way: Callable[[str], Way]) -> None:
    way = new_way("feeds")
    way.say(NOWHERE)
    hear(way, day(3))
    assert way.decisions
    before = len(way.told)
    key = f"{NOWHERE.person}|{NOWHERE.id}|{NOWHERE.arrival}".encode()
    (gone,) = way.correlate.process([Record("life-events.v1", 0, 99, 0, key, None)]).outgoing
    (decision,) = way.decisions
    assert (gone.topic, gone.key, gone.value) == (
        topics.DECISIONS,
        f"{NOWHERE.person}|{decision.match}|".encode(),
        None,
    )
    hear(way, day(4))
    assert [out for out in way.told[before:] if out.topic == topics.DECISIONS] == []
    assert way.correlate.report().held <= 1


def test_what_is_told_anew_under_another_key_and_annulled_under_the_old_moves_with_its_offer(
    new_way: Callable[[str], Way],
) -> None:
    """As a merge does it, and a split the other way: state, match and offer follow the lines; nobody has two offers."""
    way = new_way("feeds")
    way.say(NOWHERE)
    hear(way, day(3))
    hear(way, day(10))
    assert standing(way) == {"h1": OfferState.OPEN}
    (match,) = {decision.match for decision in way.decisions}
    way.say(replace(NOWHERE, person="p2", household="h2", heard=NOWHERE.occurred_at), annulment_of(NOWHERE, day(10)))
    hear(way, day(12))
    hear(way, day(20))
    assert standing(way) == {"h1": OfferState.WITHDRAWN, "h2": OfferState.OPEN}
    assert {decision.match for decision in way.decisions} == {match}, "a match is known by its events, whoever has them"
    assert way.correlate.report().held <= 1


def standing(way: Way) -> dict[str, OfferState]:
    """The state of each household's newest offer."""
    return {offer.household: offer.state for offer in way.offers}


def test_a_plan_task_opened_on_the_log_goes_on_as_the_other(
    new_platform: Callable[[str], Platform], life: list[Record], kafka: str
) -> None:
    platform = new_platform("feeds")
    told = decide(platform, life, cuts(random.Random(3), len(life)))
    # The contact limits stand first on the log: the first task ever tells them in its first transaction.
    (limits,) = new_task(platform, "plan", Position(0, "")).tick(is_idle=True)
    sent = [limits, *as_plan_hears_it(platform.codec, told)]
    situations = [Record(out.topic, 0, i, 0, out.key, out.value) for i, out in enumerate(sent)]
    assert sum(isinstance(platform.codec.decode(each.value), Situation) for each in situations) > 40
    write(kafka, topics.SITUATIONS, situations)
    for at in random.Random(5).sample(range(1, len(situations)), 5):
        first = new_task(platform, "plan", Position(0, ""))
        first.process(situations[:at])
        second = new_task(platform, "plan", Position(at, first.note()))
        assert second.tick(is_idle=True) == []
        assert second.process(situations[at:]) == first.process(situations[at:]), f"cut at {at}: another state"
