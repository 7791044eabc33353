"""What a stage holds of one subject, and how it is kept: a person's or a household's timeline and ledger."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import orjson

from processors import transfers
from processors.events import LifeEvent
from processors.rules import ledger as ledgers
from processors.rules.deciding.decide import Agenda
from processors.rules.ledger import EMPTY, Ledger
from processors.timeline import Timeline, pack, unpack
from processors.transfers import Late, Transfer, pack_orders, unpack_orders

FORMAT = 3
"""Raised when the bytes below, or those of timelines and ledgers, change: older state is then folded anew."""

_HEAD = struct.Struct(">qIII")
_NEVER = -(1 << 63)


@dataclass(slots=True)
class Held:
    """What is held of one subject.

    Attributes:
        orders: by which the person's facts belong to others, oldest first.
        wake_at: when to look again, ms; None: not before something is heard.
        agenda: of the last decision; None: look at every rule.
        kept_wake_at: `wake_at` as it stands in the store's due-time index.
        is_kept: whether the store has this subject.
    """

    timeline: Timeline
    ledger: Ledger = EMPTY
    wake_at: int | None = None
    agenda: Agenda | None = None
    kept_wake_at: int | None = None
    is_kept: bool = False
    orders: tuple[Transfer, ...] = ()

    def order(self, order: Transfer) -> None:
        """Notes an order; one that is noted already takes the last place."""
        self.orders = (*(each for each in self.orders if each != order), order)

    def late(self, line: LifeEvent) -> Late | None:
        """Whether a line comes too late for an order; notes that."""
        late = transfers.late(self.orders, self.timeline, line)
        if late is not None:
            self.orders = late.orders
        return late

    def is_left_behind(self) -> bool:
        """Whether facts stand here that are on their way to others."""
        return any(transfers.is_left_behind(self.timeline, self.orders, order) for order in self.orders)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to keep."""
        return not self.timeline.lines and not self.timeline.forgotten and self.ledger == EMPTY and not self.orders


def pack_held(held: Held) -> bytes:
    """As bytes, for a store; `unpack_held` gives it back."""
    timeline = pack(held.timeline)
    ledger = b"" if held.ledger is EMPTY else ledgers.pack(held.ledger)
    orders = pack_orders(held.orders) if held.orders else b""
    agenda = b"" if held.agenda is None else orjson.dumps(dict(held.agenda))
    wake_at = _NEVER if held.wake_at is None else held.wake_at
    head = _HEAD.pack(wake_at, len(timeline), len(ledger), len(orders))
    return b"".join((head, timeline, ledger, orders, agenda))


def unpack_held(data: bytes) -> Held:
    """Reads what `pack_held` wrote."""
    kept, timeline_size, ledger_size, orders_size = _HEAD.unpack_from(data)
    ledger_at = _HEAD.size + timeline_size
    orders_at = ledger_at + ledger_size
    agenda_at = orders_at + orders_size
    wake_at = None if kept == _NEVER else kept
    return Held(
        unpack(data[_HEAD.size : ledger_at]),
        ledgers.unpack(data[ledger_at:orders_at]) if ledger_size else EMPTY,
        wake_at,
        orjson.loads(data[agenda_at:]) if len(data) > agenda_at else None,
        wake_at,
        True,
        unpack_orders(data[orders_at:agenda_at]) if orders_size else (),
    )
