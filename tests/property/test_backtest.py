"""A back-test tells what `rules run` tells, however it cuts the history; and the sieve never stops a match."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from processors.backtest.sieve import Sieves
from processors.backtest.trial import on_trial, standing, whole_timeline
from processors.civil_time import Calendar, parse_instant
from processors.events import LifeEvent
from processors.rules.checking.check import Deployment
from processors.rules.deciding.heard import Heard
from processors.rules.lines import run as replay
from processors.rules.ruleset import RuleSet
from processors.timeline import EMPTY, apply
from schemas.attributes import decode_attributes, encode_attributes
from streams.backtest.passes import Taken, Wanted, run
from streams.backtest.sources import pieces
from streams.backtest.subjects import lines_of, rows_of
from tests.brute.events import Event
from tests.brute.strategies import DAY_MS, PLACE, Case, cases

DEPLOYMENT = Deployment(calendar=Calendar(PLACE.zone, PLACE.holidays))
patient = settings(
    deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def life_event(event: Event, number: int) -> LifeEvent:
    return LifeEvent(
        event.id, event.type, "p", "", event.area, event.agency, "f", event.occurred_at, event.recorded_at, number,
        heard=event.occurred_at, attributes=encode_attributes(event.attributes),
    )  # fmt: skip


@patient
@given(cases())
def test_the_sieve_never_stops_a_match(case: Case):
    loaded = RuleSet.load({"r.yaml": case.text}, DEPLOYMENT, decode_attributes)
    assume(isinstance(loaded, RuleSet))  # a few of the random rules are refused
    assert isinstance(loaded, RuleSet)
    rules, events = on_trial(loaded), [life_event(event, number) for number, event in enumerate(case.events)]
    end = max([case.began, *(event.recorded_at for event in case.events)]) + 400 * DAY_MS
    rows = pa.Table.from_batches([rows_of(events)])
    (lines,) = lines_of(rows, "person", 0) if events else [None]
    if lines is None:
        return
    found = standing(rules, whole_timeline(events), Heard(every=end, every_began=case.began)).matches
    passed = Sieves(rules).passing(lines.sketch)
    assert passed is not None or not found
    assert standing(passed, lines.timeline(), Heard(every=end, every_began=case.began)).matches == found


STEPS = {
    "a": "steps: [{when: lost, as: loss}, {then: owed, within: 20 days of loss}]",
    "b": "steps: [{when: lost, as: loss}, {absent: found, for: 10 days after loss}]",
    "c": "per: household\nsteps: [{at_least: 2 owed, in_any: 30 days}]",
    "d": "steps: [{when: owed, where: amount > 5}, {right_after: owed, within: 9 days of first}]",
}
RULES = {f"{name}.yaml": f"rule: {name}\nversion: 1\n{steps}\n" for name, steps in STEPS.items()}


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, object]]:
    """Lines of a few persons in two households, in order of arrival, some of them changing others."""
    lines: list[dict[str, object]] = []
    day = 1
    for number in range(draw(st.integers(1, 14))):
        day += draw(st.integers(0, 4))
        person = draw(st.sampled_from(["anna", "ben", "cleo"]))
        own = [line for line in lines if line["person"] == person and line.get("change") is None]
        line: dict[str, object] = {
            "id": f"e{number}", "person": person, "type": draw(st.sampled_from(["lost", "owed", "found"])),
            "occurred_at": f"2026-{1 + day // 28:02}-{1 + day % 28:02}",
            "household": draw(st.sampled_from(["h1", "h2"])), "attributes": {"amount": draw(st.integers(0, 9))},
        }  # fmt: skip
        if own and draw(st.booleans()):
            original = draw(st.sampled_from(own))
            change = draw(st.sampled_from(["corrected", "annulled"]))
            line |= {"change": change, "replaces": original["id"], "type": original["type"]}
            line |= {"recorded_at": line["occurred_at"], "occurred_at": original["occurred_at"]}
        lines.append(line)
    return [*lines, {"advance_to": "2027-06-01"}]


def told_by_replay(lines: list[dict[str, object]]) -> Counter[str]:
    """Matches that stand in the end, by rule."""
    rules = RuleSet.load(RULES, DEPLOYMENT, decode_attributes)
    assert isinstance(rules, RuleSet)
    standing: dict[str, str] = {}
    for decision in replay(rules, lines):
        if decision["decision"] == "matched":
            standing[str(decision["match"])] = f"{decision['rule']}/1"
        elif decision["decision"] == "withdrawn":
            del standing[str(decision["match"])]
    return Counter(standing.values())


@settings(deadline=None, max_examples=250)
@given(histories())
def test_a_back_test_tells_what_rules_run_tells(lines: list[dict[str, object]]):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.jsonl"
        path.write_bytes(b"\n".join(map(orjson.dumps, lines)))
        wanted = Wanted(RULES, {}, DEPLOYMENT, ("area",), frozenset(), 40)
        taken = run(wanted, pieces(path), 1, None, lambda *_: None)
    counted = {rule: sum(cell.count for cell in one.months.values()) for rule, one in taken.counts.rules.items()}
    assert Counter(counted) == told_by_replay(lines)


@settings(deadline=None, max_examples=150)
@given(histories(), st.integers(1, 60), st.booleans())
def test_a_back_test_up_to_a_day_is_one_of_the_history_cut_there(
    lines: list[dict[str, object]], day: int, is_parquet: bool
):
    until = f"2026-{1 + day // 28:02}-{1 + day % 28:02}"
    events = [line for line in lines if "id" in line]
    cut = [line for line in events if str(line.get("recorded_at", line["occurred_at"])) <= until]
    end = parse_instant(until, DEPLOYMENT.calendar)
    assert end is not None
    with tempfile.TemporaryDirectory() as folder:
        taken = [taken_of(Path(folder), given, end, is_parquet) for given in (lines if not is_parquet else events, cut)]
    assert taken[0] == taken[1]
    assert taken[0].first is None or taken[0].last == end


def taken_of(folder: Path, lines: list[dict[str, object]], end: int, is_parquet: bool) -> Taken:
    path = folder / ("history.parquet" if is_parquet else "history.jsonl")
    if is_parquet:
        rows = [{"change": None, "replaces": None, "recorded_at": None} | line for line in lines]
        texts = [row | {"attributes": orjson.dumps(row["attributes"]).decode()} for row in rows]
        columns = [
            "id",
            "person",
            "type",
            "occurred_at",
            "recorded_at",
            "household",
            "change",
            "replaces",
            "attributes",
        ]
        pq.write_table(pa.table({name: pa.array([row[name] for row in texts], pa.string()) for name in columns}), path)
    else:
        path.write_bytes(b"\n".join(map(orjson.dumps, lines)))
    wanted = Wanted(RULES, {}, DEPLOYMENT, ("area",), frozenset(), 40)
    return run(wanted, pieces(path), 1, end, lambda *_: None)


@settings(deadline=None, max_examples=100)
@given(histories(), st.randoms(use_true_random=False))
def test_a_timeline_made_at_once_is_the_one_made_line_by_line(lines: list[dict[str, object]], random):
    events = [
        LifeEvent(str(one["id"]), str(one["type"]), "p", "h", "", "", "", number % 5, number, number)
        for number, one in enumerate(line for line in lines if "id" in line)
    ]
    events += random.sample(events, len(events) // 2)
    grown = EMPTY
    for event in sorted(events, key=lambda event: event.arrival):
        grown, _ = apply(grown, event)
    random.shuffle(events)
    assert whole_timeline(events) == grown
