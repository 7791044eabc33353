"""Every topic of the platform: name, key, partitions, retention, cleanup.

`headwater topics` prints this table. Agencies' topics follow from the deployment's contracts. They are
created when they are missing, and checked, before anything starts.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from schemas.contract import Contract
from streams import cluster
from streams.cluster import Found
from streams.errors import UserError
from streams.kafka import versions
from streams.kafka.clients import client_config
from streams.kafka.transactions import require_reachable
from streams.settings import Settings

LIFE_EVENTS = "life-events.v1"
CONTROLS = "controls.v1"
HOUSEHOLD_EVENTS = "household-events.v1"
DECISIONS = "decisions.v1"
HOUSEHOLD_DECISIONS = "household-decisions.v1"
CLOCKS = "clocks.v1"
SITUATIONS = "situations.v1"
OFFERS = "offers.v1"
OUTCOMES = "outcomes.v1"
AGGREGATES = "aggregates.v1"
RELEASES = "releases.v1"

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000

LARGEST_SENT = {"max.message.bytes": "4194304"}
"""What an agency may send at most, compressed; of that, intake understands records up to 1 MB."""

LARGEST_KEPT = {"max.message.bytes": "16777216"}
"""Room for any such record and the headers that say what was wrong with it."""

WHATEVER_SIZE = {"retention.bytes": "-1"}
"""Said aloud: a cluster whose default is a size would let go of records before their time."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it is created.

    Attributes:
        key: what its records are keyed by, in words.
        meaning: what it holds, in words.
        config: topic settings that differ from the broker's.
    """

    name: str
    partitions: int
    key: str
    meaning: str
    config: dict[str, str] = field(default_factory=dict)


def partition_of(key: str, partitions: int) -> int:
    """Partition of a person, household or area: CRC-32, the same for every writer and reader.

    >>> partition_of("a", 4) == partition_of("a", 4)
    True
    """
    return zlib.crc32(key.encode()) % partitions


def dead_letters(topic: str, stage: str) -> str:
    """Name of a stage's dead-letter topic."""
    return f"{topic}.{stage}.dlq"


def receipts(agency: str) -> str:
    """Name of an agency's receipts topic."""
    return f"receipts.{agency}"


def catalogue(contracts: Iterable[Contract], settings: Settings) -> tuple[Topic, ...]:
    """All topics of a deployment, agencies' first."""
    contracts = list(contracts)
    agencies = sorted({contract.agency for contract in contracts})
    return (
        *(topic for contract in contracts for topic in _of_contract(contract, settings)),
        *(_receipts(agency) for agency in agencies),
        *core(settings),
    )


def _of_contract(contract: Contract, settings: Settings) -> tuple[Topic, Topic]:
    return (
        Topic(
            contract.topic, settings.event_partitions, "the agency's own",
            # By the broker's clock: how long records are kept, and how many a day brings, is not the sender's to say.
            f"life events as {contract.agency} sends them",
            {**_kept(7), **LARGEST_SENT, "message.timestamp.type": "LogAppendTime"},
        ),
        Topic(
            dead_letters(contract.topic, "intake"), 1, "as received",
            "records intake could not take, original bytes, reason in headers", _kept(30),
        ),
    )  # fmt: skip


def _receipts(agency: str) -> Topic:
    return Topic(receipts(agency), 1, "feed|partition", f"what became of the records of {agency}", _kept(30))


