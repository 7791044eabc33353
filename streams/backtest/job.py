"""What a back-test is to do, as a value that travels to other processes, and what each of them does.

Rows are sorted by person into buckets first; then each bucket is decided by itself. Where rules read the
timelines of households, the lines are sorted once more, by household, with those a correction moved in both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from processors.backtest.counting import Counts, Question, Watched, count
from processors.backtest.difference import compare, pairs
from processors.backtest.sieve import Sieves
from processors.backtest.trial import by_subject, crises_of, leads_of, on_trial, standing, types_of
from processors.events import ChangeKind
from processors.rules.checking.check import Deployment
from processors.rules.deciding.heard import Heard
from processors.rules.model import Subject
from processors.rules.ruleset import RuleSet
from schemas.attributes import decode_attributes
from schemas.history import HistoryFault, LeftOut, Reader
from streams.backtest.households import spread
from streams.backtest.sources import Batch, Piece, batches
from streams.backtest.spill import Chunk, Spill, read
from streams.backtest.subjects import Lines, subjects


@dataclass(frozen=True, slots=True)
class Job:
    """A back-test.

    Attributes:
        rules: documents by file name.
        old: documents of the version compared with; empty without one.
        deployment: what both are checked against.
        by: keys of groups.
        crises: types that are a crisis.
        until: where the clock ends, ms; rows recorded after it are not heard. None: with the history.
        most: contributors a cell remembers.
        buckets: how many.
        folder: for rows put aside.
    """

    rules: Mapping[str, str]
    old: Mapping[str, str]
    deployment: Deployment
    by: tuple[str, ...]
    crises: frozenset[str]
    until: int | None
    most: int
    buckets: int
    folder: Path


@dataclass(frozen=True, slots=True)
class Sorted:
    """What came of a piece.

    Attributes:
        rows: read, usable or not; without those recorded too late.
        used: usable rows whose type matters.
        first, last: ms; of the usable rows, the earliest event and the latest moment.
        fault: why the rest of the piece could not be read; None: it was.
    """

    rows: int
    used: int
    first: int | None
    last: int | None
    chunks: tuple[Chunk, ...]
    left_out: LeftOut
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """What came of a bucket; `chunks` are rows sorted anew, by household."""

    counts: Counts
    subjects: int
    chunks: tuple[Chunk, ...]


def load_rules(documents: Mapping[str, str], deployment: Deployment) -> RuleSet:
    """Rules on trial; the documents were checked before."""
    rules = RuleSet.load(documents, deployment, decode_attributes)
    assert isinstance(rules, RuleSet), "checked before"
    return on_trial(rules)


class _Trial:
    """The rules of one kind of subject, and what is asked of them.

    Attributes:
        on_time_ms: a line no later than this is late for no rule.
    """

    def __init__(self, new: RuleSet, old: RuleSet | None, question: Question, paired: Mapping[str, str]) -> None:
        self._new, self._old = Sieves(new), None if old is None else Sieves(old)
        self._sets = (new, old)
        self._question, self._pairs = question, paired
        self._crises = frozenset[str]().union(*question.crises.values())
        self.on_time_ms = min(rules.on_time_ms for rules in self._sets if rules is not None)

    def is_wanted(self, present: frozenset[str]) -> bool:
        """Whether a subject with these types can count anywhere."""
        is_possible = any(rules.possible(present) for rules in self._sets if rules is not None)
        return is_possible or not self._crises.isdisjoint(present)

    def watch(self, lines: Lines, heard: Heard, counts: Counts) -> None:
        """Counts one subject."""
        new = self._new.passing(lines.sketch)
        old = self._old.passing(lines.sketch) if self._old is not None else None
        if new is None and old is None and self._crises.isdisjoint(lines.sketch.types):
            return
        timeline = lines.timeline()
        found, before = (standing(rules, timeline, heard) for rules in (new, old))
        counts.condition_errors += found.condition_errors
        count(self._question, Watched(timeline, found.matches), counts)
        if self._old is not None:
            compare(self._pairs, found.matches, before.matches, self._question.calendar, counts)


class Worker:
    """Does the pieces and buckets of one job, in one process."""

    def __init__(self, job: Job) -> None:
        self._job = job
        new = load_rules(job.rules, job.deployment)
        old = load_rules(job.old, job.deployment) if job.old else None
        self._types = types_of([new, *([old] if old else [])], job.crises)
        catalogue = job.deployment.catalogue
        types = None if catalogue is None else frozenset(catalogue)
        self._reader = Reader(job.deployment.calendar, types, job.until)
        self._trials = _trials(job, new, old)
        self._spills: dict[Subject, Spill] = {}

    def sort(self, piece: Piece) -> Sorted:
        """Reads a piece and puts its rows aside by person."""
        job, left_out, chunks, rows, used = self._job, LeftOut(), list[Chunk](), 0, 0
        moments: list[int] = []
        fault = None
        try:
            for batch in batches(piece, job.deployment.calendar, left_out, job.until):
                usable = self._reader.rows(batch.rows, batch.first_row, batch.place, left_out)
                moments += _moments(usable, batch)
                kept = self._used(usable)
                rows, used = rows + usable.num_rows, used + kept.num_rows
                if kept.num_rows:
                    chunks += self._spill(Subject.PERSON).add(kept, "person")
        except HistoryFault as error:
            fault = f"{piece.file.name} {error.problem}; {error.remedy}"
        except pa.ArrowException:
            fault = f"{piece.file.name} has values that cannot be read; make it again, or leave it out"
        first, last = (min(moments), max(moments)) if moments else (None, None)
        rows += left_out.counts.total()
        return Sorted(rows, used, first, last, tuple(chunks), left_out, fault)

    def decide_persons(self, chunks: Iterable[Chunk], heard: Heard) -> Decided:
        """Decides a bucket of persons; passes its rows on by household where rules ask for it."""
        rows, counts = read(chunks), Counts(self._job.most)
        trial, passed, number = self._trials.get(Subject.PERSON), list[Chunk](), 0
        if trial is not None:
            found = subjects(rows, "person", trial.is_wanted, trial.on_time_ms)
            number = found.subjects
            for lines in found.lines:
                trial.watch(lines, heard, counts)
        if Subject.HOUSEHOLD in self._trials:
            for batch in spread(rows):
                passed += self._spill(Subject.HOUSEHOLD).add(batch, "home")
        return Decided(counts, number, tuple(passed))

    def decide_households(self, chunks: Iterable[Chunk], heard: Heard) -> Decided:
        """Decides a bucket of households."""
        counts, trial = Counts(self._job.most), self._trials[Subject.HOUSEHOLD]
        found = subjects(read(chunks), "home", trial.is_wanted, trial.on_time_ms)
        for lines in found.lines:
            trial.watch(lines, heard, counts)
        return Decided(counts, found.subjects, ())

    def _used(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """Rows that can matter: of a type some rule uses, or changing another."""
        if self._types is None:
            return rows
        is_used = _is_in(rows.column("type"), sorted(self._types))
        is_change = pc.invert(_is_in(rows.column("change"), [ChangeKind.CREATED.value]))
        return rows.filter(pc.or_(is_used, is_change))

    def _spill(self, subject: Subject) -> Spill:
        if subject not in self._spills:
            self._spills[subject] = Spill(self._job.folder, subject.value, self._job.buckets)
        return self._spills[subject]


def _trials(job: Job, new: RuleSet, old: RuleSet | None) -> dict[Subject, _Trial]:
    ours, theirs = by_subject(new), by_subject(old) if old is not None else {}
    paired = pairs(new.plans, old.plans) if old is not None else {}
    trials = {}
    for subject in {*ours, *theirs}:
        mine = ours.get(subject) or new.of_subject(subject)
        crises = crises_of(mine, job.crises)
        question = Question(job.by, crises, leads_of(mine), new.calendar, decode_attributes, job.most)
        trials[subject] = _Trial(mine, theirs.get(subject), question, paired)
    return trials


def _moments(rows: pa.RecordBatch, batch: Batch) -> list[int]:
    """The earliest event and the latest moment of some rows, ms."""
    found = [pc.min(rows.column("occurred_at")).as_py(), pc.max(rows.column("occurred_at")).as_py()]
    return [moment for moment in (*found, pc.max(rows.column("recorded_at")).as_py(), batch.until) if moment]


def _is_in(names: pa.DictionaryArray, wanted: list[str]) -> pa.Array:
    return pc.is_in(names.dictionary, value_set=pa.array(wanted, pa.string())).take(names.indices)
