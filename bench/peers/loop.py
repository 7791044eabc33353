"""The limit: a bare confluent-kafka loop with fastavro and a dict. Keeps nothing, promises nothing.

Positions are committed after each batch, without waiting; what was in memory is lost with the process.
"""

from __future__ import annotations

import sys

from confluent_kafka import Consumer, Producer

from bench.peers.job import EventReader, Job, encode_match
from bench.peers.pairs import RULE, Waiting, pair

BATCH = 5000


def run(job: Job) -> None:
    """Works until it is ended."""
    reader, waiting = EventReader(job), dict[str, Waiting]()
    producer = Producer({"bootstrap.servers": job.bootstrap, "linger.ms": 5, "compression.type": "lz4"})
    consumer = Consumer(
        {
            "bootstrap.servers": job.bootstrap,
            "group.id": job.group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "queued.max.messages.kbytes": 65_536,
        }
    )
    consumer.subscribe([job.source])
    while True:
        batch = consumer.consume(BATCH, timeout=0.1)
        for message in batch:
            event = reader.read(message.value())
            if event is None or event["type"] not in RULE:
                continue
            person = event["person"]
            still, found = pair(waiting.get(person, []), event["type"], event["id"], event["occurred_at"])
            waiting[person] = still
            for first, second in found:
                producer.produce(job.target, key=person, value=encode_match(person, first, second))
        producer.flush()
        if batch:
            consumer.commit(asynchronous=True)


if __name__ == "__main__":
    run(Job.read(sys.argv[1]))
