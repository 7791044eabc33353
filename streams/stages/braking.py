"""The surge brake of one source partition: how much of a chunk intake takes, and the order to hold the feed.

The arithmetic is `processors.surge`'s. Who is held, and who goes on, stands on `controls.v1`, as for any officer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import structlog

from processors.pauses import BRAKE, Pause, PauseKind
from processors.surge import DAY_MS, Volume, day_of, take
from schemas.contract import Contract
from schemas.heartbeats import HEARTBEAT_KEY
from streams.kafka.records import RawRecord
from streams.pauses import FeedOrders

log = structlog.get_logger()


class SurgeBrake:
    """Counts the records of a partition against the usual.

    Args:
        contract: whose feed it is; says what a surge is.
        partitions: of the feed's topic, which share its records.
        orders: where the brake's own order is heard at once by its neighbours.
        wall: the machine's clock, ms.
    """

    def __init__(self, contract: Contract, partitions: int, orders: FeedOrders, wall: Callable[[], int]) -> None:
        self._contract = contract
        self._brake = contract.brake and contract.brake.shared_among(partitions)
        self._orders = orders
        self._wall = wall
        self.volume = Volume()

    def take(self, records: Sequence[RawRecord]) -> tuple[int, Pause | None]:
        """How many records from the beginning are no surge, and the order to hold the feed if there is one.

        The order must be committed with what is taken.
        """
        now = self._wall()
        today = day_of(now)
        days = [None if record.key == HEARTBEAT_KEY else min(record.timestamp // DAY_MS, today) for record in records]
        found = take(self.volume, days, self._brake, self._released())
        self.volume = found.volume
        if not found.is_surge:
            return found.count, None
        pause = Pause(PauseKind.FEED, self._contract.feed, True, self._reason(), BRAKE, now)
        self._orders.note(pause)
        log.warning("feed held by the surge brake", feed=pause.name, reason=pause.reason)
        return found.count, pause

    def _released(self) -> int:
        """The last day that an officer let through: that of their order to go on, which also covers what waited."""
        order = self._orders.of(self._contract.feed)
        return -1 if order is None or order.is_paused else day_of(order.at)

    def _reason(self) -> str:
        volume = self.volume
        day = datetime.fromtimestamp(volume.day * DAY_MS / 1000, UTC).date()
        return f"more than {volume.count:,} records on one partition on {day}, where {volume.usual:,.0f} are usual"
