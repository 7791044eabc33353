"""`headwater rules backtest` and `headwater history` as a policy analyst uses them."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastavro import parse_schema, writer
from typer.testing import CliRunner

from schemas.heartbeats import internal_schema
from streams.backtest.making import write_history
from streams.cli import app
from streams.errors import Unreachable, UserError, WrongUse
from streams.simulation.town import Town, build

RUNNER = CliRunner()
COMMAND = Path(sys.executable).with_name("headwater")
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
    assert (
        "fewer than 5 rows left out, such as h.parquet row 4: `occurred_at` cannot be read; write 2026-01-05"
        in done.stderr
    )
    assert "fewer than 5 rows left out, such as h.parquet row 6: `person` is empty" in done.stderr
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


def test_a_clock_that_ends_before_the_first_event_is_wrong_use(rule: Path, tmp_path: Path):
    history = lines(tmp_path / "h.jsonl", rows(30))
    command = ["rules", "backtest", str(rule), "--history", str(history), *PLAIN, "--until"]
    assert isinstance(RUNNER.invoke(app, [*command, "2024-12-31"]).exception, WrongUse)
    done = RUNNER.invoke(app, [*command, "2025-02-20"])
    assert done.exit_code == 0
    assert "Do not publish this beside" in done.stdout
    assert "2025-02-20" in done.stdout.splitlines()[0]


def test_the_numbers_of_events_and_of_rows_left_out_are_not_exact(rule: Path, tmp_path: Path):
    given = [{**row, "occurred_at": "soon"} if number in (3, 4) else row for number, row in enumerate(rows(61))]
    pq.write_table(pa.Table.from_pylist(given), tmp_path / "h.parquet")
    found = told(rule, "--history", tmp_path / "h.parquet", *PLAIN, code=1)["history"]
    assert found["events"] == 145  # type: ignore[index]  # of 143
    assert list(found["left_out"].values()) == [None]  # type: ignore[index]


def test_numbers_are_groups_of_their_own_and_few_of_one_are_other(rule: Path, tmp_path: Path):
    amounts = [1234567.0] * 12 + [1234568.0] * 12 + [99.0] * 12 + [0.5 + number for number in range(12)]
    given = [
        {**row, "attributes": json.dumps({"sum": amounts[int(str(row["person"])[1:])]})} for row in rows(len(amounts))
    ]
    pq.write_table(pa.Table.from_pylist(given), tmp_path / "h.parquet")
    (one,) = told(rule, "--history", tmp_path / "h.parquet", *PLAIN, "--by", "sum")["rules"]  # type: ignore[misc]
    shown = [(group["values"], group["matches"]) for group in one["by"]["sum"]]
    assert shown == [(["99"], 10), (["1234567"], 10), (["1234568"], 10), (["other"], 10)]


def test_a_value_of_few_persons_is_never_named_even_when_joined(rule: Path, tmp_path: Path):
    given = [{**row, "area": "anna" if row["person"] == "p1" else "north"} for row in rows(30)]
    (one,) = told(rule, "--history", lines(tmp_path / "h.jsonl", given), *PLAIN)["rules"]  # type: ignore[misc]
    assert [group["values"] for group in one["by"]["area"]] == [["north", "other"]]


def test_what_a_line_says_is_never_a_reason(rule: Path, tmp_path: Path):
    history = lines(tmp_path / "h.jsonl", rows(30))
    own = {"type": "job_lost", "person": "p", "occurred_at": "2025-01-01"}
    bad = [{"id": "1", **own, "change": "anna"}, {"id": "2", **own, "anna": 1}]
    history.write_text(history.read_text() + "".join(json.dumps(one) + "\n" for one in bad))
    found = told(rule, "--history", history, *PLAIN, code=1)
    assert len(found["history"]["left_out"]) == 2  # type: ignore[index]
    assert "anna" not in json.dumps(found)


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("attributes", pa.array([b"\x02\x02a\x09"] + [b""] * 59), "`attributes` cannot be read"),
        ("recorded_at", pa.array([-(2**62)] + [None] * 59, pa.int64()), "`recorded_at` is before 1900"),
        ("recorded_at", pa.array([2**62] + [None] * 59, pa.int64()), "`recorded_at` is before 1900"),
        ("ended_at", pa.array([2**31 - 1] + [None] * 59, pa.date32()), "`ended_at` cannot be read"),
        ("recorded_at", pa.array(["0001-01-01"] + [None] * 59), "`recorded_at`"),
    ],
)
def test_impossible_values_are_left_out_and_the_rest_goes_on(
    rule: Path, tmp_path: Path, column: str, values: pa.Array, said: str
):
    table = pa.Table.from_pylist([row for row in rows(30, days=9) if row["type"] != "evicted"])
    pq.write_table(table.append_column(column, values), tmp_path / "h.parquet")
    done = RUNNER.invoke(
        app, ["rules", "backtest", str(rule), "--history", str(tmp_path / "h.parquet"), *PLAIN, "--by", "sum", "--json"]
    )
    assert done.exit_code == 1, repr(done.exception)
    assert said in done.stderr
    assert json.loads(done.stdout)["rules"][0]["matches"] == 30


def test_impossible_times_of_lines_do_not_move_the_clock(rule: Path, tmp_path: Path):
    history = lines(tmp_path / "h.jsonl", rows(30))
    own = {"type": "job_lost", "person": "p"}
    bad = [{"id": "1", **own, "occurred_at": "0001-01-01"}, {"id": "2", **own, "occurred_at": "9999-01-01"}]
    history.write_text("".join(json.dumps(one) + "\n" for one in [*bad, {"advance_to": "9998-01-01"}])
                       + history.read_text())  # fmt: skip
    found = told(rule, "--history", history, *PLAIN, code=1)
    assert found["history"]["until"] < "2026"  # type: ignore[index]
    assert found["rules"][0]["matches"] == 30  # type: ignore[index]


def test_a_column_that_is_there_twice_is_named(rule: Path, tmp_path: Path):
    table = pa.Table.from_pylist(rows(3))
    pq.write_table(table.append_column("type", table.column("type")), tmp_path / "h.parquet")
    done = RUNNER.invoke(app, ["rules", "backtest", str(rule), "--history", str(tmp_path / "h.parquet"), *PLAIN])
    assert isinstance(done.exception, UserError)
    assert "h.parquet has column `type` twice" in done.stderr


def test_a_crisis_that_a_rule_may_not_see_is_refused(tmp_path: Path):
    history = lines(tmp_path / "h.jsonl", rows(1))
    command = [
        "rules",
        "backtest",
        "processors/rules/library",
        "--history",
        str(history),
        "--crisis",
        "rent_arrears_reported",
    ]
    done = RUNNER.invoke(app, command)
    assert isinstance(done.exception, WrongUse)
    assert "not granted to the purpose" in done.exception.problem


def test_a_page_folder_is_tried_before_the_history_is_read(rule: Path, tmp_path: Path):
    (tmp_path / "file").write_text("")
    command = ["rules", "backtest", str(rule), "--history", str(tmp_path / "none"), *PLAIN]
    done = RUNNER.invoke(app, [*command, "--page", str(tmp_path / "file")])
    assert isinstance(done.exception, Unreachable)
    assert str(tmp_path / "file") in done.exception.problem


def test_rows_that_do_not_fit_on_the_disk_are_a_clear_error(rule: Path, tmp_path: Path):
    history = lines(tmp_path / "h.jsonl", rows(400))
    limit = (20_480, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    done = subprocess.run(
        [COMMAND, "rules", "backtest", str(rule), "--history", str(history), *PLAIN],
        check=False, capture_output=True, text=True, env={**os.environ, "TMPDIR": str(tmp_path)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert f"rows cannot be put aside in {tmp_path}" in done.stderr
    assert "Traceback" not in done.stderr


def test_sigterm_ends_the_workers_and_removes_what_they_put_aside(rule: Path, tmp_path: Path):
    size = 2_000_000
    owners = [f"p{number // 4}" for number in range(size)]
    pq.write_table(
        pa.table({"id": [f"e{number}" for number in range(size)], "person": owners, "household": owners,
                  "type": ["job_lost", "rent_arrears_reported"] * (size // 2),
                  "occurred_at": [1_736_000_000_000 + number * 7 for number in range(size)]}),
        tmp_path / "h.parquet", row_group_size=size // 4,
    )  # fmt: skip
    aside = tmp_path / "aside"
    aside.mkdir()
    command = [COMMAND, "rules", "backtest", str(rule), *PLAIN, "--jobs", "2"]
    with subprocess.Popen(
        [*command, "--history", str(tmp_path / "h.parquet")], stderr=subprocess.PIPE, start_new_session=True,
        env={**os.environ, "TMPDIR": str(aside)},
    ) as process:  # fmt: skip
        assert eventually(lambda: any(aside.rglob("*.rows")))
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
    assert b"Traceback" not in said
    assert process.returncode not in (0, None)
    assert list(aside.iterdir()) == []
    assert eventually(lambda: not is_group_alive(process.pid))


def eventually(holds: Callable[[], bool]) -> bool:
    for _ in range(600):
        if holds():
            return True
        time.sleep(0.05)
    return False


def is_group_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_history_is_for_its_maker_alone(tmp_path: Path):
    write_history(iter(()), tmp_path / "h.parquet")
    assert (tmp_path / "h.parquet").stat().st_mode & 0o777 == 0o600


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
