"""The public page: what was published and nothing else, without signing in."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import duckdb
import httpx
import pytest

from processors.disclosure.model import Cell, Measure
from sinks.aggregates import AggregateFiles
from sinks.board import create_app
from sinks.memory import MemoryCaseStore
from tests.browser.duty_town import TEAM, context, served


def cells(week: str) -> list[Cell]:
    return [
        Cell(week, Measure.EVENTS, "riverbend", "job_lost", 35),
        Cell(week, Measure.EVENTS, "millbrook", "job_lost", None),
        Cell(week, Measure.EVENTS, "all", "job_lost", 120),
        Cell(week, Measure.OFFERS, "all", TEAM, 0),
        Cell(week, Measure.OUTCOMES, "all", "help-started", 15),
        Cell(week, Measure.OUTCOMES, "all", "lapsed", None),
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "aggregates"


@pytest.fixture
def client(folder: Path) -> Iterator[httpx.Client]:
    with served(create_app(context(MemoryCaseStore(), folder))) as address, httpx.Client(base_url=address) as found:
        yield found


def test_before_the_first_week(client: httpx.Client):
    assert "No week is published yet" in client.get("/aggregates").text


def test_the_newest_week_in_words(client: httpx.Client, folder: Path):
    for week in ("2025-W46", "2025-W47"):
        AggregateFiles(folder).write(week, cells(week))
    page = client.get("/aggregates").text
    assert "Weekly figures of 2025-W47" in page
    for said in ("Job lost", "Housing prevention", "Help has started", "Lapsed", "All areas", "fewer than 10 people"):
        assert said in page
    assert page.count(">protected</td>") == 2
    assert "Weekly figures of 2025-W46" in client.get("/aggregates?week=2025-W46").text


def test_downloads(client: httpx.Client, folder: Path, tmp_path: Path):
    AggregateFiles(folder).write("2025-W47", cells("2025-W47"))
    rows = list(csv.DictReader(io.StringIO(client.get("/aggregates/2025-W47.csv").text)))
    assert [row["count"] for row in rows if row["measure"] == "events"] == ["120", "", "35"]
    file = tmp_path / "2025-W47.parquet"
    file.write_bytes(client.get("/aggregates/2025-W47.parquet").content)
    page = client.get("/aggregates").text
    query = page.partition("<code>")[2].partition("</code>")[0].replace("&#39;", "'")
    found = duckdb.sql(query.replace("2025-W47.parquet", str(file))).fetchall()
    assert found == [("job_lost", 120)]


@pytest.mark.parametrize("week", ["2025-W01", "../access", "%2e%2e%2faccess", "", "x" * 3000])
def test_only_weeks_that_are_there(client: httpx.Client, folder: Path, week: str):
    AggregateFiles(folder).write("2025-W47", cells("2025-W47"))
    (folder / "secret.parquet").write_bytes(b"x")
    for suffix in ("csv", "parquet"):
        assert client.get(f"/aggregates/{week}.{suffix}").status_code == 404
        assert client.get(f"/aggregates/secret.{suffix}").status_code == 404


def test_a_damaged_file_is_said(client: httpx.Client, folder: Path):
    AggregateFiles(folder).write("2025-W47", cells("2025-W47"))
    (folder / "2025-W47.parquet").write_bytes(b"no parquet")
    response = client.get("/aggregates")
    assert response.status_code == 503
    assert str(folder) not in response.text
