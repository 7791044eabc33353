"""All checks in one pass: `verify` reads the topics and the recipients' inboxes once and compares."""

from __future__ import annotations

from collections import Counter

from processors.events import Control, HouseholdEvent, LifeEvent, Mark
from processors.offers.actions import OfferAction
from processors.offers.model import OfferRecord, Situation, SituationMark
from processors.offers.policy import ContactPolicy
from processors.pauses import Pause
from processors.transfers import Transfer
from tests.verifier.clocks import check_clocks
from tests.verifier.deciding import check_deciding
from tests.verifier.facts import check_facts
from tests.verifier.inbox import read_case_db
from tests.verifier.intake import check_intake
from tests.verifier.letters import check_letters
from tests.verifier.log import Line, Log, read
from tests.verifier.offers import check_inbox, check_offers
from tests.verifier.place import GROUPS, HOMES, INTAKE, LIFE, OFFERS, READERS, SITUATIONS, Place
from tests.verifier.report import Report

READ: dict[str, tuple[type, ...]] = {
    LIFE: (LifeEvent, Mark, Control, Transfer),
    HOMES: (HouseholdEvent, Mark),
    SITUATIONS: (Situation, SituationMark, Control, ContactPolicy, OfferAction, Pause),
    OFFERS: (OfferRecord,),
}
"""What the reader of each internal topic can take; all else must be a dead letter."""


def verify(place: Place, bootstrap: str, case_db: str, may_wait: bool = False) -> Report:
    """Proves what the platform promises from what it left behind.

    Args:
        place: the deployment.
        bootstrap: Kafka's address.
        case_db: URL of the case database.
        may_wait: whether records may still wait for a stage (it was stopped in the middle).
    """
    inbox = read_case_db(case_db)
    log, report = read(bootstrap, GROUPS), Report()
    check_intake(place, log, report)
    check_deciding(place, log, report)
    check_facts(place, log, report)
    check_clocks(place, log, report)
    check_offers(place, log, report)
    check_inbox(place, log, inbox, report)
    _check_inner(place, log, report)
    _check_positions(place, log, report, may_wait)
    return report


def _check_inner(place: Place, log: Log, report: Report) -> None:
    """Internal topics by partition: each record is of a kind its reader takes, or has its letter."""
    check = report.check("dead letters of the other stages are complete and can be put back")
    for topic, group in READERS.items():
        taken = log.taken(group, topic)
        kinds = {id(line): _kind(place, line) for line in taken}
        letters = check_letters(check, log, topic, [line for line in taken if kinds[id(line)] == "refused"])
        for source in sorted(source for source in log.lines if source[0] == topic):
            counts = Counter(kinds[id(line)] for line in taken if line.source == source)
            report.partitions.append(
                {
                    "stage": group.removeprefix("headwater-"),
                    "topic": topic,
                    "partition": source[1],
                    "records": counts.total(),
                    **{kind: count for kind, count in sorted(counts.items()) if kind != "refused"},
                    "rejected": letters.get(source[1], 0),
                    "waiting": sum(line.source == source for line in log.waiting(group, topic)),
                }
            )


def _kind(place: Place, line: Line) -> str:
    if line.value is None:
        return "tombstone"
    value = place.codec.decode(line.value)
    return type(value).__name__ if isinstance(value, READ[line.topic]) else "refused"


def _check_positions(place: Place, log: Log, report: Report, may_wait: bool) -> None:
    """Nobody is ahead of the log; in the end nobody is behind it, and no transaction is left open."""
    ahead = report.check("no position is beyond the end of its topic")
    behind = report.check("nothing waits in the end")
    readers = {**dict.fromkeys((contract.topic for contract in place.deployment.contracts.values()), INTAKE), **READERS}
    for source, end in sorted(log.ends.items()):
        group = readers.get(source[0])
        if group is None:
            continue
        position = log.committed[group].get(source, 0)
        ahead.counted += 1
        if position > end:
            ahead.wrong.append(f"{group} is at {source[0]}/{source[1]}/{position}, the topic ends at {end}")
        behind.counted += 1
        waiting = sum(line.offset >= position for line in log.lines[source])
        if waiting and not may_wait:
            behind.lost.append(f"{waiting} records of {source[0]}/{source[1]} wait for {group}")