def core(settings: Settings) -> tuple[Topic, ...]:
    """The platform's own topics, the same in every deployment."""
    partitions = settings.core_partitions
    compacted = {"cleanup.policy": "compact", "max.compaction.lag.ms": str(7 * DAY_MS), **LARGEST_KEPT}
    for_ever = {"cleanup.policy": "delete", "retention.ms": "-1", **WHATEVER_SIZE, **LARGEST_KEPT}
    # Read whole at a start, and written 25 times a second by each who tells: little of it may be left lying.
    newest_only = {
        "cleanup.policy": "compact", "max.compaction.lag.ms": str(HOUR_MS), "min.cleanable.dirty.ratio": "0.1",
        "delete.retention.ms": str(MINUTE_MS), "segment.bytes": str(4 << 20), "segment.ms": str(HOUR_MS),
    }  # fmt: skip
    # Stamped by the broker: deciding stages take the time from here, and a clock that runs ahead would move theirs.
    told_the_time = {**compacted, "message.timestamp.type": "LogAppendTime"}
    return (
        Topic(
            LIFE_EVENTS,
            partitions,
            "person|record id|arrival",
            "canonical life events, marks of time, controls",
            told_the_time,
        ),
        Topic(dead_letters(LIFE_EVENTS, "correlate"), 1, "as received", "what correlate could not take", _kept(30)),
        Topic(CONTROLS, 1, "person|kind", "opt-outs and objections; what is paused; read whole", compacted),
        Topic(
            HOUSEHOLD_EVENTS,
            partitions,
            "household|record id",
            "life events that rules per household look at, as each household hears them, and marks of time",
            told_the_time,
        ),
        Topic(
            dead_letters(HOUSEHOLD_EVENTS, "households"), 1, "as received", "what households could not take", _kept(30)
        ),
        Topic(DECISIONS, partitions, "person|match", "the ledger: what was decided for whom", compacted),
        # Apart from the other: a ledger is read to its end at start, which only its one writer can be sure of.
        Topic(HOUSEHOLD_DECISIONS, partitions, "household|match", "the ledger of rules per household", compacted),
        Topic(CLOCKS, 1, "who tells", "up to when each who tells plan situations has told all of them", newest_only),
        Topic(SITUATIONS, partitions, "area", "matches for plan, by planning area, and its clock", for_ever),
        Topic(dead_letters(SITUATIONS, "plan"), 1, "as received", "what plan could not take", _kept(30)),
        Topic(
            OFFERS, partitions, "household|offer or match", "each offer's whole life; each situation's fate", compacted
        ),
        Topic(dead_letters(OFFERS, "deliver"), 1, "as received", "what deliver could not take", _kept(30)),
        Topic(
            OUTCOMES, partitions, "area", "what duty teams did with offers: taken, contacted, how it ended", for_ever
        ),
        Topic(AGGREGATES, 1, "week|measure|area|type", "weekly counts under disclosure control", compacted),
        # Apart from the counts: offsets tell how many records there were, which nobody may learn from those.
        Topic(RELEASES, 1, "week", "how far the log had been read when weeks were released", compacted),
    )


def _kept(days: int) -> dict[str, str]:
    return {"cleanup.policy": "delete", "retention.ms": str(days * DAY_MS), **WHATEVER_SIZE, **LARGEST_KEPT}


def ensure(bootstrap: str, topics: Iterable[Topic], settings: Settings) -> None:
    """Creates what is missing and checks what is there.

    Raises:
        Unreachable: the broker does not answer.
        UserError: a broker is too old, a topic is not as it must be or may not be created; every fault is named.
    """
    require_reachable(bootstrap)
    wanted = {topic.name: topic for topic in topics}
    admin = AdminClient(client_config(bootstrap))
    _refuse_old(admin, bootstrap)
    present = cluster.look(admin, bootstrap, wanted)
    _refuse_faults(bootstrap, wanted, present, settings.replication)
    missing = [topic for name, topic in wanted.items() if name not in present]
    if missing:
        _create(admin, missing, settings.replication)
        # What the cluster's defaults make of them is known only now.
        made = cluster.look(admin, bootstrap, (topic.name for topic in missing))
        _refuse_faults(bootstrap, wanted, made, settings.replication)


def _refuse_old(admin: AdminClient, bootstrap: str) -> None:
    old = too_old(admin)
    if old:
        raise UserError(
            f"Kafka at {bootstrap} is older than {versions.OLDEST}: {', '.join(old)}",
            f"upgrade these brokers to Kafka {versions.OLDEST} or newer",
        )


def too_old(admin: AdminClient) -> list[str]:
    """Brokers of the cluster (`host:port`) that are older than Headwater needs."""
    return versions.too_old(
        (str(broker.host), broker.port) for broker in admin.list_topics(timeout=10).brokers.values()
    )


def _refuse_faults(bootstrap: str, wanted: dict[str, Topic], found: dict[str, Found], replication: int) -> None:
    faults = [
        (name, difference)
        for name, one in found.items()
        for difference in cluster.differences(wanted[name], one, replication)
        if difference.is_fault
    ]
    if faults:
        told = "".join(f"\n  {name} {difference.what}" for name, difference in sorted(faults, key=lambda one: one[0]))
        remedies = dict.fromkeys(difference.remedy for _name, difference in faults)
        raise UserError(
            f"the topics at {bootstrap} are not as they must be:{told}",
            "; ".join([*remedies, "`headwater topics --live` lists everything that differs"]),
        )


def _create(admin: AdminClient, topics: list[Topic], replication: int) -> None:
    asked = admin.create_topics([NewTopic(t.name, t.partitions, replication, config=t.config) for t in topics])
    refused: dict[str, str] = {}
    for name, outcome in asked.items():
        try:
            outcome.result(timeout=60)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                refused[name] = error.args[0].str()
    if refused:
        told = "".join(f"\n  {name}: {why}" for name, why in sorted(refused.items()))
        raise UserError(
            f"topics are missing and cannot be created:{told}",
            "create them as `headwater topics` prints them, or grant the right to create topics; "
            "HEADWATER_REPLICATION must not exceed the number of brokers",
        )
