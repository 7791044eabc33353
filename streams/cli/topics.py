"""`headwater topics`: every topic of the deployment, with meaning, key, partitions, retention, cleanup."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._resource import ResourceType

from streams.cli.printing import out, table
from streams.composition import Platform
from streams.errors import Unreachable
from streams.kafka.clients import client_config
from streams.kafka.transactions import require_reachable
from streams.settings import load
from streams.topics import DAY_MS, Topic

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Live = Annotated[bool, typer.Option("--live", help="Compare with the cluster; ends with 1 when something differs.")]


def topics(live: Live = False, as_json: AsJson = False) -> None:
    """Lists the topics of the deployment; no broker is needed without --live.

    Example: headwater topics --live
    """
    platform = Platform(load())
    found = compared(platform.bootstrap, platform.topics) if live else None
    rows = [_row(topic, None if found is None else found[topic.name]) for topic in platform.topics]
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
    else:
        _print(rows)
    if found is not None and any(found.values()):
        raise typer.Exit(1)


def _row(topic: Topic, differences: list[str] | None) -> dict[str, Any]:
    retention = topic.config.get("retention.ms")
    row = {
        "name": topic.name,
        "key": topic.key,
        "partitions": topic.partitions,
        "cleanup": topic.config.get("cleanup.policy", "delete"),
        "retention_ms": None if retention is None else int(retention),
        "meaning": topic.meaning,
        "config": topic.config,
    }
    return row if differences is None else {**row, "differences": differences}


def _print(rows: list[dict[str, Any]]) -> None:
    has_live = any("differences" in row for row in rows)
    headings = ["topic", "key", "partitions", "kept", "cleanup", "meaning", *(["on the cluster"] if has_live else [])]
    cells = [
        [row["name"], row["key"], row["partitions"], kept(row["retention_ms"]), row["cleanup"], row["meaning"]]
        + (["; ".join(row["differences"]) or "as planned"] if has_live else [])
        for row in rows
    ]
    out().print(table(headings, cells))


def kept(retention_ms: int | None) -> str:
    """How long records are kept, in words.

    >>> kept(7 * 86_400_000)
    '7 days'
    >>> kept(None)
    'newest by key'
    """
    return "newest by key" if retention_ms is None else f"{retention_ms / DAY_MS:g} days"


def compared(bootstrap: str, planned: Iterable[Topic]) -> dict[str, list[str]]:
    """What differs on the cluster, by topic, in words; nothing where a topic is as planned.

    Raises:
        Unreachable: the broker does not answer, or does not tell.
    """
    require_reachable(bootstrap)
    planned = list(planned)
    admin = AdminClient(client_config(bootstrap))
    present = {name: len(found.partitions) for name, found in admin.list_topics(timeout=10).topics.items()}
    configs = _configs(admin, bootstrap, [topic.name for topic in planned if topic.name in present])
    return {topic.name: differences(topic, present.get(topic.name), configs.get(topic.name, {})) for topic in planned}


def differences(topic: Topic, partitions: int | None, config: Mapping[str, str]) -> list[str]:
    """How a topic on the cluster differs from its plan.

    Args:
        topic: as planned.
        partitions: as found; None: there is no such topic.
        config: settings as found.
    """
    if partitions is None:
        return ["missing"]
    found = [] if partitions == topic.partitions else [f"{partitions} partitions, planned {topic.partitions}"]
    return found + [
        f"{name} is {config.get(name, 'unset')}, planned {wanted}"
        for name, wanted in sorted(topic.config.items())
        if config.get(name) != wanted
    ]


def _configs(admin: AdminClient, bootstrap: str, names: list[str]) -> dict[str, dict[str, str]]:
    asked = admin.describe_configs([ConfigResource(ResourceType.TOPIC, name) for name in names]) if names else {}
    try:
        return {
            resource.name: {name: str(entry.value) for name, entry in answer.result(timeout=30).items()}
            for resource, answer in asked.items()
        }
    except KafkaException as error:
        raise Unreachable(
            f"Kafka at {bootstrap} does not tell the settings of its topics: {error.args[0].str()}",
            "grant the right to describe them",
        ) from None
