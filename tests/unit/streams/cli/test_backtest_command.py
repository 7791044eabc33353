"""`headwater rules backtest` and `headwater history` as a policy analyst uses them."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastavro import parse_schema, writer
from typer.testing import CliRunner

from schemas.heartbeats import internal_schema
from streams.backtest.making import write_history
from streams.cli import app
from streams.errors import UserError, WrongUse
from streams.simulation.town import Town, build

RUNNER = CliRunner()
RULE = """rule: {name}
version: {version}
steps:
  - when: job_lost
    as: loss
  - then: rent_arrears_reported
    within: {days} days of loss
overlap: keep
"""
PLAIN = ["--catalogue", "none"]


@pytest.fixture
def rule(tmp_path: Path) -> Path:
    path = tmp_path / "rule.yaml"
    path.write_text(RULE.format(name="r", version=1, days=30))
    return path


def rows(persons: int, days: int = 10, first: int = 0) -> list[dict[str, object]]:
    """So many persons of households of their own who lose a job and owe rent some days after; a third then leave."""
    made: list[dict[str, object]] = []
    for number in range(first, first + persons):
        own = {"person": f"p{number}", "household": f"h{number}", "area": f"area-{number % 3}", "agency": "x"}
        month = 1 + number % 4
        made.append({"id": f"a{number}", "type": "job_lost", "occurred_at": f"2025-{month:02}-01", **own})
        made.append({"id": f"b{number}", "type": "rent_arrears_reported",
                     "occurred_at": f"2025-{month:02}-{1 + days:02}", **own})  # fmt: skip
        if number % 3 == 0:
            made.append({"id": f"c{number}", "type": "evicted", "occurred_at": f"2025-{month + 1:02}-20", **own})
    return made


def lines(path: Path, given: list[dict[str, object]]) -> Path:
    ordered = sorted(given, key=lambda row: str(row["occurred_at"]))
    path.write_text("".join(json.dumps(row) + "\n" for row in ordered))
    return path


def told(*arguments: object, code: int = 0) -> dict[str, object]:
    done = RUNNER.invoke(app, ["rules", "backtest", *map(str, arguments), "--json"])
    assert done.exit_code == code, done.output + repr(done.exception)
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_counts_are_rounded_joined_and_add_up(rule: Path, tmp_path: Path):
    found = told(rule, "--history", lines(tmp_path / "h.jsonl", rows(120)), *PLAIN, "--by", "area,agency")
    (one,) = found["rules"]  # type: ignore[misc]
    assert one["matches"] == 120
    assert [(p["from"], p["matches"]) for p in one["periods"]][:4] == [(f"2025-0{m}", 30) for m in range(1, 5)]
    assert {tuple(group["values"]): group["matches"] for group in one["by"]["area"]} == {
        ("area-0",): 40, ("area-1",): 40, ("area-2",): 40,
    }  # fmt: skip


def test_few_persons_are_withheld(rule: Path, tmp_path: Path):
    found = told(rule, "--history", lines(tmp_path / "h.jsonl", rows(9)), *PLAIN)
    (one,) = found["rules"]  # type: ignore[misc]
    assert (one["matches"], one["periods"], one["by"]) == (None, None, {"area": None})


def test_lead_time_and_what_was_found_before(rule: Path, tmp_path: Path):
    given = lines(tmp_path / "h.jsonl", rows(120))
    lead = told(rule, "--history", given, *PLAIN, "--crisis", "evicted")["rules"][0]["lead_time"]  # type: ignore[index]
    assert (lead["crises"], lead["found"], lead["followed"]) == (40, 40, 40)
    assert 37 <= lead["days"]["median"] <= 41


def test_versions_are_compared_person_by_person(rule: Path, tmp_path: Path):
    new = tmp_path / "new.yaml"
    new.write_text(RULE.format(name="r", version=2, days=15))
    history = lines(tmp_path / "h.jsonl", rows(40) + rows(20, days=20, first=100))
    (one,) = told(new, "--history", history, *PLAIN, "--compare", rule)["differences"]  # type: ignore[misc]
    assert (one["rule"], one["compared_with"]) == ("r/2", "r/1")
    assert (one["both"], one["only_new"], one["only_old"], one["of_both"]["same_day"]) == (40, 0, 20, 40)


def test_a_difference_of_few_persons_is_withheld_whole(rule: Path, tmp_path: Path):
    new = tmp_path / "new.yaml"
    new.write_text(RULE.format(name="r", version=2, days=15))
    history = lines(tmp_path / "h.jsonl", rows(40) + rows(3, days=20, first=100))
    (one,) = told(new, "--history", history, *PLAIN, "--compare", rule)["differences"]  # type: ignore[misc]
    assert (one["both"], one["only_new"], one["only_old"]) == (None, None, None)


def test_parquet_and_avro_and_lines_tell_the_same(rule: Path, tmp_path: Path):
    given = rows(60)
    by_lines = told(rule, "--history", lines(tmp_path / "h.jsonl", given), *PLAIN)
    parquet = tmp_path / "h.parquet"
    pq.write_table(pa.Table.from_pylist(given), parquet, row_group_size=7)
    avro = tmp_path / "h.avro"
    fields = [{"name": name, "type": "string"} for name in given[0]]
    with avro.open("wb") as stream:
        writer(stream, parse_schema({"type": "record", "name": "Row", "fields": fields}), given)
    assert told(rule, "--history", parquet, *PLAIN) == by_lines
    assert told(rule, "--history", avro, *PLAIN) == by_lines


def test_a_file_of_the_platforms_own_records_is_a_history(rule: Path, tmp_path: Path):
    schema = internal_schema("LifeEvent").raw
    assert isinstance(schema, dict)
    own = {"feed": "f", "arrival": 0, "heard": 0, "change": "created", "replaces": None, "attributes": b""}
    given = [
        {**row, **own, "occurred_at": at, "recorded_at": at, "ended_at": None}
        for number, row in enumerate(rows(20))
        for at in [1_735_700_000_000 + number * 1000]
    ]
    with (tmp_path / "h.avro").open("wb") as stream:
        writer(stream, schema, given)
    assert told(rule, "--history", tmp_path / "h.avro", *PLAIN)["rules"][0]["matches"] == 20  # type: ignore[index]


def test_rows_that_cannot_be_used_are_named_and_the_rest_goes_on(rule: Path, tmp_path: Path):
    given = rows(30)
    given[3] = {**given[3], "occurred_at": "soon"}
    given[5] = {**given[5], "person": ""}
    parquet = tmp_path / "h.parquet"
    pq.write_table(pa.Table.from_pylist(given), parquet)
    done = RUNNER.invoke(app, ["rules", "backtest", str(rule), "--history", str(parquet), *PLAIN])
    assert done.exit_code == 1
    assert "1 rows left out, h.parquet row 4: `occurred_at` cannot be read; write 2026-01-05" in done.stderr
    assert "1 rows left out, h.parquet row 6: `person` is empty" in done.stderr
    assert "30" in done.stdout


def test_types_that_are_not_in_the_catalogue_are_left_out(tmp_path: Path):
    history = lines(tmp_path / "h.jsonl", rows(30))
    done = RUNNER.invoke(app, ["rules", "backtest", "processors/rules/library", "--history", str(history)])
    assert done.exit_code == 1
    assert "`type` is not in the catalogue" in done.stderr


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (("occurred_at", pa.array([0], pa.timestamp("ms"))), "`occurred_at` has times without a zone"),
        (("ocurred_at", pa.array([0])), "has no column `occurred_at`"),
        (("extra", pa.array([0])), "has columns that are not known: `extra`"),
    ],
)
def test_a_file_that_is_no_history_says_why(rule: Path, tmp_path: Path, column: tuple[str, pa.Array], said: str):
    columns = {"id": ["1"], "type": ["a"], "person": ["p"], "occurred_at": ["2025-01-01"]}
    if column[0] != "extra":
        del columns["occurred_at"]
    table = pa.table({**columns, column[0]: column[1]})
    pq.write_table(table, tmp_path / "h.parquet")
    done = RUNNER.invoke(app, ["rules", "backtest", str(rule), "--history", str(tmp_path / "h.parquet"), *PLAIN])
    assert isinstance(done.exception, UserError)
    assert said in done.stderr


@pytest.mark.parametrize("arguments", [["--by", "colour"], ["--crisis", "flood"]])
def test_keys_and_crises_that_nobody_knows_are_wrong_use(tmp_path: Path, arguments: list[str]):
    history = lines(tmp_path / "h.jsonl", rows(1))
    command = ["rules", "backtest", "processors/rules/library", "--history", str(history), *arguments]
    assert isinstance(RUNNER.invoke(app, command).exception, WrongUse)


def test_a_history_that_is_not_there_is_wrong_use(rule: Path, tmp_path: Path):
    for path in (tmp_path / "none.parquet", tmp_path):
        command = ["rules", "backtest", str(rule), "--history", str(path), *PLAIN]
        assert isinstance(RUNNER.invoke(app, command).exception, WrongUse)


def test_a_simulated_town_can_be_back_tested_at_once_and_as_a_file(tmp_path: Path):
    build(Town(600, 12, 7), tmp_path / "town")
    library = "processors/rules/library"
    at_once = told(library, "--history", tmp_path / "town", "--page", tmp_path / "pages")
    made = RUNNER.invoke(app, ["history", "town", str(tmp_path / "town"), "--out", str(tmp_path / "town.parquet")])
    assert made.exit_code == 0
    assert told(library, "--history", tmp_path / "town.parquet") == at_once
    names = {path.stem for path in (tmp_path / "pages").glob("*.html")}
    assert names == {one["rule"] for one in at_once["rules"]}  # type: ignore[index,attr-defined]


def test_no_file_is_left_unfinished(tmp_path: Path):
    def broken():
        yield from ()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_history(broken(), tmp_path / "h.parquet")
    assert list(tmp_path.iterdir()) == []


def test_processes_and_buckets_change_nothing(rule: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    history = lines(tmp_path / "h.jsonl", rows(90))
    alone = told(rule, "--history", history, *PLAIN, "--jobs", "1")
    monkeypatch.setattr("streams.backtest.passes._WORTH_A_PROCESS", 1)
    monkeypatch.setattr("streams.backtest.passes._BUCKET_ROWS", 7)
    assert told(rule, "--history", history, *PLAIN, "--jobs", "2") == alone
