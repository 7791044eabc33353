"""The subjects of one partition: those at work in memory, all of them in a store, and when to look at whom.

Keys of the store: `s` and the subject's name; `d`, the time and the name for whoever waits for a
time (an index in order of time: who waits costs nothing until then); `m` for what belongs to the
partition as a whole; `n` for how many subjects there are, half-made states included. Everything
changed since the last `write` is written at once, together with the position it belongs to: a store
is always as of one position, never of two.

A cache of so many subjects bounds memory; what was changed stays until it is written.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from processors.rules.ledger import EMPTY
from processors.timeline import Timeline
from streams.state.held import Held, pack_held, unpack_held
from streams.state.store import Change, Store

MOST_IN_MEMORY = 160_000
"""Subjects kept in memory by a worker that has all partitions; 2 kB each with one event, 6 kB with a dozen."""
HORIZON_MS = 86_400_000
"""Who is due within the next day (of the stage's clock) is known in memory; later ones rest in the index."""

_SUBJECT, _DUE, _META, _COUNT = b"s", b"d", b"m", b"n"
_SHIFT = 1 << 63
_BEFORE_ALL = -_SHIFT
_BEYOND = b"t"
"""After every key of a subject; `_SUBJECT` keys end before it."""


class Subjects:
    """What is held of the subjects of one partition.

    Args:
        store: of this partition.
        empty: the timeline of a subject nothing was heard of, by its name.
        most_in_memory: unchanged subjects kept in memory.
    """

    def __init__(self, store: Store, empty: Callable[[str], Timeline], most_in_memory: int) -> None:
        self._store = store
        self._empty = empty
        self._most_in_memory = most_in_memory
        self._held: dict[str, Held] = {}
        self._changed: set[str] = set()
        self._soon: list[tuple[int, str]] = []
        self._reminders: set[tuple[int, str]] = set()
        self._later: set[tuple[int, str]] = set()
        self._horizon = _BEFORE_ALL
        self.count = 0
        """Subjects held, in memory or not."""

    @property
    def changes(self) -> int:
        """How many subjects were changed since the last `write`."""
        return len(self._changed)

    def meta(self) -> dict[str, Any] | None:
        """What was last written with the state; None: there is none, or it was left half-way."""
        kept = self._store.get(_META)
        if kept is None:
            return None
        self.count = int(self._store.get(_COUNT) or 0)
        meta: dict[str, Any] = orjson.loads(kept)
        return meta

    def of(self, name: str) -> Held:
        """What is held of a subject; of one not known nothing, as a value to change."""
        held = self._held.get(name)
        if held is None:
            kept = self._store.get(_SUBJECT + name.encode())
            held = self._held[name] = Held(self._empty(name)) if kept is None else unpack_held(kept)
        return held

    def change(self, name: str) -> None:
        """Notes that what `of` gave was changed."""
        self._changed.add(name)

    def wake(self, name: str, held: Held, at: int | None) -> None:
        """Notes when to look at a subject again; None: not before something is heard of it.

        The time noted already changes nothing: whoever was given by `next_due` at that time is not given again.
        """
        self._changed.add(name)
        if at is not None and at != held.wake_at:
            self._note(at, name)
        held.wake_at = at

    def remind(self, at: int, name: str) -> None:
        """Has a subject looked at, at a time besides its own, if its own has come by then; not kept."""
        if (at, name) not in self._reminders:
            self._reminders.add((at, name))
            heapq.heappush(self._soon, (at, name))

    def is_due(self, now: int) -> bool:
        """Whether `next_due` has anybody to look through."""
        if now > self._horizon:
            self._look_ahead(now)
        return bool(self._soon) and self._soon[0][0] <= now

    def next_due(self, now: int) -> str | None:
        """The subject whose time came first, by `now`; None when nobody is left.

        One whose time has come is given once, and again when reminded of.
        """
        while self.is_due(now):
            at, name = entry = heapq.heappop(self._soon)
            is_reminder = entry in self._reminders
            self._reminders.discard(entry)
            wake_at = self.of(name).wake_at
            # Noted anew since: for later, then its own entry follows in its turn; for earlier, then it was given.
            if wake_at == at or (is_reminder and wake_at is not None and wake_at < at):
                return name
        return None

    def forget(self, name: str) -> None:
        """Drops everything held of a subject."""
        held = self.of(name)
        held.timeline, held.ledger, held.wake_at, held.agenda = self._empty(name), EMPTY, None, None
        self._changed.add(name)

    def names(self) -> Iterator[str]:
        """Every subject in the store, in order; changes not written yet are left aside."""
        for key, _ in self._store.items(_SUBJECT, _BEYOND):
            yield key[1:].decode()

    def timelines(self) -> Iterator[Timeline]:
        """Every subject's timeline as it is in the store, in order of their names."""
        for _, kept in self._store.items(_SUBJECT, _BEYOND):
            yield unpack_held(kept).timeline

    def write(self, meta: dict[str, Any] | None) -> None:
        """Writes what was changed; with `meta` the state is whole, without it is still being made."""
        self._store.write(self._changes(meta))
        self._changed.clear()
        self._later.clear()
        surplus = len(self._held) - self._most_in_memory
        if surplus > 0:
            for name in list(self._held)[: surplus + self._most_in_memory // 4]:
                del self._held[name]

    def clear(self) -> None:
        """Forgets every subject."""
        self._store.clear()
        self._held.clear()
        self._changed.clear()
        self._soon.clear()
        self._reminders.clear()
        self._later.clear()
        self._horizon, self.count = _BEFORE_ALL, 0

    def close(self) -> None:
        """Lets go of the store."""
        self._store.close()

    def _changes(self, meta: dict[str, Any] | None) -> Iterator[Change]:
        for name in self._changed:
            held = self._held[name]
            key = name.encode()
            if held.kept_wake_at is not None and held.kept_wake_at != held.wake_at:
                yield _due_key(held.kept_wake_at, key), None
            if held.wake_at is not None and held.kept_wake_at != held.wake_at:
                yield _due_key(held.wake_at, key), b""
            is_gone = held.is_empty
            self.count += (not is_gone) - held.is_kept
            held.kept_wake_at, held.is_kept = held.wake_at, not is_gone
            yield _SUBJECT + key, None if is_gone else pack_held(held)
        if meta is not None:
            yield _META, orjson.dumps(meta)
        yield _COUNT, str(self.count).encode()

    def _note(self, at: int, name: str) -> None:
        if at <= self._horizon:
            heapq.heappush(self._soon, (at, name))
        else:
            self._later.add((at, name))

    def _look_ahead(self, now: int) -> None:
        """Takes those due within the next day from the index, once the day looked at before is over."""
        first = _due_key(self._horizon + 1, b"")
        self._horizon = now + HORIZON_MS
        for key, _ in self._store.items(first, _due_key(self._horizon + 1, b"")):
            heapq.heappush(self._soon, (_moment(key), key[9:].decode()))
        near = {entry for entry in self._later if entry[0] <= self._horizon}
        self._later -= near
        for entry in near:
            heapq.heappush(self._soon, entry)


def _due_key(at: int, name: bytes) -> bytes:
    return _DUE + (at + _SHIFT).to_bytes(8, "big") + name


def _moment(key: bytes) -> int:
    return int.from_bytes(key[1:9], "big") - _SHIFT
