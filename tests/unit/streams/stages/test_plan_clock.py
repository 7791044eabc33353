"""Plan puts the platform's clock on its own input when something is due, and now and then; there it takes effect."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from processors.offers.actions import ActionKind, OfferAction, OutcomeCode
from processors.offers.model import OfferRecord, Situation, SituationKind, SituationMark
from processors.offers.policy import DAY_MS, ContactPolicy
from schemas.codec import Value, internal_codec
from schemas.registry import FolderRegistry
from streams import topics
from streams.kafka.records import Record
from streams.kafka.transactions import Outgoing
from streams.stages import plan
from streams.stages.plan import MARK_EVERY_S, PlanContext, PlanTask
from streams.state.store import MemoryStore

CODEC = internal_codec(FolderRegistry())
FOUND = Situation(
    SituationKind.MATCHED, "m1", "rent", 1, "", "p1", "h1", "north", 100, known_at=100, ripe_at=150, lead="social-work"
)


class Rig:
    """A plan task, its log, and the two clocks it looks at."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.clock: int | None = None
        self.seconds = 1000.0
        self.log: list[Outgoing] = []
        self.offers: list[OfferRecord] = []
        self._read = 0
        patch.setattr(plan, "time", SimpleNamespace(monotonic=lambda: self.seconds))
        self.asked = 0
        self.restarts(ContactPolicy())
        self._take(self.task.tick(is_idle=False))  # the limits

    def restarts(self, policy: ContactPolicy) -> None:
        """A plan without memory, before its log."""
        self.task = PlanTask(0, PlanContext("", CODEC, policy, lambda *_: MemoryStore(), self._now))
        self._read = 0

    def _now(self) -> int | None:
        self.asked += 1
        return self.clock

    def says(self, *values: Value) -> None:
        """Somebody writes on plan's input."""
        self.log += [Outgoing(topics.SITUATIONS, 0, b"k", CODEC.encode(value)) for value in values]

    def reads(self, most: int | None = None) -> None:
        """Plan works on what it has not seen, or on so much of it, in one piece."""
        fresh = self.log[self._read :][:most]
        records = [Record(out.topic, 0, self._read + n, 0, out.key, out.value) for n, out in enumerate(fresh)]
        self._read += len(fresh)
        self._take(self.task.process(records).outgoing)

    def ticks(self) -> None:
        """Time passes for plan."""
        self._take(self.task.tick(is_idle=False))

    @property
    def marks(self) -> list[int]:
        """Plan's marks on its log."""
        values = (CODEC.decode(out.value) for out in self.log)
        return [value.now for value in values if isinstance(value, SituationMark)]

    def _take(self, outgoing: list[Outgoing]) -> None:
        values = [CODEC.decode(out.value) for out in outgoing]
        self.log += [out for out in outgoing if out.topic == topics.SITUATIONS]
        self.offers += [value for value in values if isinstance(value, OfferRecord)]


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    return Rig(monkeypatch)


def begun(rig: Rig, at: int) -> None:
    rig.clock = at
    rig.ticks()
    rig.reads()
    assert rig.marks == [at]


def found(rig: Rig, at: int) -> None:
    """Plan has read of a situation at that time."""
    begun(rig, at)
    rig.says(FOUND)
    rig.reads()


def test_without_a_clock_nothing_is_told(rig: Rig) -> None:
    rig.says(FOUND)
    rig.reads()
    rig.ticks()
    assert rig.marks == []


def test_what_becomes_due_is_told_at_once_and_happens_where_that_stands(rig: Rig) -> None:
    found(rig, 90)
    rig.clock = 149
    rig.ticks()
    assert rig.marks == [90], "nothing is due yet"
    rig.clock = 150
    rig.ticks()
    assert rig.marks == [90, 150]
    assert rig.offers == [], "it happens when the mark is read, in order with what others wrote meanwhile"
    rig.reads()
    assert [offer.at for offer in rig.offers] == [150]


def test_while_a_mark_is_on_its_way_no_other_is_told(rig: Rig) -> None:
    found(rig, 90)
    for rig.clock in (150, 151, 152):
        rig.ticks()
        rig.seconds += MARK_EVERY_S
    assert rig.marks == [90, 150]


