"""Records a faulty publisher might send: each must become a dead letter and harm no neighbour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.contract import Contract
from schemas.outcomes import RejectionReason
from schemas.publishing import publish_record
from schemas.registry import Registry

MEGABYTE = 1_048_576


@dataclass(frozen=True, slots=True)
class Poison:
    """A record as it is sent, and why intake refuses it."""

    reason: RejectionReason
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


def poison(contract: Contract, registry: Registry, good: Mapping[str, Any]) -> list[Poison]:
    """Spoils a good record of a contract in every way that needs no knowledge of its mapping."""
    key, value, headers = publish_record(contract, registry, good)
    foreign = [(name, b"/elsewhere/unknown" if name == "ce_source" else text) for name, text in headers]
    reason = RejectionReason
    return [
        Poison(reason.NULL_KEY, None, value, headers),
        Poison(reason.NULL_VALUE, key, None, headers),
        Poison(reason.NOT_AVRO, key, b'{"this": "is JSON"}', headers),
        Poison(reason.NOT_AVRO, key, b"", headers),
        Poison(reason.UNKNOWN_SCHEMA, key, b"\x00\x00\x00\x00\x01" + value[5:], headers),
        Poison(reason.TRUNCATED, key, value[: len(value) // 2], headers),
        Poison(reason.WRONG_AGENCY, key, value, foreign),
        Poison(reason.TOO_LARGE, key, value + b"x" * MEGABYTE, headers),
    ]
