"""What a back-test is to do, as a value that travels to other processes, and what it does in one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from processors.backtest.counting import Counts, Question, Subject, count
from processors.backtest.difference import compare, pairs
from processors.civil_time import Calendar
from processors.decisions import Decision, DecisionKind
from processors.rules.check import Deployment
from processors.rules.decide import Heard, decide
from processors.rules.ledger import EMPTY
from processors.rules.match import FOREVER
from processors.rules.model import ANY_TYPE
from processors.rules.ruleset import RuleSet
from processors.timeline import Timeline
from schemas.codec import decode_attributes
from schemas.history import HistoryFault, LeftOut, Reader
from streams.backtest.sources import Batch, Piece, batches
from streams.backtest.spill import Chunk, Spill, read
from streams.backtest.subjects import subjects


@dataclass(frozen=True, slots=True)
class Job:
    """A back-test.

    Attributes:
        rules: documents by file name.
        old: documents of the version compared with; empty without one.
        deployment: what both are checked against.
        by: keys of groups.
        crises: types that are a crisis; those a rule's purpose is granted count for it.
        is_crisis_named: whether they were named by the user, and count for every rule.
        most: contributors a cell remembers.
        buckets: how many.
        folder: for rows put aside.
    """

    rules: Mapping[str, str]
    old: Mapping[str, str]
    deployment: Deployment
    by: tuple[str, ...]
    crises: frozenset[str]
    is_crisis_named: bool
    most: int
    buckets: int
    folder: Path
