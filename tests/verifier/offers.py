"""Offers: what a pure fold of the situations gives, each version once, and once at every recipient."""

from __future__ import annotations

from collections import defaultdict

from processors.events import Control
from processors.offers.actions import OfferAction
from processors.offers.model import OfferRecord, OfferState, Situation, SituationMark
from processors.offers.plan import PartitionState, PlanInput, advance
from processors.offers.policy import ContactPolicy
from processors.pauses import Pause
from tests.verifier.inbox import Inbox
from tests.verifier.log import Log
from tests.verifier.place import OFFERS, READERS, SITUATIONS, Place
from tests.verifier.report import Report


def check_offers(place: Place, log: Log, report: Report) -> None:
    """Compares offers with a pure fold, and sees that each version is there once and in order."""
    told = {partition: _records(place, log, partition) for partition in _partitions(log, SITUATIONS)}
    pure = report.check("offers are what a pure fold of the situations gives, each once")
    for partition, records in told.items():
        wanted = _fold(place, log, partition)
        pure.compare(wanted, records, _say)
        if not (set(wanted) ^ set(records)) and wanted != records and len(wanted) == len(records):
            pure.wrong.append(f"{OFFERS}/{partition}: the same records in another order")
    versions: dict[str, list[int]] = defaultdict(list)
    for records in told.values():
        for record in records:
            if record.state is not OfferState.SUPPRESSED:
                versions[record.offer].append(record.version)
    once = report.check("each version of an offer is on the topic once, in order")
    once.counted = sum(map(len, versions.values()))
    for offer, found in versions.items():
        if found != list(range(1, len(found) + 1)):
            kind = once.twice if len(set(found)) < len(found) else once.lost
            kind.append(f"offer {offer[:12]} has versions {found}")


def check_inbox(place: Place, log: Log, inbox: Inbox, report: Report) -> None:
    """Sees that a recipient has each offer once: in a version no older than deliver says it has delivered."""
    check = report.check(f"each offer is once at the recipient: {inbox.name}")
    taken = {(*line.source, line.offset) for line in log.taken(READERS[OFFERS], OFFERS)}
    due: dict[str, int] = {}
    states: dict[tuple[str, int], str] = {}
    situations: dict[tuple[str, int], int] = {}
    suppressed: dict[str, bool] = {}
    for line in log.of(OFFERS):
        record = place.codec.decode(line.value)
        is_due = (*line.source, line.offset) in taken
        if not isinstance(record, OfferRecord):
            continue
        if record.state is OfferState.SUPPRESSED:
            suppressed[record.cause] = suppressed.get(record.cause, False) or is_due
            continue
        states[record.offer, record.version] = record.state.value
        situations[record.offer, record.version] = len(record.situations)
        if is_due:
            due[record.offer] = max(record.version, due.get(record.offer, 0))
    _compare_rows(check, inbox, due, states, situations)
    check.counted += len(inbox.suppressed)
    check.lost += [
        f"suppressed {match[:12]}" for match, is_due in suppressed.items() if is_due and match not in inbox.suppressed
    ]
    check.twice += [
        f"suppressed {m[:12]}, {n} rows" for m, n in inbox.suppressed.items() if n > 1 or m not in suppressed
    ]


def _compare_rows(check, inbox: Inbox, due, states, situations) -> None:  # type: ignore[no-untyped-def]
    check.counted += len(inbox.offers)
    check.lost += [f"offer {offer[:12]}" for offer in due if offer not in inbox.offers]
    for offer, rows in inbox.offers.items():
        if len(rows) > 1:
            check.twice.append(f"offer {offer[:12]} has {len(rows)} rows")
        version, state = rows[-1]
        if (offer, version) not in states:
            check.twice.append(f"offer {offer[:12]} version {version}, which is not on {OFFERS}")
        elif states[offer, version] != state:
            check.wrong.append(f"offer {offer[:12]} is {state}, not {states[offer, version]}")
        elif version < due.get(offer, 0):
            check.lost.append(f"offer {offer[:12]} version {due[offer]}: the recipient has {version}")
        elif situations[offer, version] != inbox.situations.get(offer, 0):
            check.wrong.append(f"offer {offer[:12]} has {inbox.situations.get(offer, 0)} situations")


def _partitions(log: Log, topic: str) -> list[int]:
    return sorted(partition for name, partition in log.lines if name == topic)


def _records(place: Place, log: Log, partition: int) -> list[OfferRecord]:
    values = (place.codec.decode(line.value) for line in log.lines[OFFERS, partition])
    return [value for value in values if isinstance(value, OfferRecord)]


def _fold(place: Place, log: Log, partition: int) -> list[OfferRecord]:
    inputs: list[PlanInput] = [
        value
        for line in log.taken(READERS[SITUATIONS], SITUATIONS)
        if line.partition == partition
        for value in [place.codec.decode(line.value)]
        if isinstance(value, Situation | SituationMark | Control | ContactPolicy | OfferAction | Pause)
    ]
    first = next((value for value in inputs if isinstance(value, ContactPolicy)), place.deployment.contact)
    return advance(first, PartitionState(), inputs)[1]


def _say(record: OfferRecord) -> str:
    what = record.cause if record.state is OfferState.SUPPRESSED else record.offer
    return f"{record.state} {what[:12]} version {record.version}"
