"""Topics as they are on the cluster, and how that differs from what the platform needs.

Some differences are faults: with them events would be lost, or nothing could be written at all, so that
nothing starts. Others (kept longer than planned, fewer replicas) are an operator's own choice; `headwater
topics --live` shows both kinds. Changes nothing on the cluster.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._resource import ResourceType

from streams.errors import Unreachable

if TYPE_CHECKING:
    from streams.topics import Topic

BY_SETTINGS = (
    "set HEADWATER_EVENT_PARTITIONS and HEADWATER_CORE_PARTITIONS to what is there, or use another cluster "
    "(partitions cannot be changed once there are records)"
)
BY_ALTERING = "change settings of topics with Kafka's `kafka-configs.sh --alter --topic TOPIC --add-config NAME=VALUE`"
BY_REPLICAS = "lower min.insync.replicas, or give the topic more replicas (`kafka-reassign-partitions.sh`)"
_DENIED = frozenset({KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED})


@dataclass(frozen=True, slots=True)
class Found:
    """A topic as it is.

    Attributes:
        replicas: of the partition that has the fewest.
        config: its settings, the cluster's defaults included; None when this account may not see them.
    """

    partitions: int
    replicas: int
    config: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Difference:
    """How a topic differs from its plan.

    Attributes:
        remedy: what an operator can do; empty for what is tolerated.
    """

    what: str
    remedy: str = ""

    @property
    def is_fault(self) -> bool:
        """Whether nothing may start on it."""
        return bool(self.remedy)


def differences(topic: Topic, found: Found, replication: int) -> list[Difference]:
    """How a topic on the cluster differs from its plan, faults and choices; empty when it does not.

    Args:
        topic: as planned.
        found: as it is.
        replication: how many replicas are wanted.
    """
    return [
        *_of_partitions(topic, found),
        *_of_replicas(found, replication),
        *(_of_config(topic.config, found.config) if found.config is not None else _UNSEEN),
    ]


_UNSEEN = [Difference("its settings cannot be seen: grant the right to describe them")]


def _of_partitions(topic: Topic, found: Found) -> Iterable[Difference]:
    if found.partitions != topic.partitions:
        yield Difference(f"has {found.partitions} partitions, this deployment expects {topic.partitions}", BY_SETTINGS)


def _of_replicas(found: Found, replication: int) -> Iterable[Difference]:
    in_sync = int((found.config or {}).get("min.insync.replicas", "1"))
    if in_sync > found.replicas:
        yield Difference(
            f"min.insync.replicas is {in_sync} but there is room for {found.replicas}: nothing can be written",
            BY_REPLICAS,
        )
    if found.replicas < replication:
        yield Difference(f"has {found.replicas} replicas, HEADWATER_REPLICATION is {replication}")


def _of_config(planned: Mapping[str, str], found: Mapping[str, str]) -> Iterable[Difference]:
    for name, wanted in sorted(planned.items()):
        is_value = found.get(name, "unset")
        if _same(is_value, wanted):
            continue
        remedy = BY_ALTERING if _is_harmful(name, is_value, wanted) else ""
        yield Difference(f"{name} is {is_value}, planned {wanted}", remedy)


def _same(one: str, other: str) -> bool:
    """Whether two values mean the same: a policy may be two, in any order."""
    return sorted(part.strip() for part in one.split(",")) == sorted(part.strip() for part in other.split(","))


def _is_harmful(name: str, found: str, wanted: str) -> bool:
    """Whether less is kept or taken than planned. More is an operator's choice, of another policy neither."""
    if name in ("retention.ms", "retention.bytes"):
        return _or_ever(found) < _or_ever(wanted)
    if name == "max.message.bytes":
        return _or_ever(found) < int(wanted)
    return name == "cleanup.policy"


def _or_ever(value: str) -> float:
    """A limit; -1 is none.

    >>> _or_ever("-1") > _or_ever("604800000")
    True
    """
    try:
        number = int(value)
    except ValueError:
        return 0
    return float("inf") if number < 0 else number


def look(admin: AdminClient, bootstrap: str, names: Iterable[str]) -> dict[str, Found]:
    """Those of the topics that there are.

    Raises:
        Unreachable: the broker does not answer, or does not tell.
    """
    wanted = set(names)
    try:
        described = {name: one for name, one in admin.list_topics(timeout=10).topics.items() if name in wanted}
    except KafkaException as error:
        raise Unreachable(f"Kafka at {bootstrap} does not answer: {error.args[0].str()}", "check the broker") from None
    configs = _configs(admin, bootstrap, list(described))
    return {
        name: Found(
            len(one.partitions), min((len(each.replicas) for each in one.partitions.values()), default=0), configs[name]
        )
        for name, one in described.items()
    }


def _configs(admin: AdminClient, bootstrap: str, names: list[str]) -> dict[str, dict[str, str] | None]:
    asked = admin.describe_configs([ConfigResource(ResourceType.TOPIC, name) for name in names]) if names else {}
    found: dict[str, dict[str, str] | None] = {}
    for resource, answer in asked.items():
        try:
            found[resource.name] = {name: str(entry.value) for name, entry in answer.result(timeout=30).items()}
        except KafkaException as error:
            if error.args[0].code() not in _DENIED:
                raise Unreachable(
                    f"Kafka at {bootstrap} does not tell the settings of its topics: {error.args[0].str()}",
                    "check the broker",
                ) from None
            found[resource.name] = None
    return found
