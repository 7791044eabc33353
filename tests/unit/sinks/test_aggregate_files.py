"""Parquet files of weekly aggregates: whole or not at all, readable by anybody."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from processors.disclosure.model import Cell, Measure
from sinks.aggregates import AggregateFiles, AggregatesUnusable
from sinks.aggregates.files import SCHEMA

ANALYSTS = Path(__file__).parents[3] / "docs" / "analysts.md"
OLD, NEW = "2024-W52", "2025-W03"


def cell(week: str = NEW, area: str = "hill", count: int | None = 15, measure: Measure = Measure.EVENTS) -> Cell:
    return Cell(week, measure, area, "moved", count)


@pytest.fixture
def files(tmp_path: Path) -> AggregateFiles:
    return AggregateFiles(tmp_path / "aggregates")


def test_without_a_folder_there_is_no_week(files: AggregateFiles):
    assert files.weeks() == []
    assert files.cells() == []


def test_what_was_written_is_read_newest_week_first(files: AggregateFiles):
    files.write(OLD, [cell(OLD)])
    files.write(NEW, [cell(), cell(area="all", count=None), cell(measure=Measure.OFFERS, count=0)])
    assert files.weeks() == [NEW, OLD]
    assert files.cells(NEW) == [cell(area="all", count=None), cell(), cell(measure=Measure.OFFERS, count=0)]
    assert files.cells(measure=Measure.OFFERS) == [cell(measure=Measure.OFFERS, count=0)]
    assert files.cells("2031-W01") == []
    assert len(files.cells()) == 4


def test_the_same_cells_make_the_same_file(files: AggregateFiles, tmp_path: Path):
    path = tmp_path / "aggregates" / f"{NEW}.parquet"
    files.write(NEW, [cell(), cell(area="all")])
    first = path.read_bytes()
    files.write(NEW, [cell(area="all"), cell()])
    assert path.read_bytes() == first


def test_only_finished_files_of_weeks_are_seen(files: AggregateFiles, tmp_path: Path):
    files.write(NEW, [cell()])
    (tmp_path / "aggregates" / ".2025-W04.parquet.unfinished").write_bytes(b"PAR1")
    (tmp_path / "aggregates" / "notes.parquet").write_bytes(b"")
    assert files.weeks() == [NEW]
    assert [path.name for path in (tmp_path / "aggregates").glob("*W*.parquet")] == [f"{NEW}.parquet"]


def test_a_damaged_file_is_named_with_a_remedy(files: AggregateFiles, tmp_path: Path):
    files.write(NEW, [cell()])
    path = tmp_path / "aggregates" / f"{NEW}.parquet"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(AggregatesUnusable, match=rf"{NEW}\.parquet cannot be read.*makes the file again"):
        files.cells()


def test_a_folder_that_is_none_is_named_with_a_remedy(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(AggregatesUnusable, match="cannot be written"):
        AggregateFiles(tmp_path / "file").write(NEW, [cell()])


def test_any_reader_of_parquet_understands_it(files: AggregateFiles, tmp_path: Path):
    files.write(NEW, [cell(), cell(area="all", count=None)])
    assert pq.read_schema(tmp_path / "aggregates" / f"{NEW}.parquet").equals(SCHEMA)
    query = f"select area, count from '{tmp_path}/aggregates/*.parquet' order by area"
    assert duckdb.sql(query).fetchall() == [("all", None), ("hill", 15)]


def test_the_query_of_the_analysts_page_runs(files: AggregateFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (query,) = re.findall(r"^```sql\n(.*?)^```$", ANALYSTS.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    for week, counts in ((OLD, (15, 20)), (NEW, (None, 25))):
        rows = [Cell(week, Measure.EVENTS, area, "benefit_claimed", n) for area, n in zip("ab", counts, strict=True)]
        files.write(week, [*rows, Cell(week, Measure.EVENTS, "all", "benefit_claimed", 900), cell(week)])
    monkeypatch.chdir(tmp_path)
    assert duckdb.sql(query).fetchall() == [(OLD, 35, 0), (NEW, 25, 1)]
