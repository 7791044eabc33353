"""The plainest reader of a topic there can be: every record is fetched and decoded, and nothing is done with it."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from bench.machine import processes
from bench.machine.cluster import Cluster
from bench.machine.processes import Failed, await_that, peak_mb
from bench.peers.job import EventReader, Job
from bench.workload.events import life_event_schema
from processors.events import LifeEvent
from streams.kafka.log import end_offsets

BATCH = 5000
ENDS_WITHIN_S = 600.0


@dataclass(frozen=True, slots=True)
class Read:
    """What it cost; seconds are from the first batch to the last record."""

    events: int
    seconds: float
    cpu_s: float
    peak_mb: float

    @property
    def events_per_s(self) -> float:
        """Its speed."""
        return self.events / self.seconds


def decode_all(cluster: Cluster, topic: str) -> Read:
    """Reads a topic from end to end in a process of its own."""
    folder = cluster.folder / "decoding"
    folder.mkdir()
    codec = cluster.platform.codec
    schema, number = str(life_event_schema()), codec.schema_id(LifeEvent)
    job = Job(cluster.bootstrap, topic, "", "decoding", str(folder), schema, number)
    told = job.write(folder / "job.json")
    with processes.running("decoding", processes.python("bench.peers.decoding", str(told)), folder) as child:
        await_that(lambda: child.process.poll() is not None, ENDS_WITHIN_S, "the decode loop ends")
    if child.process.returncode != 0:
        raise Failed(f"the decode loop ended:\n{child.last_words()}")
    return Read(**json.loads((folder / "read.json").read_text()))


def read(job: Job, ends: dict[int, int]) -> Read:
    """Reads up to the ends, by partition."""
    reader = EventReader(job)
    consumer = Consumer(
        {"bootstrap.servers": job.bootstrap, "group.id": job.group, "queued.max.messages.kbytes": 65_536}
    )
    consumer.assign([TopicPartition(job.source, partition, OFFSET_BEGINNING) for partition in ends])
    left, began, cpu, first = sum(ends.values()), 0.0, 0.0, 0
    while left > 0:
        batch = consumer.consume(BATCH, timeout=0.1)
        for message in batch:
            reader.read(message.value())
        left -= len(batch)
        if batch and not began:
            began, cpu, first = time.monotonic(), time.process_time(), len(batch)
    seconds = time.monotonic() - began
    spent = time.process_time() - cpu
    consumer.close()
    return Read(sum(ends.values()) - first, seconds, spent, peak_mb(os.getpid()))


if __name__ == "__main__":
    told_job = Job.read(sys.argv[1])
    result = read(told_job, end_offsets(told_job.bootstrap, told_job.source))
    (Path(told_job.folder) / "read.json").write_text(json.dumps(asdict(result)))
