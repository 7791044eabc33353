"""A plain Faust agent: one event at a time, a table kept in memory with its changelog on Kafka, at least once."""

from __future__ import annotations

import sys

import faust

from bench.peers.job import EventReader, Job, encode_match
from bench.peers.pairs import RULE, pair


def application(job: Job, partitions: int) -> faust.App:
    """The agent and its table."""
    app = faust.App(
        job.group, broker=f"kafka://{job.bootstrap}", datadir=job.folder, web_enabled=False,
        topic_partitions=partitions, topic_replication_factor=1, consumer_auto_offset_reset="earliest",
        broker_commit_interval=1.0,
    )  # fmt: skip
    source = app.topic(job.source, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
    target = app.topic(job.target, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
    waiting = app.Table("waiting", default=list, partitions=partitions)
    reader = EventReader(job)

    @app.agent(source)  # type: ignore[arg-type]
    async def correlate(stream: faust.Stream[bytes]) -> None:
        async for value in stream:
            event = reader.read(value)
            if event is None or event["type"] not in RULE:
                continue
            person, before = event["person"], waiting[event["person"]]
            still, found = pair(before, event["type"], event["id"], event["occurred_at"])
            if still is not before:
                waiting[person] = still
            for first, second in found:
                await target.send(key=person.encode(), value=encode_match(person, first, second))

    return app


if __name__ == "__main__":
    faust.Worker(
        application(Job.read(sys.argv[1]), 4), loglevel="ERROR", quiet=True, redirect_stdouts=False
    ).execute_from_commandline()
