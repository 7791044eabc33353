"""What a back-test costs: a long history of many persons, made here, against a plain loop that only decodes it.

`measure` is called by `python -m bench`; `python -m bench.backtest` runs the large sizes alone.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from schemas.attributes import encode_attributes
from schemas.history import FILE

START_MS = 1_577_836_800_000
"""2020-01-01."""
YEAR_MS = 31_557_600_000
EVENTS_A_YEAR = 2.5
CHUNK = 500_000
AREAS = 40

WEIGHTS = {
    "moved": 110, "benefit_claimed": 120, "benefit_stopped": 60, "job_lost": 70, "job_started": 110,
    "school_enrolled": 90, "school_exited": 60, "absence_threshold_reached": 30, "born": 50, "died": 40,
    "hospital_discharged": 110, "rent_arrears_reported": 60, "rent_arrears_cleared": 30, "eviction_claim_filed": 8,
    "eviction_notice_served": 5, "prison_released": 2, "help_sought": 45,
}  # fmt: skip
"""How often each type occurs, of a thousand events; an assumption, not a statistic."""


@dataclass(frozen=True, slots=True)
class Size:
    """How large a history is."""

    events: int
    persons: int

    @property
    def span_ms(self) -> int:
        """So long that a person has `EVENTS_A_YEAR`, between one year and eight."""
        years = self.events / self.persons / EVENTS_A_YEAR
        return round(min(8.0, max(1.0, years)) * YEAR_MS)


def write_history(size: Size, path: Path, seed: int = 7) -> None:
    """Writes a history, in order of arrival; the same size and seed give the same rows."""
    with pq.ParquetWriter(path, FILE, compression="zstd", compression_level=1) as writer:
        for batch in _batches(size, seed):
            writer.write_table(pa.Table.from_batches([batch]), row_group_size=CHUNK)


def _batches(size: Size, seed: int) -> Iterator[pa.RecordBatch]:
    chunks = -(-size.events // CHUNK)
    for number in range(chunks):
        rows = min(CHUNK, size.events - number * CHUNK)
        begin = START_MS + size.span_ms * number // chunks
        yield _batch(size, number * CHUNK, rows, begin, size.span_ms // chunks, seed + number * 10)


def _batch(size: Size, first: int, rows: int, begin: int, length: int, seed: int) -> pa.RecordBatch:
    person = _whole(rows, size.persons, seed)
    household = pc.divide(person, 2)
    recorded = pc.sort(pc.add(_whole(rows, length, seed + 1), begin)) if False else pc.add(_whole(rows, length, seed + 1), begin)
    occurred = pc.subtract(recorded, _whole(rows, 7 * 86_400_000, seed + 2))
    slots = pa.array([name for name, weight in WEIGHTS.items() for _ in range(weight)])
    types = slots.take(_whole(rows, len(slots), seed + 3))
    areas = pa.array([f"area-{number:02}" for number in range(AREAS)]).take(pc.subtract(household, pc.multiply(pc.divide(household, AREAS), AREAS)))
    agencies = pa.array([f"agency-{number}" for number in range(8)]).take(_whole(rows, 8, seed + 4))
    attributes = pa.array(_attributes(), pa.binary()).take(_whole(rows, 1000, seed + 5))
    arrival = pa.array(range(first, first + rows), pa.int64())
    columns = {
        "id": _key("e", arrival), "type": types, "person": _key("p", person), "household": _key("h", household),
        "area": areas, "agency": agencies, "feed": agencies, "occurred_at": occurred, "recorded_at": recorded,
        "arrival": arrival, "heard": pc.subtract(occurred, 1), "change": pa.array(["created"]).take(_whole(rows, 1, seed)),
        "replaces": pa.nulls(rows, pa.string()), "ended_at": pa.nulls(rows, pa.int64()), "attributes": attributes,
    }  # fmt: skip
    return pa.RecordBatch.from_arrays([columns[one.name].cast(one.type) for one in FILE], schema=FILE)


def _whole(rows: int, below: int, seed: int) -> pa.Array:
    """Whole numbers from 0 on, evenly spread."""
    return pc.floor(pc.multiply(pc.random(rows, initializer=seed), float(below))).cast(pa.int64())


def _key(kind: str, numbers: pa.Array) -> pa.Array:
    """As long as the platform's pseudonyms: 32 characters."""
    return pc.binary_join_element_wise(kind, pc.utf8_lpad(numbers.cast(pa.string()), 31, "0"), "")


def _attributes() -> list[bytes]:
    return [
        encode_attributes({
            "amount": float(number), "reason": ("dismissed", "redundancy", "dropped_out", "completed")[number % 4],
            "home_care_plan": number % 3 > 0, "has_address": number % 3 > 0, "days": float(number % 40),
            "role": ("parent", "partner", "child")[number % 3], "months": float(number % 6),
        })
        for number in range(1000)
    ]  # fmt: skip
