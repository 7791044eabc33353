"""A contract's samples, tried: every good one must map, every bad one give exactly its reason.

`samples/good.jsonl` holds records, one a line. A line of `samples/bad.jsonl` is an object:
`expect` (the reason), `record`, and if need be `cut` (bytes to take off the end), `value` (hexadecimal
bytes, or null, in place of a record), `key` (null for none) and `source` (another `ce_source`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.avro import UnfitRecord, encode_datum
from schemas.contract import Contract
from schemas.jsonvalues import to_datum
from schemas.outcomes import Heartbeat, Mapped, Rejection, RejectionReason
from schemas.problems import Problem, Problems
from schemas.publishing import register_contract
from schemas.reading import intake_record
from schemas.registry import FolderRegistry
from schemas.wire import frame

NOW = 4_102_444_800_000
"""2100-01-01: a sample's dates are never in the future of the clock that judges it."""
BAD_FIELDS = frozenset({"expect", "record", "cut", "value", "key", "source"})


@dataclass(frozen=True, slots=True)
class _Sample:
    """One line of a sample file and what came of it."""

    file: str
    line: int
    expect: str | None
    outcome: Mapped | Heartbeat | Rejection


def check_samples(contract: Contract) -> list[Problem]:
    """Tries a contract's samples; returns what is wrong with them or the mapping."""
    problems = Problems()
    shown = f"{contract.agency}/{contract.name}/samples"
    found = [*_good(contract, shown, problems), *_bad(contract, shown, problems)]
    for sample in found:
        _judge(sample, problems)
    for name, is_expected in (("good.jsonl", True), ("bad.jsonl", False)):
        if not any((sample.expect is None) is is_expected for sample in found):
            problems.note(f"{shown}/{name}", 1, "there is no sample", "add at least one record, one a line")
    return problems.found


def _judge(sample: _Sample, problems: Problems) -> None:
    outcome = sample.outcome
    got = outcome.reason.value if isinstance(outcome, Rejection) else None
    if got == sample.expect:
        return
    what = f"rejected: {got} ({outcome.detail})" if isinstance(outcome, Rejection) else "accepted"
    wanted = sample.expect or "accepted"
    problems.note(sample.file, sample.line, f"{what}, expected {wanted}", "correct the sample or the mapping")


def _lines(path: Path, shown: str, problems: Problems) -> Iterator[tuple[int, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line)
        except ValueError:
            problems.note(shown, number, "not valid JSON", "write one JSON object a line")


def _good(contract: Contract, shown: str, problems: Problems) -> Iterator[_Sample]:
    file = f"{shown}/good.jsonl"
    for line, record in _lines(contract.folder / "samples" / "good.jsonl", file, problems):
        yield _Sample(file, line, None, _try(contract, {"record": record}))


def _bad(contract: Contract, shown: str, problems: Problems) -> Iterator[_Sample]:
    file = f"{shown}/bad.jsonl"
    legal = [reason.value for reason in RejectionReason]
    for line, sample in _lines(contract.folder / "samples" / "bad.jsonl", file, problems):
        if not isinstance(sample, dict) or not BAD_FIELDS.issuperset(sample) or sample.get("expect") not in legal:
            problems.note(file, line, "not a bad sample", f"give `expect` (one of {', '.join(legal)}) and `record`")
            continue
        try:
            yield _Sample(file, line, sample["expect"], _try(contract, sample))
        except (ValueError, TypeError):
            problems.note(
                file, line, "`value` or `cut` cannot be used", "write hexadecimal digits, or a number of bytes"
            )


def _try(contract: Contract, sample: dict[str, Any]) -> Mapped | Heartbeat | Rejection:
    registry = FolderRegistry()
    schema_id = register_contract(contract, registry)
    value: bytes | None
    if "value" in sample:
        value = None if sample["value"] is None else bytes.fromhex(sample["value"])
    else:
        try:
            body = encode_datum(contract.schema, to_datum(contract.schema, sample.get("record")))
        except UnfitRecord as error:
            return Rejection(RejectionReason.NOT_AVRO, str(error))
        value = frame(schema_id, body)
        value = value[: len(value) - int(sample.get("cut", 0))]
    key = None if sample.get("key", "") is None else b"sample"
    headers = [("ce_source", str(sample.get("source", f"/{contract.agency}/{contract.name}")).encode())]
    return intake_record(contract, registry, key, value, headers, NOW)
