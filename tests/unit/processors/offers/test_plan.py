"""Plan, case by case: one household, a hold of 10 days, offers open for 28."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from processors.decisions import BoundEvent
from processors.events import Control, ControlKind
from processors.offers.model import OfferRecord, Reason, Situation, SituationKind, SituationMark, Urgency
from processors.offers.plan import PlanInput, advance
from processors.offers.policy import DAY_MS, ContactPolicy
from processors.offers.state import PartitionState
from processors.pauses import Pause, PauseKind

POLICY = ContactPolicy(open_for_days=28, cool_down_days=30, cap_offers=2, cap_within_days=365)


def matched(match: str, known: int, hold: int = 10, **more: object) -> Situation:
    """A situation known on that day and held for so many."""
    plain = Situation(
        SituationKind.MATCHED, match, "rule", 1, "Title", "p1", "h1", "a1",
        completed_at=known * DAY_MS, known_at=known * DAY_MS, ripe_at=(known + hold) * DAY_MS,
        respond_by=(known + hold + 5) * DAY_MS, services=("s1",), urgency=Urgency.NORMAL, lead="t1",
        explanation=f"because {match}",
    )  # fmt: skip
    return dataclasses.replace(plain, **more)  # type: ignore[arg-type]


def withdrawn(match: str, known: int, **more: object) -> Situation:
    return dataclasses.replace(matched(match, known), kind=SituationKind.WITHDRAWN, **more)  # type: ignore[arg-type]


def control(kind: str, day: int, person: str = "p1") -> Control:
    return Control(ControlKind(kind), person, "h1", "a1", day * DAY_MS)


def mark(day: int, source: int = 0, sources: int = 1) -> SituationMark:
    return SituationMark(source, sources, day * DAY_MS)


def both(match: str) -> Situation:
    """A situation that rests on what two members of the household lived through."""
    lived = [
        BoundEvent(step, step, step, "moved", "agency", 0, 0, person) for step, person in (("a", "p1"), ("b", "p2"))
    ]
    return matched(match, 0, person="p2", events=tuple(lived))


def play(*inputs: PlanInput, policy: ContactPolicy = POLICY) -> list[OfferRecord]:
    return advance(policy, PartitionState(), inputs)[1]


def told(*inputs: PlanInput, policy: ContactPolicy = POLICY) -> list[tuple[int, str, int, str, str, str]]:
    """Records as (day, state, version, reason, matches in it, cause)."""
    return [
        (
            each.at // DAY_MS,
            each.state.value,
            each.version,
            each.reason.value if each.reason else "",
            "+".join(situation.match for situation in each.situations),
            each.cause,
        )
        for each in play(*inputs, policy=policy)
    ]


def test_held_until_ripe() -> None:
    assert told(matched("m", 0), mark(9)) == []
    assert told(matched("m", 0), mark(10)) == [(10, "open", 1, "", "m", "m")]


def test_clock_is_the_minimum_over_all_sources() -> None:
    assert told(matched("m", 0), mark(50, 0, 2)) == []
    assert told(matched("m", 0), mark(50, 0, 2), mark(9, 1, 2)) == []
    assert told(matched("m", 0), mark(50, 0, 2), mark(10, 1, 2)) == [(10, "open", 1, "", "m", "m")]


def test_second_situation_joins_and_offer_lapses() -> None:
    assert told(matched("m", 0), matched("n", 5), mark(100)) == [
        (10, "open", 1, "", "m", "m"),
        (15, "open", 2, "", "m+n", "n"),
        (38, "lapsed", 3, "", "m+n", ""),
    ]


def test_offer_is_led_by_the_first_of_the_most_urgent() -> None:
    records = play(
        matched("a", 0, services=("s1", "s2"), urgency=Urgency.LOW, lead="t1", respond_by=9),
        matched("b", 1, services=("s3", "s1"), urgency=Urgency.HIGH, lead="t2", respond_by=7),
        matched("c", 2, services=("s4",), urgency=Urgency.HIGH, lead="t3", respond_by=8),
        mark(12),
    )
    assert [each.lead for each in records] == ["t1", "t2", "t2"]
    assert records[-1].services == ("s1", "s2", "s3", "s4")
    assert (records[-1].urgency, records[-1].respond_by) == (Urgency.HIGH, 7)
    assert len({each.offer for each in records}) == 1


def test_withdrawn_in_the_hold_is_suppressed_when_it_ends() -> None:
    assert told(matched("m", 0), withdrawn("m", 5), mark(100)) == [(10, "suppressed", 0, "retracted", "m", "m")]


def test_withdrawn_before_it_was_known_leaves_nothing() -> None:
    assert told(matched("m", 5), withdrawn("m", 5), mark(100)) == []


def test_replaced_in_the_hold_is_one_change() -> None:
    assert told(matched("m", 0), withdrawn("m", 5), matched("n", 5, replaces="m"), mark(20)) == [
        (15, "open", 1, "", "n", "n")
    ]


def test_replaced_by_what_never_stood_is_retracted() -> None:
    inputs = [matched("m", 0), withdrawn("m", 5), matched("n", 5, replaces="m"), withdrawn("n", 5)]
    assert told(*inputs, mark(20)) == [(10, "suppressed", 0, "retracted", "m", "m")]


def test_restored_in_the_hold_is_one_change() -> None:
    assert told(matched("m", 0), withdrawn("m", 5), matched("m", 0), mark(20)) == [(10, "open", 1, "", "m", "m")]


def test_withdrawn_as_the_hold_ends_leaves_the_offer() -> None:
    assert told(matched("m", 0), withdrawn("m", 10), mark(20)) == [
        (10, "open", 1, "", "m", "m"),
        (10, "withdrawn", 2, "retracted", "", "m"),
    ]


def test_withdrawn_from_an_offer_of_two_then_of_one() -> None:
    assert told(matched("m", 0), matched("n", 0), withdrawn("m", 12), withdrawn("n", 13), mark(90))[2:] == [
        (12, "open", 3, "", "n", "m"),
        (13, "withdrawn", 4, "retracted", "", "n"),
    ]


def test_withdrawn_offer_counts_as_no_contact() -> None:
    policy = ContactPolicy(28, 30, 1, 365)
    records = told(matched("m", 0), withdrawn("m", 12), matched("n", 13), mark(30), policy=policy)
    assert records[-1] == (23, "open", 1, "", "n", "n")


def test_replaced_in_an_offer_takes_its_place_in_one_version() -> None:
    inputs = [matched("m", 0), matched("o", 1), withdrawn("m", 12), matched("n", 12, replaces="m"), mark(30)]
    assert told(*inputs)[2:] == [(12, "open", 3, "", "n+o", "n")]


def test_replacement_of_old_events_is_not_known_before_the_withdrawal() -> None:
    inputs = [matched("m", 0), mark(11), withdrawn("m", 12), matched("n", 0, replaces="m"), mark(30)]
    assert told(*inputs) == [(10, "open", 1, "", "m", "m"), (12, "open", 2, "", "n", "n")]


def test_opt_out_leaves_and_suppresses_until_opt_in() -> None:
    assert told(
        matched("m", 0),
        control("opt-out", 12),
        matched("n", 5),
        control("opt-in", 20),
        matched("o", 10),
        mark(30),
    ) == [
        (10, "open", 1, "", "m", "m"),
        (12, "withdrawn", 2, "opted-out", "", "m"),
        (15, "suppressed", 0, "opted-out", "n", "n"),
        (20, "open", 1, "", "o", "o"),
    ]


def test_a_word_whose_time_has_come_needs_no_further_mark() -> None:
    """A clock that stands still (every feed silent) must not keep anybody waiting to be left in peace."""
    assert told(matched("m", 0), mark(12), control("opt-out", 11)) == [
        (10, "open", 1, "", "m", "m"),
        (12, "withdrawn", 2, "opted-out", "", "m"),
    ]


def test_opt_out_of_one_leaves_the_others() -> None:
    assert told(matched("m", 0), matched("n", 0, person="p2"), control("opt-out", 12), mark(30))[2:] == [
        (12, "open", 3, "", "n", "m")
    ]


def test_cool_down_then_cap_then_window_slides() -> None:
    inputs = [matched(f"m{day}", day) for day in (0, 40, 90, 180, 376)]
    assert [each[1:4] for each in told(*inputs, mark(400)) if each[5]] == [
        ("open", 1, ""),
        ("suppressed", 0, "cool-down"),
        ("open", 1, ""),
        ("suppressed", 0, "contact-cap"),
        ("open", 1, ""),
    ]


def test_lapse_comes_before_what_ripens_at_that_instant() -> None:
    policy = ContactPolicy(28, 0, 9, 365)
    assert told(matched("m", 0), matched("n", 28), mark(38), policy=policy) == [
        (10, "open", 1, "", "m", "m"),
        (38, "lapsed", 2, "", "m", ""),
        (38, "open", 1, "", "n", "n"),
    ]


def test_what_arrives_late_does_not_rewrite_the_past() -> None:
    late = [matched("m", 0), mark(20), matched("b", 4), matched("a", 3), mark(21)]
    assert told(*late)[1:] == [(20, "open", 2, "", "m+a", "a"), (20, "open", 3, "", "m+a+b", "b")]


def test_repeated_and_unknown_are_ignored_and_counted() -> None:
    state, records = advance(
        POLICY,
        PartitionState(),
        [matched("m", 0), matched("m", 0), mark(12), matched("m", 0), withdrawn("x", 1), mark(13)],
    )
    assert len(records) == 1
    assert state.ignored == {"repeated": 2, "unknown": 1}


def test_moved_to_another_household_in_either_order() -> None:
    moved = matched("m", 12, household="h2")
    for inputs in ([withdrawn("m", 12), moved], [moved, withdrawn("m", 12)]):
        records = play(matched("m", 0), mark(11), *inputs, mark(30))
        assert [(each.household, each.state.value) for each in records] == [
            ("h1", "open"),
            ("h1", "withdrawn"),
            ("h2", "open"),
        ]


def test_closed_offers_and_settled_situations_are_forgotten() -> None:
    state, _ = advance(POLICY, PartitionState(), [matched("m", 0), mark(38 + 365)])
    area = state.areas["a1"]
    assert not area.standings
    assert not area.joined
    assert area.households["h1"].contacts == []


def test_next_offer_has_another_id() -> None:
    records = play(matched("m", 0), matched("n", 100), mark(120))
    assert len({each.offer for each in records if each.version == 1}) == 2
    assert {each.reason for each in records} == {None}
    assert Reason.RETRACTED not in {each.reason for each in records}


def test_opt_out_holds_wherever_the_person_lives() -> None:
    elsewhere = matched("m", 0, area="a2")
    assert told(control("opt-out", 1), elsewhere, mark(10)) == [(10, "suppressed", 0, "opted-out", "m", "m")]


def test_opt_out_closes_offers_of_other_areas() -> None:
    elsewhere = matched("m", 0, area="a2")
    records = told(elsewhere, mark(11), control("opt-out", 12), mark(13))
    assert records[1:] == [(12, "withdrawn", 2, "opted-out", "", "m")]


def test_policy_on_the_log_holds_from_its_place_on() -> None:
    stricter = dataclasses.replace(POLICY, cap_offers=1)
    inputs = (matched("m", 0), mark(10), stricter, matched("n", 80), mark(100))
    live = told(*inputs)
    assert live[-1] == (90, "suppressed", 0, "contact-cap", "n", "n")
    assert told(*inputs, policy=stricter) == live


def test_snapshot_keeps_policy_and_controls() -> None:
    stricter = dataclasses.replace(POLICY, cap_offers=1)
    state, _ = advance(POLICY, PartitionState(), [stricter, control("opt-out", 1), mark(2)])
    assert PartitionState.restore(state.snapshot()) == state


@pytest.mark.parametrize("person", ["p1", "p2"])
def test_the_word_of_anybody_a_situation_is_about_closes_its_offer_and_blocks_the_next(person: str) -> None:
    assert told(both("m"), mark(11), control("opt-out", 12, person), mark(12), both("n"), mark(30)) == [
        (10, "open", 1, "", "m", "m"),
        (12, "withdrawn", 2, "opted-out", "", "m"),
        (12, "suppressed", 0, "opted-out", "n", "n"),
    ]


def test_of_two_situations_only_that_about_whoever_opted_out_leaves() -> None:
    state, records = advance(
        POLICY, PartitionState(), [both("m"), matched("n", 0), mark(11), control("opt-out", 12, "p2")]
    )
    _, after = advance(POLICY, PartitionState.restore(state.snapshot()), [mark(13)])
    assert [each.match for each in [*records, *after][-1].situations] == ["n"]


def test_the_word_of_another_member_closes_and_blocks_what_is_about_the_household() -> None:
    other = dataclasses.replace(control("opt-out", 12, "p9"), household=both("m").household)
    assert told(both("m"), mark(11), other, mark(12), both("n"), mark(30)) == [
        (10, "open", 1, "", "m", "m"),
        (12, "withdrawn", 2, "opted-out", "", "m"),
        (12, "suppressed", 0, "opted-out", "n", "n"),
    ]
    assert told(matched("m", 0), mark(11), other, mark(12)) == [(10, "open", 1, "", "m", "m")]


def rule_paused(is_paused: bool) -> Pause:
    return Pause(PauseKind.RULE, "rule", is_paused, "", "an officer", 0)


def team_paused(is_paused: bool, team: str = "t1") -> Pause:
    return Pause(PauseKind.RECIPIENT, team, is_paused, "", "an officer", 0)


@pytest.mark.parametrize("order", [rule_paused, team_paused])
def test_what_is_paused_waits_when_ripe_and_is_placed_in_order_of_due_time_when_resumed(
    order: Callable[[bool], Pause],
) -> None:
    story = [matched("m", 5), matched("n", 0), order(True), mark(40)]
    assert told(*story) == []
    assert told(*story, order(False)) == []
    assert told(*story, order(False), mark(40)) == [(40, "open", 1, "", "n", "n"), (40, "open", 2, "", "n+m", "m")]


def test_others_go_on_while_one_is_paused() -> None:
    other = matched("n", 0, rule="other", lead="t2", household="h2")
    assert told(matched("m", 0), other, rule_paused(True), mark(10)) == [(10, "open", 1, "", "n", "n")]
    assert told(matched("m", 0), other, team_paused(True, "t2"), mark(10)) == [(10, "open", 1, "", "m", "m")]


def test_an_offer_that_is_open_stays_and_ends_in_its_time() -> None:
    assert told(matched("m", 0), mark(10), rule_paused(True), matched("n", 5), mark(100)) == [
        (10, "open", 1, "", "m", "m"),
        (38, "lapsed", 2, "", "m", ""),
    ]


def test_a_replacement_takes_its_place_in_an_open_offer_even_if_paused() -> None:
    story = [matched("m", 0), mark(10), rule_paused(True), withdrawn("m", 12), matched("n", 12, replaces="m")]
    assert told(*story, mark(30)) == [(10, "open", 1, "", "m", "m"), (12, "open", 2, "", "n", "n")]


def test_what_waits_may_be_withdrawn_or_followed_and_words_are_heeded() -> None:
    waiting = [matched("m", 0), rule_paused(True), mark(20)]
    assert told(*waiting, withdrawn("m", 25), mark(30)) == [(25, "suppressed", 0, "retracted", "m", "m")]
    followed = [withdrawn("m", 25), matched("n", 25, replaces="m")]
    assert told(*waiting, *followed, mark(60)) == []
    assert told(*waiting, *followed, mark(60), rule_paused(False), mark(61)) == [(60, "open", 1, "", "n", "n")]
    assert told(*waiting, withdrawn("m", 0), mark(60)) == []
    assert told(*waiting, control("opt-out", 25), mark(30), rule_paused(False), mark(31)) == [
        (30, "suppressed", 0, "opted-out", "m", "m")
    ]


def test_paused_twice_over_waits_for_both_and_is_counted() -> None:
    state, _ = advance(POLICY, PartitionState(), [matched("m", 0), rule_paused(True), team_paused(True), mark(20)])
    assert (state.held, state.waiting) == (0, 1)
    state, records = advance(POLICY, state, [rule_paused(False), mark(21)])
    assert (state.waiting, records) == (1, [])
    state, records = advance(POLICY, state, [team_paused(False), mark(22)])
    assert (state.waiting, len(records)) == (0, 1)