def test_what_comes_late_happens_though_the_clock_stands(rig: Rig) -> None:
    found(rig, 500)
    rig.reads()
    assert rig.marks == [500, 500]
    assert [offer.at for offer in rig.offers] == [500]
    rig.ticks()
    assert rig.marks == [500, 500], "once is enough"


def test_while_the_mark_for_what_comes_late_is_on_its_way_no_other_is_told(rig: Rig) -> None:
    found(rig, 500)
    for _ in range(3):
        rig.ticks()
    assert rig.marks == [500, 500]


@pytest.mark.parametrize("clock", [None, 300])
def test_what_comes_late_happens_though_the_followed_clock_is_behind_the_log(rig: Rig, clock: int | None) -> None:
    """Others tell plan the time as well, and a worker that has just started has heard nobody yet."""
    begun(rig, 500)
    rig.clock = clock
    rig.says(FOUND)
    rig.reads()
    rig.reads()
    assert [offer.at for offer in rig.offers] == [500]


def test_an_act_happens_at_the_time_told_before_it_though_plan_was_down(rig: Rig) -> None:
    """The household's rest begins when the worker ended the contact, not when plan was last at work."""
    found(rig, 90)
    rig.clock = 150
    rig.ticks()
    rig.reads()
    (opened,) = rig.offers
    taken, closed = (
        OfferAction(f"a{version}", opened.offer, version, opened.household, opened.area, kind, outcome, "anna", "t", at)
        for version, kind, outcome, at in (
            (1, ActionKind.TAKEN, None, 200),
            (2, ActionKind.CLOSED, OutcomeCode.DECLINED, 300),
        )
    )
    rig.says(SituationMark(0, 1, 200), taken, SituationMark(0, 1, 300), closed)
    rig.reads()
    assert [offer.at for offer in rig.offers] == [150, 200, 300]


def test_new_limits_do_not_hold_for_what_was_due_before_them(rig: Rig) -> None:
    """Plan is started anew with an offer's time cut to a day; what was due by then is open for four weeks."""
    begun(rig, 90)
    rig.says(FOUND)
    rig.clock = 150
    rig.restarts(ContactPolicy(open_for_days=1))
    rig.reads()
    rig.reads()
    assert [offer.closes_at for offer in rig.offers] == [150 + 28 * DAY_MS]


def test_the_clock_is_looked_at_also_while_a_mark_is_on_its_way(rig: Rig) -> None:
    """For hours perhaps, when plan is far behind; a clock that is not looked at would be taken for one that hangs."""
    begun(rig, 90)
    rig.clock = 100
    rig.seconds += MARK_EVERY_S
    rig.ticks()
    before = rig.asked
    rig.ticks()
    rig.says(FOUND)
    rig.reads()
    assert rig.asked >= before + 2


def test_others_older_marks_are_not_the_one_on_its_way(rig: Rig) -> None:
    """Behind, plan reads marks that were told long ago: each of them would bring one more of today."""
    begun(rig, 90)
    rig.says(FOUND, *(SituationMark(0, 1, now) for now in (100, 110, 120)))
    rig.clock = 500
    rig.ticks()
    rig.seconds += MARK_EVERY_S
    rig.ticks()
    rig.reads(4)
    rig.ticks()
    assert rig.marks.count(500) == 1
    rig.reads()
    assert [offer.at for offer in rig.offers] == [150]


def test_time_that_passes_without_anything_due_is_told_now_and_then(rig: Rig) -> None:
    begun(rig, 90)
    rig.clock = 95
    rig.ticks()
    assert rig.marks == [90]
    rig.seconds += MARK_EVERY_S
    rig.ticks()
    rig.reads()
    assert rig.marks == [90, 95]
    rig.seconds += MARK_EVERY_S
    rig.ticks()
    assert rig.marks == [90, 95], "the clock stands"


def test_a_log_from_before_plan_told_itself_the_time_goes_on(rig: Rig) -> None:
    """There each partition of correlate and households told its clock; none of them is waited for any more."""
    rig.says(*(SituationMark(source, 4, now) for source, now in enumerate((100, 90, 95, 99))))
    rig.reads()
    rig.says(replace(FOUND, ripe_at=120))
    rig.reads()
    rig.clock = 120
    rig.ticks()
    rig.reads()
    assert [offer.at for offer in rig.offers] == [120]
