"""From a timeline and what was told before to decisions: the platform's central pure function.

Every rule is matched anew from the timeline, what should stand is compared with the ledger, and
the differences are the decisions. So a late, corrected or annulled event needs no code of its own.
No I/O, no clock (`now` and `heard` are data), no randomness.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from processors.civil_time import Calendar, format_instant, window_end
from processors.decisions import BoundEvent, Decision, DecisionKind
from processors.events import LifeEvent, derived_id
from processors.rules.conditions import Fields
from processors.rules.ledger import Ledger, fold_all
from processors.rules.match import FOREVER, Candidate, Plan, Wait, candidates
from processors.rules.model import Overlap, Report, ReportKind
from processors.rules.ruleset import RuleSet
from processors.timeline import LiveEvent, Position, Timeline, apply, find, is_late, trim

_BEFORE_ALL: Position = (-FOREVER, 0, 0, "")


@dataclass(frozen=True, slots=True)
class Heard:
    """Up to when feeds were heard.

    Attributes:
        feeds: feed -> ms, inclusive; a feed never heard is absent.
        began: feed -> ms from which it is known at all (for absences that look back).
        every: stands for feeds that `feeds` does not name, and for types that have none
            (`headwater rules run`); None: those were never heard.
    """

    feeds: Mapping[str, int] = field(default_factory=dict)
    began: Mapping[str, int] = field(default_factory=dict)
    every: int | None = None

    def is_past(self, feeds: Sequence[str], moment: int) -> bool:
        """Whether all of these feeds were heard up to `moment`, ms, inclusive."""
        if not feeds:
            return self.every is None or self.every >= moment
        return all((heard := self.feeds.get(feed, self.every)) is not None and heard >= moment for feed in feeds)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What `decide` found.

    Attributes:
        decisions: in order: rule by rule, what is withdrawn before what is matched.
        ledger: after these decisions.
        wake_at: when to look again, ms; None: not before something new is heard of the person.
            In the past if it waits for a silent feed: look again when that is heard.
        condition_errors: conditions that could not be evaluated.
    """

    decisions: tuple[Decision, ...]
    ledger: Ledger
    wake_at: int | None
    condition_errors: int = 0


@dataclass(frozen=True, slots=True)
class _Claim:
    """A match that wants to be told, or was told and is settled (`candidate` is None then)."""

    match: str
    version: int
    root: str
    completed_at: int
    opened: Position
    report: Report
    is_sure: bool
    candidate: Candidate | None


@dataclass(frozen=True, slots=True)
class _Verdicts:
    """What should stand for one rule: `told` in order of completion; `undecided` is left alone."""

    told: tuple[Candidate, ...]
    undecided: frozenset[str]
    displaced: frozenset[str]


def decide(rules: RuleSet, timeline: Timeline, ledger: Ledger, heard: Heard, now: int) -> Outcome:
    """Decides what holds for one person.

    Args:
        rules: the rule set.
        timeline: of the person; may hold events later than `now`.
        ledger: what was told so far.
        heard: up to when each feed was heard.
        now: the clock, ms.

    Returns:
        New decisions, the ledger with them, and when to look again. Deciding again with that
        ledger and the same inputs gives no decisions.
    """
    present = frozenset([line.type for line in timeline.lines])
    names = rules.possible(present)
    if ledger.standing:
        told = {decision.rule for decision in ledger.standing.values()}
        names = tuple(name for name in rules.plans if name in told or name in names)
    if not names:
        return Outcome((), ledger, None)
    fields = Fields(rules.decode, rules.calendar)
    decisions: list[Decision] = []
    wakes: list[int] = []
    for name in names:
        family = _Family(rules.plans[name], timeline, ledger, heard, now, fields)
        if family.standing or family.found:
            decisions.extend(family.decisions())
            wakes.extend(family.wakes)
    after = fold_all(ledger, decisions)
    return Outcome(tuple(decisions), after, min(wakes, default=None), fields.errors)


