"""Plan under anything: any chunking, interleaving, repetition, withdrawal, replacement, opt-out."""

from __future__ import annotations

import dataclasses
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processors.decisions import BoundEvent
from processors.events import Control, ControlKind
from processors.offers.actions import ActionKind, OfferAction, OutcomeCode, action_id
from processors.offers.model import (
    OfferRecord,
    OfferState,
    Reason,
    Situation,
    SituationKind,
    SituationMark,
    Urgency,
)
from processors.offers.plan import PlanInput, advance
from processors.offers.policy import DAY_MS, ContactPolicy
from processors.offers.state import PartitionState
from processors.pauses import Pause, PauseKind

patient = settings(deadline=None)
"""A busy machine is no fault of plan's."""

policies = st.builds(
    ContactPolicy,
    open_for_days=st.integers(1, 12),
    cool_down_days=st.integers(0, 12),
    cap_offers=st.integers(1, 3),
    cap_within_days=st.integers(1, 60),
)


def situation(kind: SituationKind, match: str, where: int, *, known: int, hold: int, replaces: str | None) -> Situation:
    """About one person of the household, or about both."""
    household = f"h{where}"
    bound = BoundEvent("step1", match, match, "moved", "agency", 0, 0)
    events = tuple(dataclasses.replace(bound, person=f"p{where}-{n}") for n in range(2 if known % 3 == 0 else 0))
    return Situation(
        kind, match, "rule", 1, "Title", f"p{where}-{len(match) % 2}", household, f"a{where % 2}",
        completed_at=known * DAY_MS, known_at=known * DAY_MS, ripe_at=(known + hold) * DAY_MS,
        respond_by=(known + hold) * DAY_MS, replaces=replaces, services=(f"s{known % 3}",),
        urgency=list(Urgency)[known % 3], lead=f"t{known % 2}", explanation=match, events=events,
    )  # fmt: skip


@st.composite
def stories(draw: st.DrawFn, where: int = 0) -> list[Situation | Control]:
    """What correlate may say of one household, in the order in which it says it (known_at ascending)."""
    lines: list[Situation | Control] = []
    live: list[str] = []
    day = 0
    for number in range(draw(st.integers(1, 12))):
        day += draw(st.integers(0, 9))
        what = draw(st.sampled_from(["match", "match", "match", "withdraw", "replace", "restore", "opt-out", "opt-in"]))
        hold = draw(st.integers(0, 10))
        if what in {"opt-out", "opt-in"}:
            person = f"p{where}-{draw(st.integers(0, 1))}"
            lines.append(Control(ControlKind(what), person, f"h{where}", f"a{where % 2}", day * DAY_MS))
            continue
        match = f"{where}-{number}" + "x" * draw(st.integers(0, 1))
        old = draw(st.sampled_from(live)) if live and what != "match" else None
        if old is not None:
            lines.append(situation(SituationKind.WITHDRAWN, old, where, known=day, hold=0, replaces=None))
            live.remove(old)
        if old is not None and what == "restore":
            lines.append(situation(SituationKind.MATCHED, old, where, known=day, hold=hold, replaces=None))
            live.append(old)
        elif old is None or what == "replace":
            lines.append(situation(SituationKind.MATCHED, match, where, known=day, hold=hold, replaces=old))
            live.append(match)
    return lines


def pause(of: str, is_paused: bool) -> Pause:
    """Every situation here is of the rule `rule`, and led by `t0` or `t1`."""
    kind = PauseKind.RULE if of == "rule" else PauseKind.RECIPIENT
    return Pause(kind, of, is_paused, "a trial", "an officer", 0)


def known(line: Situation | Control) -> int:
    return line.at if isinstance(line, Control) else line.known_at


def in_time(lines: Iterable[Situation | Control], every: int = 1) -> list[PlanInput]:
    """One source saying those lines, with a mark of the day before each of them and one at the end."""
    inputs: list[PlanInput] = []
    for number, line in enumerate(sorted(lines, key=known)):
        if number % every == 0:
            inputs.append(SituationMark(0, 1, known(line) - 1))
        inputs.append(line)
    return [*inputs, SituationMark(0, 1, 1000 * DAY_MS)]


