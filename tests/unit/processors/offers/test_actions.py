"""What duty teams do with offers, case by case; the household of `test_plan`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from processors.events import Control, ControlKind
from processors.offers.actions import ActionKind, OfferAction, OutcomeCode, action_id
from processors.offers.model import OfferRecord, OfferState, Urgency, offer_id
from processors.offers.plan import PlanInput, advance
from processors.offers.policy import DAY_MS, ContactPolicy
from processors.offers.state import PartitionState
from tests.unit.processors.offers.test_plan import POLICY, mark, matched, play, withdrawn

FIRST, SECOND = offer_id("h1", 1), offer_id("h1", 2)


def action(
    kind: str, version: int, outcome: str | None = None, *, by: str = "anna", team: str = "t1", offer: str = FIRST
) -> OfferAction:
    code = OutcomeCode(outcome) if outcome else None
    return OfferAction(
        action_id(offer, version), offer, version, "h1", "a1", ActionKind(kind), code, by, team, 0, ()
    )  # fmt: skip


def told(*inputs: PlanInput, policy: ContactPolicy = POLICY) -> list[tuple[int, str, int, str]]:
    """Records as (day, state, version, contact or reason)."""
    return [
        (each.at // DAY_MS, each.state.value, each.version, each.contact if not each.reason else each.reason.value)
        for each in play(*inputs, policy=policy)
    ]


TAKEN = [matched("m", 0), mark(10), action("taken", 1)]
CONTACTED = [*TAKEN, action("contacted", 2)]


def closed(outcome: str) -> list[PlanInput]:
    """Opened on day 10, taken and contacted, ended on day 12."""
    return [*CONTACTED, mark(12), action("closed", 3, outcome)]


def test_taken_contacted_closed_where_they_stand_on_the_log() -> None:
    assert told(*closed("help-started")) == [
        (10, "open", 1, ""),
        (10, "taken", 2, "anna"),
        (10, "contacted", 3, "anna"),
        (12, "closed", 4, "anna"),
    ]


def test_each_answer_names_its_action_and_the_end_its_outcome() -> None:
    records = play(*closed("declined"))
    assert [each.action for each in records] == ["", *(action_id(FIRST, version) for version in (1, 2, 3))]
    assert [each.outcome for each in records] == [None, None, None, OutcomeCode.DECLINED]
    assert [each.match for each in records[-1].situations] == ["m"]


@pytest.mark.parametrize(
    "refused",
    [
        action("contacted", 1),
        action("closed", 1, "no-need"),
        action("taken", 2),
        action("taken", 0),
        action("taken", 1, offer=SECOND),
        action("taken", 1, offer="unknown"),
    ],
    ids=lambda each: f"{each.kind} {each.version} {each.offer[:4]}",
)
def test_on_another_version_or_out_of_order_changes_nothing(refused: OfferAction) -> None:
    state, records = advance(POLICY, PartitionState(), [matched("m", 0), mark(10), refused, mark(11)])
    assert [each.state for each in records] == [OfferState.OPEN]
    assert state.ignored == {"refused": 1}


def test_told_twice_happens_once() -> None:
    state, records = advance(POLICY, PartitionState(), [*TAKEN, action("taken", 1), mark(11)])
    assert [each.state for each in records] == [OfferState.OPEN, OfferState.TAKEN]
    assert state.ignored == {"refused": 1}


def test_of_two_who_take_one_version_the_first_has_it() -> None:
    assert told(*TAKEN, action("taken", 1, by="ben")) == [(10, "open", 1, ""), (10, "taken", 2, "anna")]


def test_a_colleague_takes_over_and_a_contacted_household_stays_contacted() -> None:
    assert told(*CONTACTED, action("taken", 3, by="ben"))[-1] == (10, "contacted", 4, "ben")


def test_nobody_elses_offer_lapses_but_a_taken_one_does_not() -> None:
    assert told(matched("m", 0), mark(10), mark(100))[-1] == (38, "lapsed", 2, "")
    assert told(*TAKEN, mark(100))[-1] == (10, "taken", 2, "anna")


def test_an_act_at_the_instant_of_the_lapse_comes_too_late() -> None:
    assert told(matched("m", 0), mark(38), action("taken", 1))[-1] == (38, "lapsed", 2, "")


def test_what_happens_to_the_household_meanwhile_joins_the_contact_who_has_it() -> None:
    urgent = matched("n", 5, urgency=Urgency.HIGH, lead="t2")
    last = play(*TAKEN, urgent, mark(20))[-1]
    assert (last.state, last.contact, last.lead, last.urgency) == (OfferState.TAKEN, "anna", "t1", Urgency.HIGH)
    assert [each.match for each in last.situations] == ["m", "n"]


def test_taken_back_before_contact_it_is_withdrawn_and_counts_as_none() -> None:
    assert told(*TAKEN, withdrawn("m", 12), mark(12), matched("n", 13, hold=0), mark(13))[-2:] == [
        (12, "withdrawn", 3, "retracted"),
        (13, "open", 1, ""),
    ]


def test_taken_back_after_contact_it_counts_toward_the_cap() -> None:
    once = ContactPolicy(28, 0, 1, 365)
    records = told(*CONTACTED, withdrawn("m", 12), mark(12), matched("n", 13, hold=0), mark(13), policy=once)
    assert records[-2:] == [(12, "withdrawn", 4, "retracted"), (13, "suppressed", 0, "contact-cap")]


def test_taken_back_after_contact_the_household_is_left_in_peace() -> None:
    later = [matched("n", 13, hold=0), matched("o", 42, hold=0), mark(42)]
    assert told(*CONTACTED, withdrawn("m", 12), mark(12), *later)[-2:] == [
        (13, "suppressed", 0, "cool-down"),
        (42, "open", 1, ""),
    ]


def test_a_contact_counts_from_when_it_was_made_however_long_the_offer_was_held() -> None:
    once = ContactPolicy(28, 0, 1, 30)
    held = [*TAKEN, mark(100), action("contacted", 2), mark(101), action("closed", 3, "declined")]
    later = [matched("n", 101, hold=0), matched("o", 131, hold=0), mark(131)]
    assert told(*held, *later, policy=once)[-2:] == [(101, "suppressed", 0, "contact-cap"), (131, "open", 1, "")]


@pytest.mark.parametrize("is_refused", [False, True])
def test_never_again_holds_at_once_and_whatever_was_said_before(is_refused: bool) -> None:
    """Under the feeds' clock the board's is behind: an opt-in it does not know of must not win."""
    last_word = replace(action("closed", 9 if is_refused else 3, "never-again"), persons=("p1",))
    opt_in = Control(ControlKind.OPT_IN, "p1", "h1", "a1", 11 * DAY_MS)
    inputs = [*CONTACTED, opt_in, mark(12), last_word, matched("n", 60, hold=0), mark(60)]
    ended = (12, "withdrawn", 4, "opted-out") if is_refused else (12, "closed", 4, "anna")
    assert told(*inputs)[-2:] == [ended, (60, "suppressed", 0, "opted-out")]


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        ("help-started", "already-helped"),
        ("already-helped", "already-helped"),
        ("declined", "cool-down"),
        ("not-reached", "cool-down"),
        ("wrong-facts", "cool-down"),
    ],
)
def test_after_its_end_the_household_is_left_in_peace_until_the_cool_down_is_over(outcome: str, reason: str) -> None:
    soon, later = matched("n", 41, hold=0), matched("o", 42, hold=0)
    assert told(*closed(outcome), soon, later, mark(50))[-2:] == [(41, "suppressed", 0, reason), (42, "open", 1, "")]


def test_wrong_facts_without_contact_leave_no_trace() -> None:
    inputs = [*TAKEN, action("closed", 2, "wrong-facts"), matched("n", 11, hold=0), mark(11)]
    assert told(*inputs, policy=ContactPolicy(28, 30, 1, 365))[-2:] == [(10, "closed", 3, "anna"), (11, "open", 1, "")]


def test_opt_out_ends_a_taken_offer() -> None:
    no = Control(ControlKind.OPT_OUT, "p1", "h1", "a1", 11 * DAY_MS)
    assert told(*CONTACTED, no, mark(11))[-1] == (11, "withdrawn", 4, "opted-out")


def test_an_end_needs_an_outcome_and_nothing_else_has_one() -> None:
    with pytest.raises(ValueError, match="belongs to `closed`"):
        action("closed", 1)
    with pytest.raises(ValueError, match="belongs to `closed`"):
        action("taken", 1, "declined")


def test_snapshot_keeps_who_has_it_and_how_it_ended() -> None:
    def last(inputs: list[PlanInput], cut: int) -> OfferRecord:
        state, _ = advance(POLICY, PartitionState(), inputs[:cut])
        _, records = advance(POLICY, PartitionState.restore(state.snapshot()), inputs[cut:])
        return records[-1]

    inputs = [*closed("help-started"), matched("n", 20, hold=0), mark(20)]
    expected = play(*inputs)[-1]
    assert expected.reason == "already-helped"
    assert all(last(inputs, cut) == expected for cut in range(len(inputs)))
