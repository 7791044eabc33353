"""`headwater topics`: every topic of the deployment, with meaning, key, partitions, retention, cleanup."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, Any

import typer
from confluent_kafka.admin import AdminClient

from streams import cluster
from streams.cli.printing import out, table
from streams.cluster import Found
from streams.composition import Platform
from streams.kafka.clients import client_config
from streams.kafka.transactions import require_reachable
from streams.kafka.versions import OLDEST
from streams.settings import load
from streams.topics import DAY_MS, Topic, too_old

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Live = Annotated[bool, typer.Option("--live", help="Compare with the cluster; ends with 1 when something differs.")]


def topics(live: Live = False, as_json: AsJson = False) -> None:
    """Lists the topics of the deployment; no broker is needed without --live.

    Example: headwater topics --live
    """
    platform = Platform(load())
    found = compared(platform.bootstrap, platform.topics, platform.settings.replication) if live else None
    rows = [_row(topic, None if found is None else found[topic.name]) for topic in platform.topics]
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
    else:
        _print(rows)
    old = too_old(AdminClient(client_config(platform.bootstrap))) if live else []
    if old:
        typer.echo(f"older than Kafka {OLDEST}, nothing starts on them: {', '.join(old)}", err=True)
    if old or (found is not None and any(found.values())):
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

    >>> kept(-1)
    'for ever'
    >>> kept(7 * 86_400_000)
    '7 days'
    >>> kept(None)
    'newest by key'
    """
    if retention_ms == -1:
        return "for ever"
    return "newest by key" if retention_ms is None else f"{retention_ms / DAY_MS:g} days"


def compared(bootstrap: str, planned: Iterable[Topic], replication: int) -> dict[str, list[str]]:
    """What differs on the cluster, by topic, in words; nothing where a topic is as planned.

    What no stage starts on is said as it is said then; what an operator may choose is said to be tolerated.

    Raises:
        Unreachable: the broker does not answer, or does not tell.
    """
    require_reachable(bootstrap)
    planned = list(planned)
    admin = AdminClient(client_config(bootstrap))
    present = cluster.look(admin, bootstrap, (topic.name for topic in planned))
    return {topic.name: _told(topic, present.get(topic.name), replication) for topic in planned}


def _told(topic: Topic, found: Found | None, replication: int) -> list[str]:
    if found is None:
        return ["missing"]
    return [
        each.what if each.is_fault else f"{each.what} (tolerated)"
        for each in cluster.differences(topic, found, replication)
    ]
