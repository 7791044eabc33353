"""Loading a population file into the register.

The file is the full statement of a household: members it no longer names leave, those it newly names
join. A line is recognised by an HMAC of its content, so that loading again costs one read and changes
nothing. Two persons of the file that share an id by mistake stay two, and the id is recorded as doubtful.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import orjson

from processors.identity.identifiers import normalised_hash
from processors.identity.population import HouseholdLine, household_line
from streams.errors import Unreachable
from streams.register.database import LostRace
from streams.register.load_plan import Entry, plan_load, read_changes
from streams.register.load_write import write
from streams.register.records import LineFault, LoadReport
from streams.register.store import Store, sliced

_LINES = 1_000
_FAULTS_KEPT = 1_000
_ATTEMPTS = 20


@dataclass(slots=True)
class _Tally:
    """Counts while loading; `report` freezes them."""

    lines: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    persons: int = 0
    doubts: int = 0
    faulty: int = 0
    faults: list[LineFault] = field(default_factory=list)
    seen: set[bytes] = field(default_factory=set)

    def fault(self, line: int, *reasons: str) -> None:
        self.faulty += 1
        if len(self.faults) < _FAULTS_KEPT:
            self.faults.append(LineFault(line, reasons))

    def report(self) -> LoadReport:
        return LoadReport(
            lines=self.lines,
            households_new=self.new,
            households_changed=self.changed,
            households_unchanged=self.unchanged,
            persons_new=self.persons,
            doubts=self.doubts,
            faulty=self.faulty,
            faults=tuple(self.faults),
        )


def load(store: Store, lines: Iterable[object], now: int) -> LoadReport:
    """Loads the lines in batches, each a transaction; see `Register.load_population`."""
    tally = _Tally()
    for batch in sliced(_entries(store, lines, tally), _LINES):
        _load_batch(store, batch, now, tally)
    return tally.report()


def _entries(store: Store, lines: Iterable[object], tally: _Tally) -> Iterator[Entry]:
    for number, raw in enumerate(lines, start=1):
        if raw is None:
            continue
        tally.lines += 1
        line = household_line(raw)
        if isinstance(line, tuple):
            tally.fault(number, *line)
            continue
        external = normalised_hash(store.keys.household, "household", line.household)
        if external[:8] in tally.seen:
            tally.fault(number, "an earlier line is about the same household")
            continue
        tally.seen.add(external[:8])
        yield Entry(line, external, _fingerprint(store, line))


def _fingerprint(store: Store, line: HouseholdLine) -> bytes:
    content = [line.area, line.address, [[member.ids, member.details] for member in line.members]]
    text = orjson.dumps(content, option=orjson.OPT_SORT_KEYS).decode()
    return normalised_hash(store.keys.household, "line", text)


def _load_batch(store: Store, batch: Sequence[Entry], now: int, tally: _Tally) -> None:
    for _ in range(_ATTEMPTS):
        try:
            return _load_once(store, batch, now, tally)
        except LostRace:
            continue
    raise Unreachable(
        f"the identity register at {store.database.address} gave way to other writers {_ATTEMPTS} times",
        "load while no other load runs",
    )


def _load_once(store: Store, batch: Sequence[Entry], now: int, tally: _Tally) -> None:
    with store.database.reading() as connection:
        changes = read_changes(store, connection, batch)
    if changes.entries:
        plan = plan_load(changes, now)
        write(store, changes, plan, now)
        tally.persons += len(plan.links.new_persons)
        tally.doubts += len(plan.links.doubts)
    tally.new += len(changes.entries) - len(changes.stored)
    tally.changed += len(changes.stored)
    tally.unchanged += len(batch) - len(changes.entries)