def play(policy: ContactPolicy, inputs: Sequence[PlanInput]) -> list[OfferRecord]:
    return advance(policy, PartitionState(), inputs)[1]


def by_household(records: Iterable[OfferRecord]) -> dict[str, list[OfferRecord]]:
    found: dict[str, list[OfferRecord]] = defaultdict(list)
    for record in records:
        found[record.household].append(record)
    return found


def acted(offer: str, version: int, household: str, what: ActionKind | OutcomeCode, by: str) -> OfferAction:
    """Somebody acts on a version of an offer; an outcome closes it."""
    is_end = isinstance(what, OutcomeCode)
    return OfferAction(
        action_id(offer, version), offer, version, household, f"a{int(household[1:]) % 2}",
        ActionKind.CLOSED if is_end else ActionKind(what), OutcomeCode(what) if is_end else None, by, f"t-{by}", 0,
    )  # fmt: skip


@st.composite
def worked_on(draw: st.DrawFn) -> tuple[ContactPolicy, list[PlanInput]]:
    """Stories of two households, with workers who act on the offers there are, now and then on an older version."""
    policy, state, inputs = draw(policies), PartitionState(), []
    for item in in_time([*draw(stories(0)), *draw(stories(1))]):
        inputs.append(item)
        state, _ = advance(policy, state, [item])
        for _ in range(draw(st.integers(0, 3)) if isinstance(item, SituationMark) else 0):
            live = sorted((name, each.offer) for area in state.areas.values() for name, each in area.households.items()
                          if each.offer)  # fmt: skip
            if not live:
                break
            name, offer = draw(st.sampled_from(live))
            what = draw(st.sampled_from([ActionKind.TAKEN, ActionKind.TAKEN, ActionKind.CONTACTED, *OutcomeCode]))
            version = offer.version + draw(st.sampled_from([0, 0, 0, 0, -1]))
            inputs.append(acted(offer.id, version, name, what, draw(st.sampled_from(["anna", "ben"]))))
            state, _ = advance(policy, state, inputs[-1:])
    return policy, inputs


anything = st.lists(
    st.one_of(
        st.builds(
            situation,
            st.sampled_from(SituationKind),
            st.sampled_from(["m", "nx", "o", "px"]),
            st.integers(0, 2),
            known=st.integers(0, 40),
            hold=st.integers(0, 10),
            replaces=st.sampled_from([None, "m", "nx"]),
        ),
        st.builds(
            lambda kind, where, day: Control(kind, f"p{where}-1", f"h{where}", f"a{where % 2}", day * DAY_MS),
            st.sampled_from(ControlKind),
            st.integers(0, 2),
            st.integers(0, 40),
        ),
        st.builds(lambda source, day: SituationMark(source, 2, day * DAY_MS), st.integers(0, 1), st.integers(0, 90)),
        st.sampled_from([pause(of, on) for of in ("rule", "t0", "t1") for on in (True, False)]),
    ),
    max_size=40,
)


@patient
@given(worked_on(), st.data())
def test_workers_acts_keep_every_limit_and_any_chunking_restart_or_repetition_gives_the_same(
    story: tuple[ContactPolicy, list[PlanInput]], data: st.DataObject
) -> None:
    policy, inputs = story
    whole, records = advance(policy, PartitionState(), inputs)
    for of_household in by_household(records).values():
        _check_limits(policy, of_household)
        _check_versions(of_household)
        _check_who_has_it(of_household)
    cut = data.draw(st.integers(0, len(inputs)))
    state, before = advance(policy, PartitionState(), inputs[:cut])
    state, after = advance(policy, PartitionState.restore(json.loads(json.dumps(state.snapshot()))), inputs[cut:])
    assert ([*before, *after], state.snapshot()) == (records, whole.snapshot())
    told_again = [item for item in inputs[:cut] if isinstance(item, OfferAction)]
    assert play(policy, [*inputs[:cut], *told_again, *inputs[cut:]]) == records


