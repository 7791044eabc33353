"""Relay: what workers did, from the case database's outbox to Kafka.

At least once, in the order of writing: an action is taken off the outbox when Kafka has it, and one
that is told again changes nothing, since plan takes only an action on the present version of an offer.

One transaction puts an action on `outcomes.v1`, for whoever wants to know, and on `situations.v1`,
where plan reads it in one order with everything else, after the time it is; "never again" is told as an
opt-out with it, for readers outside that order.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing

import structlog

from processors.events import Control, ControlKind
from processors.offers.actions import OfferAction
from sinks.case_db import CaseStore, OutboxItem
from sinks.metrics import Meters
from streams import composition, topics
from streams.clocks import FollowedClock, told_the_time
from streams.composition import Platform
from streams.controls import control_records
from streams.ending import Ending
from streams.kafka.transactions import Outgoing, TransactionalSender
from streams.observing.health import Health
from streams.observing.process import observed

log = structlog.get_logger()

BATCH = 500
POLL_S = 0.2


def run(platform: Platform, _ending: Ending) -> None:
    """Relays until SIGTERM.

    Raises:
        UserError: the case database cannot be used, or Kafka does not tell the time.
        KafkaException: Kafka does not answer; nothing is lost, the outbox keeps it.
    """
    meters, health = Meters("relay"), Health()
    # SIGTERM ends it at once, also within a transaction: what was not committed is told again.
    with (
        observed(meters, health, platform.settings),
        composition.case_store(platform.settings) as store,
        closing(FollowedClock(platform.bootstrap, platform.codec)) as clock,
        closing(TransactionalSender(platform.bootstrap, "headwater-relay")) as sender,
    ):
        sender.open()
        relay = Relay(store, sender, clock, platform, meters)
        health.be_ready()
        log.info("relay runs")
        while True:
            if relay.step() < BATCH:
                time.sleep(POLL_S)
            health.beat()


class Relay:
    """Empties the outbox, a batch at a time.

    Args:
        store: with the outbox.
        sender: of the transactions.
        clock: the platform's.
        platform: whose topics these are.
        meters: of the service.
    """

    def __init__(
        self,
        store: CaseStore,
        sender: TransactionalSender,
        clock: FollowedClock,
        platform: Platform,
        meters: Meters,
    ) -> None:
        self._store = store
        self._sender = sender
        self._clock = clock
        self._codec = platform.codec
        self._partitions = platform.settings.core_partitions
        self._meters = meters

    def step(self) -> int:
        """Sends the oldest actions, if there are any; returns how many.

        Raises:
            CaseStoreUnavailable: the database cannot be used.
            KafkaException: Kafka did not take them; they stay on the outbox.
            Unreachable: Kafka does not tell the time; likewise.
        """
        waiting = self._store.outbox(BATCH)
        self._meters.outbox_pending.set(self._store.outbox_size() if len(waiting) == BATCH else len(waiting))
        if waiting:
            self._sender.send(self._records(waiting, self._clock.newest()))
            self._store.mark_sent([item.action.id for item in waiting])
            self._meters.records.labels("relay", "sent").inc(len(waiting))
        else:
            self._clock.now()  # what nobody reads would pile up
        return len(waiting)

    def _records(self, waiting: Sequence[OutboxItem], now: int | None) -> list[Outgoing]:
        actions = [item.action for item in waiting]
        words = [control for action in actions for control in _opt_outs(action, now)]
        records = [record for action in actions for record in self._told(action)]
        records += (record for word in words for record in control_records(self._codec, word, self._partitions))
        return told_the_time(self._codec, records, now, range(self._partitions) if words else ())

    def _told(self, action: OfferAction) -> Iterator[Outgoing]:
        key, value = action.area.encode(), self._codec.encode(action)
        partition = topics.partition_of(action.area, self._partitions)
        yield Outgoing(topics.OUTCOMES, partition, key, value)
        yield Outgoing(topics.SITUATIONS, partition, key, value)


def _opt_outs(action: OfferAction, now: int | None) -> list[Control]:
    """ "Never again" holds for everybody the offer was about, from now on at the latest (`controls.said_now`)."""
    at = action.at if now is None else min(action.at, now)
    return [Control(ControlKind.OPT_OUT, person, action.household, action.area, at) for person in action.persons]
