"""What a peer's process is told, and what all Python peers share.

Needs only fastavro: a peer may run with packages of its own.
"""

from __future__ import annotations

import io
import json
import struct
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fastavro import parse_schema, schemaless_reader, schemaless_writer

MATCH = {
    "type": "record",
    "name": "Match",
    "fields": [{"name": name, "type": "string"} for name in ("person", "first", "second")],
}
"""What a peer writes for every match."""

_MATCH = parse_schema(MATCH)
_HEADER = struct.Struct(">bI")


@dataclass(frozen=True)
class Job:
    """What a peer is to do.

    Attributes:
        bootstrap: Kafka's address.
        source: topic with the events.
        target: topic for the matches.
        group: consumer group; its committed position tells how far the peer is.
        folder: for whatever the peer keeps.
        schema: file with the Avro schema of the events.
        schema_id: what stands before an event; anything else is not for the peer.
    """

    bootstrap: str
    source: str
    target: str
    group: str
    folder: str
    schema: str
    schema_id: int

    def write(self, path: Path) -> Path:
        """Writes it down for the peer's process."""
        path.write_text(json.dumps(asdict(self)))
        return path

    @staticmethod
    def read(path: str) -> Job:
        """What was written down."""
        return Job(**json.loads(Path(path).read_text()))


class EventReader:
    """Decodes framed life events; None for anything else (marks of time)."""

    def __init__(self, job: Job) -> None:
        self._header = _HEADER.pack(0, job.schema_id)
        self._schema = parse_schema(_without_logical_types(json.loads(Path(job.schema).read_text())))

    def read(self, value: bytes | None) -> dict[str, Any] | None:
        """One record's value."""
        if value is None or value[:5] != self._header:
            return None
        source = io.BytesIO(value)
        source.seek(5)
        return schemaless_reader(source, self._schema, None)  # type: ignore[return-value]


def encode_match(person: str, first: str, second: str) -> bytes:
    """A match in Avro."""
    target = io.BytesIO()
    schemaless_writer(target, _MATCH, {"person": person, "first": first, "second": second})
    return target.getvalue()


def decode_match(value: bytes) -> tuple[str, str]:
    """The ids of the two events."""
    datum: Any = schemaless_reader(io.BytesIO(value), _MATCH, None)
    return datum["first"], datum["second"]


def _without_logical_types(schema: dict[str, Any]) -> dict[str, Any]:
    """Twice as fast to read, and a number of milliseconds is what is wanted."""

    def plain(kind: Any) -> Any:  # noqa: ANN401 - a schema is JSON
        if isinstance(kind, list):
            return [plain(one) for one in kind]
        return kind["type"] if isinstance(kind, dict) else kind

    return {**schema, "fields": [{**one, "type": plain(one["type"])} for one in schema["fields"]]}
