"""The Faust application under a stage's worker: its settings, and what Faust would do that must not happen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faust
from faust.types import AppT, Message

from streams.folders import check_folder
from streams.kafka.chunks import ChunkTransport
from streams.stages.membership import SESSION_S
from streams.stages.task import Stage

METADATA_AGE_MS = 5_000
"""How long aiokafka believes what it knows of topics. A broker that has just started answers before it knows them, and
a group that asks it then shares out nothing and waits for the next look: five minutes by default."""
CHUNK_RECORDS = 20_000
"""What Faust takes from its consumer at once, over all partitions; records left aside are not counted."""


class RawSchema(faust.Schema[Any, Any]):
    """Hands keys and values over as they are: Faust's own decoding acknowledges and drops what it cannot decode."""

    def loads_key(self, app: AppT, message: Message, *, loads: object = None, serializer: object = None) -> Any:  # noqa: ANN401, ARG002
        return message.key

    def loads_value(self, app: AppT, message: Message, *, loads: object = None, serializer: object = None) -> Any:  # noqa: ANN401, ARG002
        return message.value


class GentleWorker(faust.Worker):
    """A worker that is told by others to end, and then ends at once."""

    def end(self) -> None:
        """Ends as after SIGTERM, which `streams.ending` hears in Faust's place."""
        self._on_sigterm()

    def _shutdown_loop(self) -> None:
        """Does not wait for tasks that have nothing left to do, as Faust would for some seconds: the process ends."""
        if self.crash_reason:
            raise self.crash_reason


def application(stage: Stage, bootstrap: str, worker: str, folder: Path, client_id: str) -> faust.App:
    """An application that fetches chunks, assigns as Faust does with tables, and commits nothing.

    Args:
        stage: whose group it joins, and what of its records chunks need not hold.
        bootstrap: Kafka's address.
        worker: static name of the member.
        folder: of this worker alone.
        client_id: tells two processes of one name apart.

    Raises:
        UserError: the folder may not be written.
    """
    check_folder(folder, "HEADWATER_DATA")
    app = faust.App(
        stage.group,
        broker=";".join(f"kafka://{server.strip()}" for server in bootstrap.split(",")),
        autodiscover=False,
        datadir=str(folder),
        web_enabled=False,
        canonical_url=f"http://{worker}",
        topic_allow_declare=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        consumer_metadata_max_age_ms=METADATA_AGE_MS,
        consumer_group_instance_id=worker,
        broker_client_id=client_id,
        broker_session_timeout=SESSION_S,
        broker_heartbeat_interval=2.0,
        broker_request_timeout=30.0,
        broker_max_poll_interval=300.0,
        broker_max_poll_records=CHUNK_RECORDS,
        stream_buffer_maxsize=1,
        stream_wait_empty=False,
    )
    app.transport = ChunkTransport(app.conf.broker_consumer, app, app.loop, leaves_aside=stage.leaves_aside)
    return app
