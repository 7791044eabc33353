"""Rows put aside by bucket: every subject's rows end in one bucket, wherever in the history they stood.

One file per process and kind of subject, written once from front to back; what lies where is kept in memory.
So memory and open files stay bounded whatever the history's size; the disk holds the used rows once.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True, slots=True)
class Chunk:
    """Where some rows of a bucket lie."""

    file: str
    bucket: int
    start: int
    size: int


class Spill:
    """Writes rows by bucket. One process, one file; the caller removes the folder.

    Args:
        folder: where the file goes.
        name: of the kind of subject.
        buckets: how many there are.
    """

    def __init__(self, folder: Path, name: str, buckets: int) -> None:
        self._buckets = buckets
        self._path = folder / f"{name}-{os.getpid()}.rows"
        self._stream = self._path.open("ab", buffering=0)

    def add(self, rows: pa.RecordBatch, subject: str) -> list[Chunk]:
        """Puts rows aside by the hash of their subject.

        Args:
            rows: any rows.
            subject: column whose value decides where they go.
        """
        bucket = _buckets_of(rows.column(subject), self._buckets)
        order = pc.sort_indices(bucket)
        runs = pc.run_end_encode(bucket.take(order))
        ordered, start, chunks = rows.take(order), 0, []
        for number, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
            chunks.append(self._write(number, ordered.slice(start, end - start)))
            start = end
        return chunks

    def close(self) -> None:
        """Lets go of the file."""
        self._stream.close()

    def _write(self, bucket: int, rows: pa.RecordBatch) -> Chunk:
        target = pa.BufferOutputStream()
        with pa.ipc.new_stream(target, rows.schema) as writer:
            writer.write_batch(rows)
        data = target.getvalue()
        start = self._stream.tell()
        rest = memoryview(data)
        while rest:
            rest = rest[self._stream.write(rest) :]  # a full disk takes a part, and refuses the next
        return Chunk(str(self._path), bucket, start, data.size)


def _buckets_of(subjects: pa.Array, buckets: int) -> pa.Array:
    """The bucket of each row; the same subject has the same in every process."""
    encoded = subjects.dictionary_encode()
    numbers = [crc32(subject.encode()) % buckets for subject in encoded.dictionary.to_pylist()]
    return pa.array(numbers, pa.int32()).take(encoded.indices)


def read(chunks: Iterable[Chunk]) -> pa.Table:
    """All rows of some chunks, with one dictionary for each column of names."""
    tables = []
    for chunk in chunks:
        with pa.memory_map(chunk.file) as mapped:
            mapped.seek(chunk.start)
            tables.append(pa.ipc.open_stream(mapped.read_buffer(chunk.size)).read_all())
    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()