def test_stories_with_workers_reach_every_state() -> None:
    """Were the generator to miss one, what is checked of it could not fail."""
    missing = set(OfferState)

    @settings(max_examples=300, database=None, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
    @given(worked_on())
    def look(story: tuple[ContactPolicy, list[PlanInput]]) -> None:
        missing.difference_update(each.state for each in play(*story))

    look()
    assert missing == set()


def _check_who_has_it(records: list[OfferRecord]) -> None:
    """Whoever took an offer stays its contact, and their team its lead, until somebody else acts."""
    had: dict[str, tuple[str, str]] = {}
    for record in records:
        if record.contact and not record.action:
            assert (record.lead, record.contact) == had[record.offer]
        if record.contact:
            had[record.offer] = record.lead, record.contact


@patient
@given(policies, anything, st.data())
def test_any_chunking_and_restart_gives_the_same(
    policy: ContactPolicy, inputs: list[PlanInput], data: st.DataObject
) -> None:
    whole, expected = advance(policy, PartitionState(), inputs)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(inputs)), max_size=5)))
    state, records = PartitionState(), []
    for start, end in pairwise([0, *cuts, len(inputs)]):
        state = PartitionState.restore(json.loads(json.dumps(state.snapshot())))
        state, more = advance(policy, state, inputs[start:end])
        records += more
    assert records == expected
    assert state.snapshot() == whole.snapshot()


@patient
@given(policies, anything)
def test_limits_hold_whatever_arrives(policy: ContactPolicy, inputs: list[PlanInput]) -> None:
    for records in by_household(play(policy, inputs)).values():
        _check_limits(policy, records)
        _check_versions(records)


HAD = {OfferState.TAKEN, OfferState.CONTACTED}
ENDED = {OfferState.CLOSED, OfferState.WITHDRAWN}


def _check_versions(records: list[OfferRecord]) -> None:
    assert [each.at for each in records] == sorted(each.at for each in records)
    versions: dict[str, list[int]] = defaultdict(list)
    for record in records:
        versions[record.offer].append(record.version)
    versions.pop("", None)
    assert all(each == list(range(1, len(each) + 1)) for each in versions.values())


def _check_limits(policy: ContactPolicy, records: list[OfferRecord]) -> None:
    current: str | None = None
    before = OfferState.OPEN
    contacts: list[int] = []
    quiet_until = -1
    for record in records:
        if record.state is OfferState.SUPPRESSED:
            continue
        assert current in {None, record.offer}, "two live offers in one household"
        current = record.offer if record.state.is_live else None
        if record.version == 1:
            assert record.at >= quiet_until
            assert sum(each > record.at - policy.cap_within_ms for each in contacts) < policy.cap_offers
        if record.state is OfferState.OPEN:
            assert record.opened_at <= record.at < record.closes_at
            assert record.situations
        assert (record.contact != "") == (record.state in HAD or (record.state in ENDED and before in HAD))
        is_reached = before is OfferState.CONTACTED
        if record.state is OfferState.LAPSED:
            assert record.at >= record.closes_at
            assert before is OfferState.OPEN, "somebody had it"
            contacts.append(record.opened_at)
            quiet_until = record.closes_at + policy.cool_down_ms
        elif record.state in ENDED and (is_reached or record.outcome not in {None, OutcomeCode.WRONG_FACTS}):
            contacts.append(record.at)
            quiet_until = record.at + policy.cool_down_ms
        before = record.state


@patient
@given(policies, stories(), st.integers(1, 4))
def test_every_match_has_one_fate(policy: ContactPolicy, story: list[Situation | Control], every: int) -> None:
    """Matches never taken back nor restored: one record each; the others at most one per coming."""
    records = play(policy, in_time(story, every))
    _check_fates(story, records)


def _check_fates(story: list[Situation | Control], records: list[OfferRecord]) -> None:
    comings = [each.match for each in story if isinstance(each, Situation) and each.kind is SituationKind.MATCHED]
    withdrawn = {each.match for each in story if isinstance(each, Situation) and each.kind is SituationKind.WITHDRAWN}
    seen: set[str] = set()
    fates: dict[str, int] = defaultdict(int)
    for record in records:
        present = {each.match for each in record.situations}
        is_news = record.state is OfferState.SUPPRESSED or record.cause in present - seen
        if record.state is not OfferState.SUPPRESSED:
            seen = present if record.state is OfferState.OPEN else set()
        fates[record.cause] += record.cause != "" and is_news
    for match in set(comings):
        assert fates[match] <= comings.count(match)
        if match not in withdrawn:
            assert fates[match] == 1