class _Family:
    """All versions of one rule over one timeline, for the length of one decision."""

    def __init__(  # noqa: PLR0913, PLR0917 - the arguments of `decide`
        self, plans: tuple[Plan, ...], timeline: Timeline, ledger: Ledger, heard: Heard, now: int, fields: Fields
    ) -> None:
        self.plans, self.timeline, self.heard, self.now = plans, timeline, heard, now
        name = plans[0].rule.name
        self.standing = {m: d for m, d in ledger.standing.items() if d.rule == name}
        self.found = [(plan, found) for plan in plans if (found := owned(plan, timeline, fields))]
        self.wakes: list[int] = []

    def decisions(self) -> list[Decision]:
        """What has to be told so that the ledger says what should stand."""
        verdicts = self._verdicts()
        settled = {match for match, decision in self.standing.items() if self._is_settled(decision)}
        kept = settled | verdicts.undecided | {candidate.match for candidate in verdicts.told}
        gone = [decision for match, decision in self.standing.items() if match not in kept]
        new = [candidate for candidate in verdicts.told if candidate.match not in self.standing]
        if not gone and not new:
            return []
        withdrawn = [self._withdrawn(decision, verdicts) for decision in gone]
        return withdrawn + _matched(new, gone, verdicts.displaced, self.now)

    def _verdicts(self) -> _Verdicts:
        claims = [claim for plan, found in self.found for claim in self._claims(plan, found)]
        settled = [_settled_claim(d) for d in self.standing.values() if self._is_settled(d)]
        claims.sort(key=lambda claim: (claim.completed_at, claim.opened))
        return _report(claims, settled, self.plans[0].calendar)

    def _is_settled(self, decision: Decision) -> bool:
        """Older than the timeline reaches, or of a version that is gone: stays as it is (Meaning 10)."""
        known = any(plan.rule.version == decision.version for plan in self.plans)
        return not known or decision.opened_at < self.timeline.since

    def _claims(self, plan: Plan, found: Sequence[Candidate]) -> Iterator[_Claim]:
        for candidate, is_sure in taken(plan, found, self._is_concluded, self.timeline.resume.get(plan.rule.key)):
            yield _Claim(
                candidate.match,
                plan.rule.version,
                candidate.first.root,
                candidate.completed_at,
                candidate.first.at,
                plan.rule.report,
                is_sure,
                candidate,
            )

    def _is_concluded(self, candidate: Candidate) -> bool:
        open_waits = [wait for wait in candidate.waits if not self._is_over(wait)]
        if open_waits:
            self.wakes.append(max(wait.due for wait in open_waits))
        return not open_waits

    def _is_over(self, wait: Wait) -> bool:
        return self.now >= wait.due and self.heard.is_past(wait.feeds, wait.heard)

    def _withdrawn(self, decision: Decision, verdicts: _Verdicts) -> Decision:
        live = {event.root for event in self.timeline.live}
        if any(event.root not in live for event in decision.events):
            reason = "an event it rests on was annulled"
        elif decision.match in verdicts.displaced:
            reason = "another match of the rule takes its place"
        else:
            reason = "it no longer holds after later news"
        news = max((line.recorded_at for line in self.timeline.lines), default=decision.known_at)
        return replace(
            decision,
            kind=DecisionKind.WITHDRAWN,
            at=self.now,
            known_at=max(decision.known_at, news),
            replaces=None,
            reason=reason,
        )


def owned(plan: Plan, timeline: Timeline, fields: Fields) -> list[Candidate]:
    """Candidates that complete while this version is valid: only those are its own (Meaning 9)."""
    found = candidates(plan, timeline.view(plan.lateness), fields)
    return [candidate for candidate in found if plan.valid_from <= candidate.completed_at < plan.valid_until]


def taken(
    plan: Plan, found: Iterable[Candidate], is_concluded: Callable[[Candidate], bool], resume: Position | None
) -> list[tuple[Candidate, bool]]:
    """Which matches count under `overlap`, in order of completion, and whether that is sure.

    Under `start after` a match shuts out the runs that opened up to its last event. A match still
    waiting for the clock may do so yet: what it would shut out is not sure either.

    Args:
        plan: the rule.
        found: its candidates on one timeline.
        is_concluded: whether every absence of a candidate is concluded.
        resume: position up to which settled matches forbid new runs.
    """
    shut: Position = resume or _BEFORE_ALL
    perhaps_shut = _BEFORE_ALL
    is_keep = plan.rule.overlap is Overlap.KEEP
    kept = []
    for candidate in sorted(found, key=lambda candidate: candidate.order):
        if candidate.first.at <= shut:
            continue
        is_sure = is_concluded(candidate) and candidate.first.at > perhaps_shut
        kept.append((candidate, is_sure))
        if is_keep:
            continue
        if is_sure:
            shut = max(shut, candidate.last.at)
        else:
            perhaps_shut = max(perhaps_shut, candidate.last.at)
    return kept


