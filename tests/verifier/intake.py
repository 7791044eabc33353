"""From agencies' records to life events: every record one outcome, every event once, no position without proof."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from processors.annulment import is_by_officer
from processors.events import LifeEvent
from processors.identity.identifiers import fault_of
from processors.transfers import is_by_transfer
from schemas.contract import Contract
from schemas.outcomes import Heartbeat, Mapped, Rejection
from schemas.reading import intake_record
from schemas.receipts import Receipt
from tests.verifier.letters import check_letters
from tests.verifier.log import Line, Log, Source
from tests.verifier.place import INTAKE, LIFE, Place, partition_of
from tests.verifier.report import Check, Report

Made = tuple[str, int, str, str, str, int, int]
"""Feed, arrival, id, type, change, occurred and recorded at: what of a life event follows from the record alone."""


TOLD_ANEW = "headwater.told-anew"
"""A header."""


@dataclass(frozen=True, slots=True)
class _Checks:
    account: Check
    events: Check
    letters: Check
    durable: Check


def check_intake(place: Place, log: Log, report: Report) -> None:
    """Checks every agency's topic against receipts, dead letters and life events."""
    checks = _Checks(
        report.check("every record of an agency has one outcome on a receipt"),
        report.check("life events are what the agencies' records say, each once"),
        report.check("dead letters of intake are complete and can be put back"),
        report.check("intake committed no further than its receipts reach"),
    )
    receipts = _receipts(place, log)
    wanted: list[Made] = []
    for contract in place.deployment.contracts.values():
        refused: list[Line] = []
        for source in sorted(source for source in log.lines if source[0] == contract.topic):
            taken = [line for line in log.taken(INTAKE, contract.topic) if line.source == source]
            told = sorted(receipts[source], key=lambda receipt: receipt.first_offset)
            _check_account(checks, source, taken, told)
            made, thrown = _read(place, contract, log, taken, told)
            wanted += made
            refused += [line for line, _ in thrown]
            rejected = [(one.offset, one.reason) for receipt in told for one in receipt.rejected]
            checks.account.compare(
                ((line.offset, str(each.reason)) for line, each in thrown),
                rejected,
                lambda each, source=source: f"rejection of {source[0]}/{source[1]}/{each[0]} as {each[1]}",  # type: ignore[misc]
            )
            waiting = sum(line.source == source for line in log.waiting(INTAKE, contract.topic))
            report.partitions.append(_row(source, taken, told, waiting))
        check_letters(checks.letters, log, contract.topic, refused)
    checks.events.compare(
        wanted, _found(place, log, checks.events), lambda made: f"{made[3]} {made[2][:12]} of {made[0]}"
    )


def _receipts(place: Place, log: Log) -> dict[Source, list[Receipt]]:
    found: dict[Source, list[Receipt]] = defaultdict(list)
    for agency in sorted({contract.agency for contract in place.deployment.contracts.values()}):
        for line in log.of(f"receipts.{agency}"):
            receipt = place.codec.decode(line.value)
            if isinstance(receipt, Receipt):
                found[receipt.topic, receipt.partition].append(receipt)
    return found


def _check_account(checks: _Checks, source: Source, taken: Sequence[Line], told: Sequence[Receipt]) -> None:
    """Each offset that was taken lies in one receipt, and each receipt counts what lies in it."""
    named = [
        line.offset for receipt in told for line in taken if receipt.first_offset <= line.offset <= receipt.last_offset
    ]
    place = f"{source[0]}/{source[1]}"
    checks.account.compare((line.offset for line in taken), named, lambda offset: f"receipt of {place}/{offset}")
    newest = taken[-1].offset if taken else -1
    for receipt in told:
        held = sum(receipt.first_offset <= line.offset <= receipt.last_offset for line in taken)
        counted = receipt.counts.processed + receipt.counts.rejected + receipt.counts.heartbeats
        if receipt.last_offset > newest:
            checks.account.twice.append(f"receipt of {place}/{receipt.first_offset}, which was not committed")
        elif held != counted:
            checks.account.wrong.append(f"receipt of {place}/{receipt.first_offset} counts {counted}, there are {held}")
    reached = max((receipt.last_offset for receipt in told), default=-1)
    checks.durable.counted += 1
    checks.durable.wrong += [
        f"{place} is committed beyond {newest}, its receipts end at {reached}" for _ in [0] if newest > reached
    ]


def _read(
    place: Place, contract: Contract, log: Log, taken: Sequence[Line], told: Sequence[Receipt]
) -> tuple[list[Made], list[tuple[Line, Rejection]]]:
    """What the records say: life events, and what is to be refused."""
    partitions = sum(topic == contract.topic for topic, _ in log.lines)
    made: list[Made] = []
    refused: list[tuple[Line, Rejection]] = []
    for line in taken:
        now = next((r.at for r in told if r.first_offset <= line.offset <= r.last_offset), line.at)
        reading = intake_record(contract, place.registry, line.key, line.value, line.headers, now)
        fault = reading if isinstance(reading, Rejection) else _without_person(reading)
        if fault is not None:
            refused.append((line, fault))
        elif isinstance(reading, Mapped):
            arrival = line.offset * partitions + line.partition
            made += [
                (contract.feed, arrival, e.id, e.type, e.change.value, e.occurred_at, e.recorded_at)
                for e in reading.events
                if e.type in place.deployment.granted_types
            ]
    return made, refused


def _without_person(reading: Mapped | Heartbeat) -> Rejection | None:
    """A record whose person has no usable id is refused, too."""
    for event in reading.events if isinstance(reading, Mapped) else ():
        if all(fault_of(scheme, value) for scheme, value in event.person_ids):
            return Rejection("missing-person", "")  # type: ignore[arg-type]  # only its name is compared
    return None


def _found(place: Place, log: Log, check: Check) -> Iterator[Made]:
    partitions = sum(topic == LIFE for topic, _ in log.lines)
    for line in log.of(LIFE):
        event = place.codec.decode(line.value)
        is_made_by_intake = isinstance(event, LifeEvent) and not (is_by_officer(event) or is_by_transfer(event))
        if is_made_by_intake and not is_told_anew(line):
            if line.partition != partition_of(event.person, partitions):
                check.wrong.append(f"{line} lies in another partition than its person's")
            yield (
                event.feed, event.arrival, event.id, event.type,
                event.change.value, event.occurred_at, event.recorded_at,
            )  # fmt: skip


def is_told_anew(line: Line) -> bool:
    """Whether it is a copy, told of another person than intake told it of."""
    return any(name == TOLD_ANEW for name, _ in line.headers)


def _row(source: Source, taken: Sequence[Line], told: Sequence[Receipt], waiting: int) -> dict[str, object]:
    counts = [receipt.counts for receipt in told]
    return {
        "stage": "intake",
        "topic": source[0],
        "partition": source[1],
        "records": len(taken),
        "processed": sum(each.processed - each.withheld for each in counts),
        "withheld": sum(each.withheld for each in counts),
        "rejected": sum(each.rejected for each in counts),
        "heartbeats": sum(each.heartbeats for each in counts),
        "waiting": waiting,
    }
