"""Plan: situations of an area become one joined-up offer per household, in event time.

A machine without a clock of its own. Situations, withdrawals and controls are put on an agenda by
when they are due; marks move the clock, and whatever is due by then happens, in this order:

1. by due time: a situation at the end of its hold (`ripe_at`), a withdrawal at its `known_at`, a
   control at its `at`, the lapse of an offer at its `closes_at`;
2. at one instant: lapses, controls, withdrawals, situations; of one kind by id (offer, person, match).

What arrives when the clock has already passed its due time happens with the next mark, as if due at
the clock's last position, before anything newer: the past of a household is never rewritten, so
the contact cap and the single open offer hold whatever arrives late.

A worker's action happens where it stands on the log, at the clock's last position, if the offer is
still in the version the worker saw; if not, it is refused, and the newer version tells them why. So does
a person's word whose time has come.

While a rule or a team is paused, its situations end their hold without consequence and wait; from the
resumption's place on the log on they are due again, in order of their due times. A pause holds back new
offers, nothing else: what is withdrawn meanwhile is withdrawn, words of people are heeded, and a situation
may still take the place of one that is in an offer.

Nothing else happens between marks, so the result does not depend on how inputs are cut into chunks; and as
a mark stands after everything that was told up to its time, what is not late does not depend on how
those who tell it interleave either.

A situation that replaces another, and one matched again after its withdrawal, counts as known no
earlier than that withdrawal, whatever the age of the events it rests on.

Does not decode, send, log or count for metrics; `sinks` and `streams` do.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop

from processors.events import Control, ControlKind
from processors.offers.actions import ActionKind, OfferAction, OutcomeCode
from processors.offers.model import (
    OfferRecord,
    OfferState,
    Reason,
    Situation,
    SituationKind,
    SituationMark,
    offer_id,
)
from processors.offers.policy import ContactPolicy
from processors.offers.records import Change, tell, tell_suppressed
from processors.offers.standings import (
    concerned,
    enter,
    is_followed,
    is_opted_out,
    offer_of,
    part,
    replaced_by,
    standing_of,
    successor_of,
    withdrawable,
)
from processors.offers.state import (
    AreaState,
    Due,
    Entry,
    Household,
    OpenOffer,
    PartitionState,
    Standing,
    Status,
    forgetting,
    lapsing,
    ripening,
    withdrawal,
)
from processors.pauses import Pause

__all__ = ["PartitionState", "PlanInput", "advance"]

PlanInput = Situation | SituationMark | Control | ContactPolicy | OfferAction | Pause


def advance(
    policy: ContactPolicy, state: PartitionState, inputs: Sequence[PlanInput]
) -> tuple[PartitionState, list[OfferRecord]]:
    """Takes inputs of one partition in log order; returns what happened by the clock they set.

    The state is changed in place and returned. After a failed transaction, fold the inputs again
    from an empty `PartitionState()` or a snapshot.

    Args:
        policy: contact limits until an input says otherwise; a `ContactPolicy` among the inputs holds from
            its place on the log on, so that a fold of the same log under newer settings gives the same.
        state: of this partition.
        inputs: situations, controls and marks; cut into chunks anywhere.

    Returns:
        The state, and the records in the order in which they happened (per household, versions
        and `at` ascending).
    """
    plan = _Plan(policy, state)
    for item in inputs:
        if isinstance(item, SituationMark):
            plan.hear(item)
        elif isinstance(item, ContactPolicy):
            plan.obey(item)
        elif isinstance(item, Control):
            plan.control(item)
        elif isinstance(item, OfferAction):
            plan.act(item)
        elif isinstance(item, Pause):
            state.heed_pause(item)
        elif item.kind is SituationKind.MATCHED:
            plan.match(item)
        else:
            plan.withdraw(item)
    return state, plan.records


class _Plan:
    """One call of `advance`: the rules, the state, and the records made so far."""

    def __init__(self, policy: ContactPolicy, state: PartitionState) -> None:
        self._policy = state.policy or policy
        self._state = state
        self.records: list[OfferRecord] = []

    # Arrival: onto the agenda.

    def hear(self, mark: SituationMark) -> None:
        """Moves the clock, never backwards, and lets happen what is due."""
        clock = self._state.clock
        clock.hear(mark)
        if clock.now is not None:
            self._run_until(clock.now)

    def obey(self, policy: ContactPolicy) -> None:
        """New limits hold from here on."""
        self._policy = self._state.policy = policy

    def control(self, control: Control) -> None:
        """A person's word takes effect when due, in every area: they may move, their word stands.

        One whose time has come holds at once; nobody waits for the next mark to be left in peace.
        """
        reached = self._state.reached
        if reached is not None and control.at <= reached:
            self._heed(control, reached)
        else:
            self._state.schedule((control.at, Due.CONTROL, control.person, control.kind, 0, control.household))

    def match(self, situation: Situation) -> None:
        """A match already standing for that household is a repetition, or another person's; others come to stand."""
        area = self._state.area(situation.area)
        generations = area.standings.setdefault(situation.match, [])
        known = [each for each in generations if each.withdrawn_at is None and each.household == situation.household]
        if known:
            self._tell_anew(area, known[0], situation)
            return
        replaced = area.standings.get(situation.replaces or "", [])
        followed = generations[-1:] + replaced[-1:]
        standing = standing_of(situation, followed, generations[-1].generation + 1 if generations else 1)
        for each in followed:
            each.followers.append((standing.match, standing.generation))
        generations.append(standing)
        self._state.schedule(ripening(standing, area.name))

    def _tell_anew(self, area: AreaState, standing: Standing, situation: Situation) -> None:
        """The same match, of another person of the household: two keys of one person were merged, or one split."""
        if not standing.person or situation.is_of_household or standing.person == situation.person:
            self._state.ignored["repeated"] += 1
            return
        standing.person = situation.person
        if standing.status is Status.JOINED:
            part(area, standing)
            standing.situation = situation
            enter(area, standing)
            offer = offer_of(area, standing)
            at = offer.opened_at if self._state.reached is None else self._state.reached
            if is_opted_out(area, situation):
                self._leave(area, standing, Reason.OPTED_OUT, at)
            else:
                self._record(area, standing.household, offer, Change(offer.state, at, standing.match))
        elif standing.situation is not None:
            standing.situation = situation

    def withdraw(self, situation: Situation) -> None:
        """Takes back the standing of that match (of that household, if it stands for several)."""
        area = self._state.area(situation.area)
        generations = area.standings.get(situation.match, [])
        standing = withdrawable(generations, situation)
        if standing is None:
            self._state.ignored["repeated" if generations else "unknown"] += 1
            return
        standing.withdrawn_at = situation.known_at
        self._state.schedule(withdrawal(standing, situation.known_at, area.name))

    def act(self, action: OfferAction) -> None:
        """A worker takes an offer, has reached the household, or records how it ended.

        What people said of all contact holds even if the act itself is refused.
        """
        self._act(action)
        at = action.at if self._state.reached is None else self._state.reached
        for person in action.persons:
            self._heed(Control(ControlKind.OPT_OUT, person, action.household, action.area, at), at)

    def _act(self, action: OfferAction) -> None:
        area = self._state.area(action.area)
        household = area.households.get(action.household)
        offer = household.offer if household else None
        is_current = offer is not None and (offer.id, offer.version) == (action.offer, action.version)
        if household is None or offer is None or not is_current or not offer.state.permits(action.kind):
            self._state.ignored["refused"] += 1
            return
        at = self._state.reached or offer.opened_at
        offer.contact, offer.team = action.contact, action.team
        if action.kind is ActionKind.CLOSED:
            self._close(area, household, offer, action, at)
            return
        if action.kind is ActionKind.CONTACTED or offer.state is OfferState.OPEN:
            offer.state = OfferState(action.kind)
        self._record(area, action.household, offer, Change(offer.state, at, action=action.id))

    # What is due happens.

    def _run_until(self, clock: int) -> None:
        state = self._state
        passed = state.reached
        while state.agenda and state.agenda[0][0] <= clock:
            entry = heappop(state.agenda)
            self._happen(entry, entry[0] if passed is None else max(entry[0], passed))
        state.reached = clock if passed is None else max(clock, passed)

    def _happen(self, entry: Entry, at: int) -> None:
        _, kind, key, detail, generation, name = entry
        if kind == Due.CONTROL:
            self._heed(Control(ControlKind(detail), key, entry[5], "", entry[0]), at)
            return
        area = self._state.area(name)
        if kind == Due.LAPSE:
            self._lapse(area, key, detail, at)
            return
        standing = area.standing(key, generation)
        if standing is None:
            return
        if kind == Due.RIPEN:
            self._ripen(area, standing, at)
        elif kind == Due.FORGET:
            self._forget(area, standing, at)
        else:
            self._withdraw(area, standing, at)

    def _lapse(self, area: AreaState, key: str, name: str, at: int) -> None:
        household = area.households[name]
        offer = household.offer
        if offer is None or offer.id != key or offer.state is not OfferState.OPEN:
            return  # withdrawn or taken on before
        self._record(area, name, offer, Change(OfferState.LAPSED, at))
        household.ended_at, household.is_helped = offer.closes_at, False
        self._end(area, household, offer, at)

    def _heed(self, control: Control, at: int) -> None:
        """The word with the latest `at` counts; of two at one instant, no."""
        last = self._state.controls.get(control.person)
        if last is not None and (last.at, last.kind) >= (control.at, control.kind):
            return
        self._state.heed(control)
        if control.kind is ControlKind.OPT_OUT:
            for _, area in sorted(self._state.areas.items()):
                for standing in concerned(area, control):
                    self._leave(area, standing, Reason.OPTED_OUT, at)

    def _withdraw(self, area: AreaState, standing: Standing, at: int) -> None:
        taken_back = standing.withdrawn_at
        if taken_back is None:
            return
        if standing.status is Status.JOINED:
            successor = successor_of(area, standing, taken_back)
            if successor is not None:
                self._take_place(area, standing, successor, at)
            else:
                self._leave(area, standing, Reason.RETRACTED, at)
        elif standing.status in {Status.HELD, Status.WAITING} and taken_back <= standing.known_at:
            self._settle(area, standing, at, Status.DROPPED)
        elif standing.status is Status.WAITING:
            self._retract(area, standing, max(standing.due, taken_back + 1), at)
        elif standing.status is Status.HELD and taken_back < standing.due:
            standing.status = Status.RETRACTED
        elif standing.status is Status.HELD:  # at one instant with the end of its hold: that comes first
            self._state.schedule(withdrawal(standing, taken_back, area.name, Due.WITHDRAWAL_OF_RIPENED))

    def _ripen(self, area: AreaState, standing: Standing, at: int) -> None:
        situation = standing.situation
        if situation is None:
            return
        if standing.status is Status.RETRACTED:
            self._retract(area, standing, standing.due, at)
        elif standing.status is Status.HELD:
            self._place(area, standing, situation, at)

    def _retract(self, area: AreaState, standing: Standing, before: int, at: int) -> None:
        """Ends a situation that no longer holds; one that another followed before then leaves no record."""
        if standing.situation is not None and not is_followed(area, standing, before):
            self._suppress(standing.situation, Reason.RETRACTED, at)
        self._settle(area, standing, at)

    def _place(self, area: AreaState, standing: Standing, situation: Situation, at: int) -> None:
        """Finds the offer a ripe situation belongs to, or why there is none."""
        household = area.households.get(standing.household) or Household()
        replaced = replaced_by(area, standing, situation)
        if is_opted_out(area, situation):
            reason = Reason.OPTED_OUT
        elif replaced is not None:
            return self._take_place(area, replaced, standing, at)
        elif self._state.is_paused(situation):
            standing.status = Status.WAITING
            return None
        elif household.offer is not None:
            return self._join(area, household.offer, standing, at)
        elif household.ended_at is not None and at < household.ended_at + self._policy.cool_down_ms:
            reason = Reason.ALREADY_HELPED if household.is_helped else Reason.COOL_DOWN
        elif self._contacts(household, at) >= self._policy.cap_offers:
            reason = Reason.CONTACT_CAP
        else:
            return self._open(area, standing, at)
        self._suppress(situation, reason, at)
        return self._settle(area, standing, at)

    def _forget(self, area: AreaState, standing: Standing, at: int) -> None:
        generations = area.standings[standing.match]
        generations.remove(standing)
        if not generations:
            del area.standings[standing.match]
        household = area.households.get(standing.household)
        if household is not None:
            self._contacts(household, at)

    # Changes of an offer: each makes one record.

    def _close(self, area: AreaState, household: Household, offer: OpenOffer, action: OfferAction, at: int) -> None:
        """What was no contact has no consequence: the household may be approached again at once."""
        is_contact = offer.state is OfferState.CONTACTED or action.outcome is not OutcomeCode.WRONG_FACTS
        change = Change(OfferState.CLOSED, at, action=action.id, outcome=action.outcome)
        self._record(area, action.household, offer, change)
        if is_contact:
            household.ended_at = at
            household.is_helped = action.outcome is not None and action.outcome.is_helping
        self._end(area, household, offer, at, is_contact)

    def _end(self, area: AreaState, household: Household, offer: OpenOffer, at: int, is_contact: bool = True) -> None:
        household.offer = None
        if is_contact:
            # Nobody knows when a lapsed offer was seen; one that was worked on may have been held for long.
            household.contacts.append(offer.opened_at if offer.state is OfferState.OPEN else at)
        for standing in offer.members:
            part(area, standing)
            self._settle(area, standing, at)

    def _open(self, area: AreaState, standing: Standing, at: int) -> None:
        household = area.households.setdefault(standing.household, Household())
        household.number += 1
        key = offer_id(standing.household, household.number)
        household.offer = OpenOffer(key, 0, at, at + self._policy.open_for_ms)
        self._state.schedule(lapsing(household.offer, standing.household, area.name))
        self._join(area, household.offer, standing, at)

    def _join(self, area: AreaState, offer: OpenOffer, standing: Standing, at: int) -> None:
        offer.members.append(standing)
        enter(area, standing)
        self._record(area, standing.household, offer, Change(offer.state, at, standing.match))

    def _take_place(self, area: AreaState, old: Standing, new: Standing, at: int) -> None:
        offer = offer_of(area, old)
        offer.members[offer.members.index(old)] = new
        part(area, old)
        self._settle(area, old, at)
        enter(area, new)
        self._record(area, new.household, offer, Change(offer.state, at, new.match))

    def _leave(self, area: AreaState, standing: Standing, reason: Reason, at: int) -> None:
        """Without its last situation an offer is withdrawn; it counts as a contact if the household was reached."""
        offer = offer_of(area, standing)
        if len(offer.members) > 1:
            offer.members.remove(standing)
            self._record(area, standing.household, offer, Change(offer.state, at, standing.match))
        else:
            change = Change(OfferState.WITHDRAWN, at, standing.match, reason)
            self._record(area, standing.household, offer, change)
            household = area.households[standing.household]
            household.offer = None
            if offer.state is OfferState.CONTACTED:
                household.contacts.append(at)
                household.ended_at, household.is_helped = at, False
        part(area, standing)
        self._settle(area, standing, at)

    def _suppress(self, situation: Situation, reason: Reason, at: int) -> None:
        self.records.append(tell_suppressed(situation, reason, at))

    def _record(self, area: AreaState, household: str, offer: OpenOffer, change: Change) -> None:
        offer.version += 1
        self.records.append(tell(area.name, household, offer, change))

    def _settle(self, area: AreaState, standing: Standing, at: int, status: Status = Status.SETTLED) -> None:
        standing.status = status
        standing.situation = None
        standing.forget_at = at + self._policy.memory_ms
        self._state.schedule(forgetting(standing, standing.forget_at, area.name))

    def _contacts(self, household: Household, at: int) -> int:
        """How many contacts there were in `(at - cap_within, at]`; older ones are forgotten."""
        since = at - self._policy.cap_within_ms
        household.contacts = [contact for contact in household.contacts if contact > since]
        return len(household.contacts)
