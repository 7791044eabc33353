"""Subjects in memory and in a store are the same as subjects in a mapping, whatever is written and forgotten when."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from processors.events import LifeEvent
from processors.timeline import EMPTY, Timeline, apply
from streams.state.held import Held, pack_held, unpack_held
from streams.state.store import MemoryStore
from streams.state.subjects import HORIZON_MS, Subjects

NAMES = st.sampled_from(["ann", "bob", "cy", "di"])
TIMES = st.integers(0, 40).map(lambda n: n * HORIZON_MS // 8)


def line(number: int) -> LifeEvent:
    return LifeEvent(f"e{number}", "job_lost", "p", "h", "a", "x", "x.y", number, number, number)


def subjects(store: MemoryStore, most_in_memory: int = 2) -> Subjects:
    return Subjects(store, lambda _: EMPTY, most_in_memory)


class Machine(RuleBasedStateMachine):
    """Random use; what was not written is lost with a restart, as for a task that is killed."""

    def __init__(self) -> None:
        super().__init__()
        self.store = MemoryStore()
        self.subjects = subjects(self.store)
        self.model: dict[str, tuple[Timeline, int | None]] = {}
        self.written: dict[str, tuple[Timeline, int | None]] = {}
        self.due: set[str] = set()
        self.now, self.number = 0, 0

    @rule(name=NAMES)
    def hear(self, name: str) -> None:
        held = self.subjects.of(name)
        self.number += 1
        held.timeline, _ = apply(held.timeline, line(self.number))
        self.subjects.change(name)
        self.model[name] = (held.timeline, self.model.get(name, (EMPTY, None))[1])

    @rule(name=NAMES, at=st.none() | TIMES)
    def wake(self, name: str, at: int | None) -> None:
        if name in self.model:
            timeline, noted = self.model[name]
            self.subjects.wake(name, self.subjects.of(name), at)
            self.model[name] = (timeline, at)
            if at != noted:
                self.due.add(name)

    @rule(name=NAMES)
    def forget(self, name: str) -> None:
        self.subjects.forget(name)
        self.model.pop(name, None)

    @rule()
    def write(self) -> None:
        self.subjects.write({})
        self.written = dict(self.model)

    @precondition(lambda self: self.written)
    @rule()
    def restart(self) -> None:
        self.subjects = subjects(self.store)
        assert self.subjects.meta() is not None
        self.model, self.due = dict(self.written), set(self.written)

    @rule(now=TIMES)
    def pass_time(self, now: int) -> None:
        self.now = max(now, self.now)
        expected = {name for name in self.due if self.is_due(name)}
        found = []
        while (name := self.subjects.next_due(self.now)) is not None:
            found.append(name)
        assert expected <= set(found) <= {name for name in self.model if self.is_due(name)}
        first_looks = [self.model[name][1] for name in dict.fromkeys(found)]
        assert first_looks == sorted(first_looks), "not in order of time"
        self.due -= expected

    def is_due(self, name: str) -> bool:
        at = self.model[name][1] if name in self.model else None
        return at is not None and at <= self.now

    @invariant()
    def same_as_a_mapping(self) -> None:
        for name in ("ann", "bob", "cy", "di"):
            held = self.subjects.of(name)
            assert (held.timeline, held.wake_at) == self.model.get(name, (EMPTY, None))

    @invariant()
    def counted(self) -> None:
        if self.subjects.changes == 0:
            assert self.subjects.count == len(self.model)


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_a_million_who_wait_are_not_in_memory() -> None:
    store = MemoryStore()
    first = subjects(store)
    for number in range(2_000):
        held = first.of(f"p{number}")
        held.timeline, _ = apply(held.timeline, line(number))
        first.wake(f"p{number}", held, (2 + number) * HORIZON_MS)
    first.write({})
    assert first.next_due(1 * HORIZON_MS) is None
    assert len(first._held) <= 2
    assert len(first._soon) <= 1
    assert not first._later
    assert first.next_due(3 * HORIZON_MS) == "p0"


def test_held_as_bytes_and_back() -> None:
    timeline, _ = apply(EMPTY, line(1))
    for held in (
        Held(timeline),
        Held(timeline, wake_at=-5, agenda={}, kept_wake_at=-5, is_kept=True),
        Held(EMPTY, wake_at=0, agenda={"a-rule": 7}, kept_wake_at=0, is_kept=True),
    ):
        again = unpack_held(pack_held(held))
        assert (again.timeline, again.ledger, again.wake_at, again.agenda) == (
            held.timeline,
            held.ledger,
            held.wake_at,
            held.agenda,
        )
        assert again.is_kept


def test_a_start_cut_short_counts_nobody_twice_nor_leaves_anybody_out() -> None:
    store = MemoryStore()
    first = subjects(store)
    first.write({})
    for _ in range(2):
        cut_short = subjects(store)
        assert cut_short.meta() == {}
        for name in ("ann", "bob"):
            held = cut_short.of(name)
            held.timeline, _ = apply(held.timeline, line(1))
            cut_short.change(name)
        cut_short.write(None)
        assert cut_short.count == 2


def test_being_reminded_again_and_again_of_one_time_costs_as_much_as_once() -> None:
    kept = subjects(MemoryStore())
    held = kept.of("ann")
    held.timeline, _ = apply(held.timeline, line(1))
    kept.wake("ann", held, 0)
    assert kept.next_due(1) == "ann"
    for _ in range(3):
        kept.remind(5, "ann")
    assert kept.next_due(5) == "ann"
    assert kept.next_due(5) is None
    kept.remind(5, "ann")
    assert kept.next_due(5) == "ann", "reminded of later, looked at again"


def test_whoever_is_put_off_comes_when_it_is_their_turn() -> None:
    kept = subjects(MemoryStore())
    for name, at in (("bob", 0), ("ann", 1), ("bob", 2)):
        held = kept.of(name)
        held.timeline, _ = apply(held.timeline, line(1))
        kept.wake(name, held, at)
    assert [kept.next_due(2) for _ in range(3)] == ["ann", "bob", None]