def _report(claims: Iterable[_Claim], settled: Sequence[_Claim], calendar: Calendar) -> _Verdicts:
    """Applies `report` to the claims of a rule, given in order of completion."""
    sure: list[_Claim] = list(settled)
    unsure: list[_Claim] = []
    told: list[Candidate] = []
    undecided, displaced = set[str](), set[str]()
    for claim in claims:
        if any(_suppresses(other, claim, calendar) for other in sure):
            displaced.add(claim.match)
        elif not claim.is_sure or any(_suppresses(other, claim, calendar) for other in unsure):
            unsure.append(claim)
            undecided.add(claim.match)
        else:
            sure.append(claim)
            if claim.candidate is not None:
                told.append(claim.candidate)
    return _Verdicts(tuple(told), frozenset(undecided), frozenset(displaced))


def _suppresses(other: _Claim, claim: _Claim, calendar: Calendar) -> bool:
    """Whether `claim` is not told because `other` is."""
    if other.version != claim.version and other.root == claim.root:
        return True
    if claim.report.kind is ReportKind.NOT_AGAIN and claim.report.pause is not None:
        early, late = sorted((other.completed_at, claim.completed_at))
        return late < window_end(early, claim.report.pause, calendar)
    return claim.report.kind is ReportKind.ONCE


def _matched(new: Sequence[Candidate], gone: Sequence[Decision], displaced: frozenset[str], now: int) -> list[Decision]:
    """Tells new matches; one that takes the place of a withdrawn match says so."""
    free = list(gone)
    decisions = []
    for candidate in new:
        replaced = next((old for old in free if _takes_place(candidate, old, displaced)), None)
        if replaced is not None:
            free.remove(replaced)
        decisions.append(decision_of(candidate, now, replaced.match if replaced else None))
    return decisions


def _takes_place(candidate: Candidate, old: Decision, displaced: frozenset[str]) -> bool:
    roots = {event.root for bound in candidate.bound for event in bound.events}
    if any(event.root in roots for event in old.events):
        return True
    return old.match in displaced and candidate.completed_at <= old.completed_at


def decision_of(candidate: Candidate, now: int, replaces: str | None = None) -> Decision:
    """The decision that tells a match."""
    line = candidate.last.line
    recorded = max(event.line.recorded_at for bound in candidate.bound for event in bound.events)
    return Decision(
        kind=DecisionKind.MATCHED,
        rule=candidate.plan.rule.name,
        version=candidate.plan.rule.version,
        match=candidate.match,
        person=line.person,
        household=line.household,
        area=line.area,
        at=now,
        completed_at=candidate.completed_at,
        opened_at=candidate.first.line.occurred_at,
        known_at=max([recorded, *(wait.due for wait in candidate.waits)]),
        events=tuple(_bound(bound.name, event) for bound in candidate.bound for event in bound.events),
        replaces=replaces,
    )


def _bound(step: str, event: LiveEvent) -> BoundEvent:
    line = event.line
    return BoundEvent(step, line.id, event.root, line.type, line.agency, line.occurred_at, line.recorded_at)


def _settled_claim(decision: Decision) -> _Claim:
    opening = decision.events[0]
    place = (opening.occurred_at, opening.recorded_at, 0, opening.id)
    return _Claim(decision.match, decision.version, opening.root, decision.completed_at, place, Report(), True, None)


