"""The schema of a heartbeat, the same for every agency."""

from __future__ import annotations

from pathlib import Path

from schemas.avro import AvroSchema, Unfit, read_schema

INTERNAL = Path(__file__).parent / "internal"


def internal_schema(name: str) -> AvroSchema:
    """A schema this package ships; a broken one is a programming error and raises."""
    found = read_schema((INTERNAL / f"{name}.avsc").read_text(encoding="utf-8"))
    if isinstance(found, Unfit):
        raise AssertionError(f"{name}.avsc: {found.problem}")
    return found


def internal_subject(name: str) -> str:
    """Where the registry keeps an internal schema (by record name: several share a topic)."""
    return f"headwater.{name}"


HEARTBEAT = internal_schema("Heartbeat")
HEARTBEAT_SUBJECT = internal_subject("Heartbeat")
HEARTBEAT_KEY = b"heartbeat"
