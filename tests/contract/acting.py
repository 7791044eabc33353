"""How every case store lets workers act; inherited by the suites of `test_case_store`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from processors.offers.actions import ActionKind, OutcomeCode, action_id
from processors.offers.model import OfferRecord, OfferState, Reason, Urgency, offer_id
from sinks.case_db import Acted, ActResult, CaseStore, Scope, Wish, Worker
from sinks.memory import MemoryCaseStore
from tests.contract import records

Store = CaseStore | MemoryCaseStore

SCOPE = Scope("team", ("a1",))
OFFER = offer_id("h1", 1)


def wish(version: int = 1, kind: str = "taken", outcome: str | None = None, offer: str = OFFER) -> Wish:
    return Wish(offer, version, ActionKind(kind), OutcomeCode(outcome) if outcome else None, 600)


def taken(version: int, by: Worker, state: OfferState = OfferState.TAKEN) -> OfferRecord:
    return records.offer("h1", version, state=state, contact=by.id, action=action_id(OFFER, version - 1))


class ActingBehaviour:
    @pytest.fixture
    def anna(self, store: Store) -> Worker:
        store.apply([records.offer("h1")])
        return store.enrol("team", "Anna")

    @pytest.fixture
    def ben(self, store: Store) -> Worker:
        return store.enrol("team", "Ben")

    def test_a_worker_is_enrolled_once_and_found_by_pseudonym(self, store: Store) -> None:
        anna = store.enrol("team", "Anna")
        assert store.enrol("team", "Anna") == anna == Worker(anna.id, "team", "Anna")
        assert len(anna.id) == 32
        assert store.enrol("team", " ＡＮＮＡ ") == anna
        assert store.enrol("team", "van den Berg").name == "van den Berg"
        assert store.enrol("other", "Anna") != anna
        assert store.workers([anna.id, "unknown"]) == {anna.id: anna}

    def test_an_act_is_pending_and_on_the_outbox_until_it_is_answered(self, store: Store, anna: Worker) -> None:
        assert store.act(SCOPE, anna, wish()) == Acted(ActResult.ACCEPTED)
        (item,) = store.outbox(10)
        assert store.outbox_size() == 1
        assert store.action_ids() == ({item.action.id}, {item.action.id})
        assert (item.action.id, item.action.contact, item.action.team) == (action_id(OFFER, 1), anna.id, "team")
        assert (item.action.household, item.action.area, item.action.persons) == ("h1", "a1", ())
        assert store.pending(SCOPE)[OFFER].worker == anna
        store.mark_sent([item.action.id])
        assert store.outbox(10) == []
        assert store.action_ids() == ({item.action.id}, set())
        assert OFFER in store.pending(SCOPE)
        store.apply([taken(2, anna)])
        assert store.pending(SCOPE) == {}
        assert store.scoped_offer(SCOPE, OFFER).contact == anna.id  # type: ignore[union-attr]

    def test_a_double_click_is_one_act(self, store: Store, anna: Worker) -> None:
        answers = [store.act(SCOPE, anna, wish()).result for _ in range(3)]
        assert answers == [ActResult.ACCEPTED, ActResult.REPEATED, ActResult.REPEATED]
        assert store.outbox_size() == 1

    def test_another_wish_of_ones_own_waits_for_the_first(self, store: Store, anna: Worker) -> None:
        store.apply([taken(2, anna)])
        store.act(SCOPE, anna, wish(2, "closed", "declined"))
        assert store.act(SCOPE, anna, wish(2, "closed", "later")) == Acted(ActResult.STALE)

    def test_a_relay_that_is_late_takes_nothing_elses_off_the_outbox(self, store: Store, anna: Worker) -> None:
        store.apply([records.offer("h2")])
        store.act(SCOPE, anna, wish())
        (first,) = store.outbox(10)
        store.mark_sent([first.action.id])
        store.act(SCOPE, anna, wish(offer=offer_id("h2", 1)))
        store.mark_sent([first.action.id])
        (second,) = store.outbox(10)
        assert second.number > first.number

    def test_the_slower_of_two_is_told_who_was_faster(self, store: Store, anna: Worker, ben: Worker) -> None:
        store.act(SCOPE, anna, wish())
        assert store.act(SCOPE, ben, wish()) == Acted(ActResult.OVERTAKEN, anna)
        store.apply([taken(2, anna)])
        assert store.act(SCOPE, ben, wish()) == Acted(ActResult.OVERTAKEN, anna)

    def test_twenty_at_once_one_wins(self, store: Store, anna: Worker) -> None:
        workers = [store.enrol("team", f"worker {number}") for number in range(20)]
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(lambda each: store.act(SCOPE, each, wish()), workers))
        winners = [worker for worker, each in zip(workers, answers, strict=True) if each.result is ActResult.ACCEPTED]
        assert len(winners) == 1
        assert {each.by for each in answers if each.result is ActResult.OVERTAKEN} == set(winners)
        assert store.outbox_size() == 1

    def test_an_offer_that_changed_meanwhile(self, store: Store, anna: Worker) -> None:
        store.apply([records.offer("h1", 2, "m", "n")])
        assert store.act(SCOPE, anna, wish(1)) == Acted(ActResult.STALE)
        assert store.outbox_size() == 0

    @pytest.mark.parametrize("state", [OfferState.WITHDRAWN, OfferState.LAPSED, OfferState.CLOSED])
    @pytest.mark.parametrize("version", [2, 3])
    def test_nothing_can_be_done_with_an_offer_that_is_over(
        self, store: Store, anna: Worker, state: OfferState, version: int
    ) -> None:
        store.apply([records.offer("h1", 3, state=state, reason=Reason.RETRACTED, contact=anna.id)])
        assert store.act(SCOPE, anna, wish(version, "closed", "declined")) == Acted(ActResult.IMPOSSIBLE)
        assert store.act(SCOPE, anna, wish(version)) == Acted(ActResult.IMPOSSIBLE)

    def test_only_the_contact_reaches_and_closes_and_a_colleague_may_take_over(
        self, store: Store, anna: Worker, ben: Worker
    ) -> None:
        store.apply([taken(2, anna)])
        assert store.act(SCOPE, ben, wish(2, "contacted")).result is ActResult.IMPOSSIBLE
        assert store.act(SCOPE, anna, wish(2)).result is ActResult.IMPOSSIBLE
        assert store.act(SCOPE, ben, wish(2)).result is ActResult.ACCEPTED

    def test_open_offers_have_no_outcome(self, store: Store, anna: Worker) -> None:
        assert store.act(SCOPE, anna, wish(1, "closed", "declined")).result is ActResult.IMPOSSIBLE
        with pytest.raises(ValueError, match="belongs to `closed`"):
            wish(1, "closed")

    def test_never_again_names_whom_it_is_about_and_nothing_else_does(self, store: Store, anna: Worker) -> None:
        store.apply([taken(2, anna)])
        store.act(SCOPE, anna, wish(2, "closed", "never-again"))
        assert [item.action.persons for item in store.outbox(10)] == [("p1", "p2")]

    @pytest.mark.parametrize("scope", [Scope("other", ("a1",)), Scope("team", ("a2",)), Scope("team", ())])
    def test_what_is_not_a_users_does_not_exist_for_them(self, store: Store, anna: Worker, scope: Scope) -> None:
        store.act(SCOPE, anna, wish())
        assert store.scoped_offers(scope) == store.ended_offers(scope, 10) == []
        assert store.scoped_offer(scope, OFFER) is None
        assert store.pending(scope) == {}
        assert store.act(scope, anna, wish()).result is ActResult.UNKNOWN

    def test_live_and_ended_offers_in_pages(self, store: Store, anna: Worker) -> None:
        store.apply(
            [
                records.offer("h2", urgency=Urgency.HIGH),
                records.offer("h3", state=OfferState.CONTACTED, contact=anna.id, respond_by=1),
                records.offer("h4", 2, state=OfferState.LAPSED),
                records.offer("h5", 1, state=OfferState.CLOSED, outcome=OutcomeCode.DECLINED, contact=anna.id),
            ]
        )
        assert [each.household for each in store.scoped_offers(SCOPE)] == ["h2", "h3", "h1"]
        assert [each.household for each in store.scoped_offers(SCOPE, 1, 1)] == ["h3"]
        assert [(each.household, each.outcome) for each in store.ended_offers(SCOPE, 10)] == [
            ("h4", None),
            ("h5", OutcomeCode.DECLINED),
        ]
        assert store.newest_update() == 102

    def test_the_digest_changes_with_what_is_seen_and_with_nothing_else(self, store: Store, anna: Worker) -> None:
        seen = [store.digest(SCOPE)]
        store.act(SCOPE, anna, wish())
        seen.append(store.digest(SCOPE))
        store.apply([taken(2, anna)])
        seen.append(store.digest(SCOPE))
        assert len(set(seen)) == 3
        store.apply([records.offer("h7", lead="other")])
        assert store.digest(SCOPE) == seen[-1]