def judge_late(rules: RuleSet, timeline: Timeline, line: LifeEvent) -> tuple[Decision, ...]:
    """Late decisions on a line, one per rule that uses its type and accepts it no more.

    Args:
        rules: the rule set.
        timeline: of the line's person, before the line is applied.
        line: as it came; `line.heard` says up to when its feed had been heard.

    Returns:
        Decisions for review, each saying what the line would have changed. Empty for a line whose
        id is known. Apply the line in any case: its id must stay known, a rule that accepts it
        uses it, the others leave it out.
    """
    if line.replaces is None and line.heard - line.occurred_at <= rules.on_time_ms:
        return ()
    if line.id in timeline.forgotten or find(timeline, line.id) is not None:
        return ()
    by_id = {each.id: each for each in (*timeline.lines, line)}
    decisions = []
    for versions in rules.users(line.type):
        plan = _version_at(versions, line.occurred_at)
        if _is_late_for(plan, timeline, by_id, line):
            decisions.append(_late(plan, timeline, line, rules))
    return tuple(decisions)


def _version_at(versions: tuple[Plan, ...], moment: int) -> Plan:
    return next((plan for plan in versions if plan.valid_from <= moment < plan.valid_until), versions[-1])


def _is_late_for(plan: Plan, timeline: Timeline, by_id: Mapping[str, LifeEvent], line: LifeEvent) -> bool:
    if line.replaces is not None and line.replaces in timeline.forgotten:
        return True
    return is_late(by_id, line, plan.lateness)


def _late(plan: Plan, timeline: Timeline, line: LifeEvent, rules: RuleSet) -> Decision:
    heard_up_to = format_instant(line.heard, plan.calendar)
    reason = (
        f"came when its feed had been heard up to {heard_up_to}, more than {plan.rule.late_accept} later; "
        f"{_would_have(plan, timeline, line, rules)}"
    )
    return Decision(
        kind=DecisionKind.LATE,
        rule=plan.rule.name,
        version=plan.rule.version,
        match=derived_id(plan.rule.name, plan.rule.version, "late", line.id),
        person=line.person,
        household=line.household,
        area=line.area,
        at=max(line.heard, line.recorded_at),
        completed_at=line.occurred_at,
        opened_at=line.occurred_at,
        known_at=line.recorded_at,
        event=line.id,
        reason=reason,
    )


def _would_have(plan: Plan, timeline: Timeline, line: LifeEvent, rules: RuleSet) -> str:
    """What the line would have changed in time, in plain words."""
    in_time, _ = apply(timeline, replace(line, heard=0))
    fields = Fields(rules.decode, rules.calendar)
    before = {found.match for found in candidates(plan, timeline.view(plan.lateness), fields)}
    after = {found.match for found in candidates(plan, in_time.view(plan.lateness), fields)}
    made, unmade = len(after - before), len(before - after)
    if not made and not unmade:
        return "in time it would have changed nothing"
    return f"in time it would have made {made} and undone {unmade} of this rule's matches"


def settle(rules: RuleSet, timeline: Timeline, heard: Heard, now: int) -> Timeline:
    """Trims a timeline to what the rules can still need.

    Args:
        rules: the rule set.
        timeline: of a person.
        heard: a feed never heard keeps everything.
        now: the clock, ms.

    Returns:
        The timeline without what occurred longer ago than the longest horizon; per rule it
        remembers where the next run may start.
    """
    moments = [heard.feeds.get(feed, heard.every) for feed in rules.feeds()]
    if any(moment is None for moment in moments):
        return timeline
    cut = min([now, *(moment for moment in moments if moment is not None)]) - rules.horizon_ms
    if not timeline.lines or timeline.lines[0].occurred_at >= cut:
        return timeline
    fields = Fields(rules.decode, rules.calendar)
    resume = dict(timeline.resume)
    for versions in rules.plans.values():
        for plan in versions:
            last = _last_settled(plan, timeline, cut, fields)
            if last is not None:
                resume[plan.rule.key] = last
    return trim(replace(timeline, resume=resume), cut)


def _last_settled(plan: Plan, timeline: Timeline, cut: int, fields: Fields) -> Position | None:
    """Position of the last event of the rule's matches that opened before `cut`, ms."""
    resume = timeline.resume.get(plan.rule.key)
    if plan.rule.overlap is Overlap.KEEP:
        return resume
    found = owned(plan, timeline, fields)
    over = [c.last.at for c, _ in taken(plan, found, lambda _: True, resume) if c.first.line.occurred_at < cut]
    return max([*over, *([resume] if resume else [])], default=None)