@patient
@given(policies, stories(0), stories(1), stories(2), st.integers(1, 4))
def test_neither_households_nor_areas_touch_each_other(
    policy: ContactPolicy,
    one: list[Situation | Control],
    two: list[Situation | Control],
    three: list[Situation | Control],
    every: int,
) -> None:
    together = by_household(play(policy, in_time([*one, *two, *three], every)))
    for household, story in (("h0", one), ("h1", two), ("h2", three)):
        assert together.get(household, []) == play(policy, in_time(story))


@patient
@given(policies, stories(0), stories(1), st.data())
def test_how_sources_interleave_does_not_matter(
    policy: ContactPolicy, one: list[Situation | Control], two: list[Situation | Control], data: st.DataObject
) -> None:
    streams = [[_of_source(each, source) for each in in_time(story)] for source, story in enumerate((one, two))]
    expected = play(policy, [*streams[0], *streams[1]])
    mixed: list[PlanInput] = []
    while streams[0] or streams[1]:
        source = data.draw(st.sampled_from([each for each in (0, 1) if streams[each]]))
        mixed.append(streams[source].pop(0))
    assert play(policy, mixed) == expected


def _of_source(item: PlanInput, source: int) -> PlanInput:
    return (
        dataclasses.replace(item, source_partition=source, source_partitions=2)
        if isinstance(item, SituationMark)
        else item
    )


@patient
@given(policies, stories(), st.integers(1, 4))
def test_redelivery_tells_nothing_new(policy: ContactPolicy, story: list[Situation | Control], every: int) -> None:
    inputs = in_time(story, every)
    records = play(policy, inputs)
    assert records == play(policy, [each for item in inputs for each in (item, item)])


@patient
@given(policies, stories())
def test_marks_in_any_rhythm_give_the_same(policy: ContactPolicy, story: list[Situation | Control]) -> None:
    assert play(policy, in_time(story)) == play(policy, in_time(story, every=1000))


@patient
@given(policies, stories())
def test_nobody_is_offered_anything_while_opted_out(policy: ContactPolicy, story: list[Situation | Control]) -> None:
    """Seen at the end of each instant; of a yes and a no at one instant the no counts."""
    words = [each for each in story if isinstance(each, Control)]
    records = play(policy, in_time(story))
    for record in {(each.offer, each.at): each for each in records}.values():
        for offered in record.situations if record.state is OfferState.OPEN else ():
            for person in offered.persons:
                said = [(each.at, each.kind) for each in words if each.person == person and each.at <= record.at]
                assert not said or max(said)[1] is ControlKind.OPT_IN
    for record in records:
        if record.reason is Reason.OPTED_OUT:
            assert any(each.at <= record.at for each in words)


@patient
@given(policies, stories(), st.integers(0, 60), st.sampled_from(["rule", "t0", "t1"]))
def test_a_pause_only_delays_and_nothing_is_lost(
    policy: ContactPolicy, story: list[Situation | Control], day: int, of: str
) -> None:
    """Held from the beginning to the end of a day: no offer of it meanwhile, and every match has its fate."""
    inputs = in_time(story)
    over = next((n for n, each in enumerate(inputs) if isinstance(each, SituationMark) and each.now >= day * DAY_MS), 0)
    state, before = advance(policy, PartitionState(), [pause(of, True), *inputs[:over]])
    for record in before:
        for each in record.situations if record.state is OfferState.OPEN else ():
            assert of != "rule", each
    opened = {each.offer: each for each in before if each.version == 1}
    assert all(each.lead != of for each in opened.values())
    state, after = advance(policy, state, [pause(of, False), *inputs[over:]])
    assert state.waiting == 0
    for records in by_household([*before, *after]).values():
        _check_limits(policy, records)
        _check_versions(records)
    _check_fates(story, [*before, *after])


@patient
@given(policies, stories(), stories(1))
def test_a_pause_that_ends_before_anything_is_ripe_changes_nothing(
    policy: ContactPolicy, one: list[Situation | Control], two: list[Situation | Control]
) -> None:
    inputs = in_time([*one, *two])
    assert play(policy, [pause("rule", True), pause("rule", False), *inputs]) == play(policy, inputs)
    assert play(policy, [pause("nobody", True), *inputs]) == play(policy, inputs)
