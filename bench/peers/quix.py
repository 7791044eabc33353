"""Quix Streams: state in RocksDB with a changelog on Kafka, exactly once. Runs with packages of its own."""

from __future__ import annotations

import sys
from typing import Any

from quixstreams import Application, State  # type: ignore[import-not-found]
from quixstreams.models import (  # type: ignore[import-not-found]
    BytesDeserializer,
    BytesSerializer,
    Deserializer,
)

from bench.peers.job import EventReader, Job, encode_match
from bench.peers.pairs import RULE, pair


class _Person(Deserializer):  # type: ignore[misc]
    """State is kept by key: of `person|event|arrival` the person, in whose partition all their events are."""

    def __call__(self, value: bytes, ctx: Any) -> str:  # noqa: ANN401, ARG002 - the interface
        return value.partition(b"|")[0].decode()


def run(job: Job) -> None:
    """Works until it is ended."""
    reader = EventReader(job)
    app = Application(
        broker_address=job.bootstrap, consumer_group=job.group, state_dir=job.folder,
        auto_offset_reset="earliest", processing_guarantee="exactly-once", commit_interval=1.0,
        loglevel="ERROR",
    )  # fmt: skip
    source = app.topic(job.source, key_deserializer=_Person(), value_deserializer=BytesDeserializer())
    target = app.topic(job.target, value_serializer=BytesSerializer())

    def correlate(event: dict[str, Any], state: State) -> list[bytes]:
        before = [tuple(one) for one in state.get("waiting", [])]
        still, found = pair(before, event["type"], event["id"], event["occurred_at"])
        if still is not before:
            state.set("waiting", still)
        return [encode_match(event["person"], first, second) for first, second in found]

    stream = app.dataframe(source).apply(reader.read)
    # What the rule is not about needs no state: as with the other peers, and cheaper.
    stream = stream[stream.apply(_is_of_the_rule)]
    stream.apply(correlate, stateful=True, expand=True).to_topic(target)
    app.run()


def _is_of_the_rule(event: dict[str, Any] | None) -> bool:
    return event is not None and event["type"] in RULE


if __name__ == "__main__":
    run(Job.read(sys.argv[1]))
