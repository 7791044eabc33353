"""The public page for analysts: weekly figures that identify nobody, to read and to download."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response

from processors.disclosure.model import ALL, Cell, Measure
from processors.offers.actions import OutcomeCode
from processors.offers.model import OfferState
from sinks.aggregates import AggregateFiles
from sinks.board.context import Wording
from sinks.board.serving import Board, NoSuchPage, TheBoard
from sinks.board.words import OUTCOMES, STATES

router = APIRouter(prefix="/aggregates")

MEASURES = {
    Measure.EVENTS: ("Life events", "Events agencies reported, by type, in the week in which they happened."),
    Measure.SITUATIONS: ("Situations", "Combinations of events that a rule found to call for help, by rule."),
    Measure.OFFERS: ("Offers", "Offers opened to households, by the team in the lead."),
    Measure.OUTCOMES: ("Outcomes", "How offers ended, in the week in which they ended."),
}


@dataclass(frozen=True, slots=True)
class Table:
    """A measure of a week: a line per type, a column per area; None where a figure is withheld."""

    title: str
    meaning: str
    areas: tuple[str, ...]
    lines: tuple[tuple[str, tuple[int | None, ...]], ...]
    withheld: int


@router.get("")
def show_aggregates(request: Request, board: TheBoard, week: str = "") -> Response:
    """The figures of a week, the newest unless another is asked for."""
    files = _files(board)
    weeks = files.weeks()
    if week and week not in weeks:
        raise NoSuchPage
    chosen = week or (weeks[0] if weeks else "")
    cells = files.cells(chosen) if chosen else []
    tables = [_table(measure, cells, board.context.wording) for measure in MEASURES]
    return board.page(
        request,
        "aggregates.html",
        weeks=weeks,
        week=chosen,
        tables=[table for table in tables if table.lines],
        least=board.context.least,
    )


@router.get("/{week}.parquet")
def parquet(board: TheBoard, week: str) -> Response:
    """The week's file."""
    _require(board, week)
    path = board.context.aggregates / f"{week}.parquet"
    return FileResponse(path, filename=path.name, media_type="application/vnd.apache.parquet")


@router.get("/{week}.csv")
def as_csv(board: TheBoard, week: str) -> Response:
    """The same as CSV; an empty count is a withheld one."""
    _require(board, week)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["week", "measure", "area", "type", "count"])
    for cell in _files(board).cells(week):
        writer.writerow([cell.week, cell.measure, cell.area, cell.type, "" if cell.count is None else cell.count])
    name = f'attachment; filename="{week}.csv"'
    return Response(text.getvalue(), media_type="text/csv", headers={"Content-Disposition": name})


def _files(board: Board) -> AggregateFiles:
    return AggregateFiles(board.context.aggregates)


def _require(board: Board, week: str) -> None:
    if week not in _files(board).weeks():
        raise NoSuchPage


def _table(measure: Measure, cells: Iterable[Cell], wording: Wording) -> Table:
    counts: Mapping[tuple[str, str], int | None] = {
        (cell.type, cell.area): cell.count for cell in cells if cell.measure is measure
    }
    areas = sorted({area for _, area in counts}, key=lambda area: (area == ALL, area))
    types = sorted({type_ for type_, _ in counts}, key=lambda type_: _title(measure, type_, wording).lower())
    title, meaning = MEASURES[measure]
    return Table(
        title=title,
        meaning=meaning,
        areas=tuple("All areas" if area == ALL else wording.areas.get(area, area) for area in areas),
        lines=tuple((_title(measure, type_, wording), _line(counts, type_, areas)) for type_ in types),
        withheld=sum(count is None for count in counts.values()),
    )


def _line(counts: Mapping[tuple[str, str], int | None], type_: str, areas: Sequence[str]) -> tuple[int | None, ...]:
    return tuple(counts.get((type_, area)) for area in areas)


def _title(measure: Measure, type_: str, wording: Wording) -> str:
    if measure is Measure.OUTCOMES:
        if type_ in set(OutcomeCode):
            return OUTCOMES[OutcomeCode(type_)].choice
        return STATES[OfferState(type_)] if type_ in set(OfferState) else type_
    titles = {Measure.EVENTS: wording.events, Measure.SITUATIONS: wording.rules, Measure.OFFERS: wording.teams}
    return titles[measure].get(type_, type_.replace("_", " "))
