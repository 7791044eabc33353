"""All versions of one rule over one timeline: what should stand, against what was told.

Knows nothing of other rules, of when to look again at them, nor of what comes too late.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from processors.civil_time import Calendar, window_end
from processors.decisions import BoundEvent, Decision, DecisionKind
from processors.events import ChangeKind
from processors.rules.conditions import Fields
from processors.rules.deciding.heard import Heard
from processors.rules.ledger import Ledger
from processors.rules.matching.absences import Lookback
from processors.rules.matching.match import Candidate, Found, Opening, find
from processors.rules.matching.overlap import taken
from processors.rules.matching.plan import Plan
from processors.rules.matching.run import Wait
from processors.rules.model import OnCorrection, Report, ReportKind, Subject
from processors.timeline import LiveEvent, Position, Timeline, root_of
from processors.transfers import is_by_transfer


@dataclass(frozen=True, slots=True)
class Claim:
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
class Verdicts:
    """What should stand for one rule.

    Attributes:
        told: in order of completion. sure: the same as claims, after what is settled.
        undecided: left alone until it is known. displaced: not told because of one that is.
    """

    told: tuple[Candidate, ...]
    undecided: frozenset[str]
    displaced: frozenset[str]
    sure: tuple[Claim, ...]


class Family:
    """All versions of one rule over one timeline, for the length of one decision."""

    def __init__(  # noqa: PLR0913, PLR0917 - the arguments of `decide`
        self, plans: tuple[Plan, ...], timeline: Timeline, ledger: Ledger, heard: Heard, now: int, fields: Fields
    ) -> None:
        self.plans, self.timeline, self.ledger, self.heard, self.now = plans, timeline, ledger, heard, now
        name = plans[0].rule.name
        self.standing = {m: d for m, d in ledger.standing.items() if d.rule == name}
        owned_by = ((plan, owned(plan, timeline, fields, heard, now)) for plan in plans)
        self.found = [(plan, found) for plan, found in owned_by if found.candidates]
        self.wakes: list[int] = []
        self.silent: list[Wait] = []
        self._reviews: list[Decision] = []
        self._withheld: dict[str, str] = {}
        for decision in self.standing.values():
            self._corrected(decision)

    def decisions(self) -> list[Decision]:
        """What has to be told so that the ledger says what should stand."""
        if not self.standing and not self._is_anything_concluded():
            return []
        verdicts = self.verdicts()
        kept = {match for match, decision in self.standing.items() if self._is_settled(decision)}
        kept |= verdicts.undecided | {candidate.match for candidate in verdicts.told}
        gone = [d for match, d in self.standing.items() if match not in kept or match in self._withheld]
        new = [candidate for candidate in verdicts.told if candidate.match not in self.standing]
        if not gone and not new:
            return self._reviews
        withdrawn = [self._withdrawn(decision, verdicts) for decision in gone]
        return [*self._reviews, *withdrawn, *_matched(new, gone, verdicts.displaced, self.now)]

    def _is_anything_concluded(self) -> bool:
        """Whether there is anything to tell at all; mostly something is only waited for."""
        candidates = [candidate for _, found in self.found for candidate in found.candidates]
        return any(self._is_concluded(candidate) for candidate in candidates)

    def _corrected(self, decision: Decision) -> None:
        """Applies `on_correction` to a told match one of whose events was corrected or annulled."""
        plan = next((plan for plan in self.plans if plan.rule.version == decision.version), None)
        if plan is None or plan.is_recheck or decision.opened_at < self.timeline.since:
            return
        live = {event.root: event for event in self.timeline.live}
        changed = [event for event in decision.events if event.root not in live or live[event.root].line.id != event.id]
        if not changed or self._has_left(decision):
            return
        news = live[changed[0].root].line.id if changed[0].root in live else self._annulment(changed[0].root)
        if plan.rule.on_correction is OnCorrection.TELL_OFFICER:
            self._reviews.append(self._review(decision, live, news))
        elif any(event.root in live for event in changed):
            self._withheld[decision.match] = news

    def _annulment(self, root: str) -> str:
        lines = {line.id: line for line in self.timeline.lines}
        annulled = (
            line.id for line in lines.values() if line.change is ChangeKind.ANNULLED and root_of(lines, line.id) == root
        )
        return next(annulled, root)

    def _review(self, decision: Decision, live: Mapping[str, LiveEvent], news: str) -> Decision:
        """Tells an officer; the match stands, resting on the events as they are now."""
        holds = any(candidate.match == decision.match for _, found in self.found for candidate in found.candidates)
        events = tuple(
            replace(event, id=line.id, occurred_at=line.occurred_at, recorded_at=line.recorded_at)
            for event in decision.events
            if event.root in live and (line := live[event.root].line)
        )
        return replace(
            decision,
            kind=DecisionKind.REVIEW,
            at=self.now,
            known_at=max(decision.known_at, self._newest()),
            events=events,
            replaces=None,
            event=news,
            reason=f"an event it rests on was corrected; by the rule it would {'still' if holds else 'no longer'} hold",
        )

    def _newest(self) -> int:
        return max((line.recorded_at for line in self.timeline.lines), default=0)

    def verdicts(self) -> Verdicts:
        """What should stand, by `overlap` and `report`, over all versions."""
        claims = [claim for plan, found in self.found for claim in self.claims(plan, found)]
        settled = [_settled_claim(d) for d in self.standing.values() if self._is_settled(d)]
        claims.sort(key=lambda claim: (claim.completed_at, claim.opened))
        return _report(claims, settled, self.plans[0].calendar)

    def _is_settled(self, decision: Decision) -> bool:
        """Older than the timeline reaches, of a version that is gone, or in an officer's hands: stays as it is."""
        known = any(plan.rule.version == decision.version for plan in self.plans)
        is_officers = decision.match in self.ledger.with_officer or any(
            review.match == decision.match for review in self._reviews
        )
        is_over = not known or is_officers or decision.opened_at < self.timeline.since
        return is_over and not self._has_left(decision)

    def _has_left(self, decision: Decision) -> bool:
        """Whether an event it rests on turned out to be somebody else's: then nothing keeps the match here."""
        roots = {event.root for event in decision.events} - {live.root for live in self.timeline.standing}
        if not roots:
            return False
        owners = {line.id: line.person for line in self.timeline.lines if line.id in roots}
        left = (line for line in self.timeline.lines if line.replaces in roots and is_by_transfer(line))
        return any(owners.get(line.replaces or "") == line.person for line in left)

    def claims(self, plan: Plan, found: Found) -> Iterator[Claim]:
        """What `overlap` leaves of a version's own matches, in order of completion."""
        resume = self.timeline.resume.get(plan.rule.key)
        for candidate, is_sure in taken(plan, found, self._is_concluded, self._is_open, resume):
            if candidate.match in self.ledger.barred or candidate.match in self._withheld:
                continue
            yield Claim(
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
        return not self._await(candidate.waits)

    def _is_open(self, opening: Opening) -> bool:
        return self._await(opening.waits)

    def _await(self, waits: Iterable[Wait]) -> bool:
        """Whether any of these is still to pass; if so, when to look again is noted."""
        still = [wait for wait in waits if not self.is_over(wait)]
        if still:
            due = max(wait.due for wait in still)
            self.wakes.append(due)
            if due <= self.now:
                self.silent.append(still[0])
        return bool(still)

    def is_over(self, wait: Wait) -> bool:
        """Whether clock and feeds have passed what this waits for."""
        return self.now >= wait.due and self.heard.is_past(wait.feeds, wait.heard)

    def _withdrawn(self, decision: Decision, verdicts: Verdicts) -> Decision:
        live = {event.root for event in self.timeline.live}
        if decision.match in self._withheld:
            reason = "an event it rests on was corrected, and the rule withdraws then"
        elif self._has_left(decision):
            reason = "an event it rests on is somebody else's"
        elif any(event.root not in live for event in decision.events):
            reason = "an event it rests on was annulled"
        elif decision.match in verdicts.displaced:
            reason = "another match of the rule takes its place"
        else:
            reason = "it no longer holds after later news"
        return replace(
            decision,
            kind=DecisionKind.WITHDRAWN,
            at=self.now,
            known_at=max(decision.known_at, self._newest()),
            replaces=None,
            event=self._withheld.get(decision.match),
            reason=reason,
        )


def owned(plan: Plan, timeline: Timeline, fields: Fields, heard: Heard, now: int) -> Found:
    """What a version finds that is its own: what completes while it is valid (Meaning 9).

    An absence that looks back to where a feed had not begun is unknown, and unknown is no match.
    """
    found = find(plan, timeline, fields, now)
    own = tuple(c for c in found.candidates if plan.valid_from <= c.completed_at < plan.valid_until)
    if any(candidate.lookbacks for candidate in own):
        own = tuple(c for c in own if all(_is_known(back, timeline, heard) for back in c.lookbacks))
    return found if len(own) == len(found.candidates) else Found(own, found.openings)


def _is_known(back: Lookback, timeline: Timeline, heard: Heard) -> bool:
    """Whether an absence can look back that far: what has been trimmed is as unknown as what was never heard."""
    return back.since >= timeline.since and heard.is_known(back.feeds, back.since)


def _report(claims: Iterable[Claim], settled: Sequence[Claim], calendar: Calendar) -> Verdicts:
    """Applies `report` to the claims of a rule, given in order of completion."""
    sure, unsure = _Told(settled, calendar), _Told((), calendar)
    told: list[Candidate] = []
    undecided, displaced = set[str](), set[str]()
    for claim in claims:
        if sure.suppress(claim):
            displaced.add(claim.match)
        elif not claim.is_sure or unsure.suppress(claim):
            unsure.add(claim)
            undecided.add(claim.match)
        else:
            sure.add(claim)
            if claim.candidate is not None:
                told.append(claim.candidate)
    return Verdicts(tuple(told), frozenset(undecided), frozenset(displaced), tuple(sure.claims))


class _Told:
    """Claims that are told, or may be: asked of each further one whether they suppress it.

    Under `each run` only another version of the same run can; then one look at its opening is enough.
    """

    def __init__(self, claims: Iterable[Claim], calendar: Calendar) -> None:
        self.claims: list[Claim] = []
        self._by_root: dict[str, list[Claim]] = {}
        self._calendar = calendar
        for claim in claims:
            self.add(claim)

    def add(self, claim: Claim) -> None:
        self.claims.append(claim)
        self._by_root.setdefault(claim.root, []).append(claim)

    def suppress(self, claim: Claim) -> bool:
        is_each_run = claim.report.kind is ReportKind.EACH_RUN
        others = self._by_root.get(claim.root, ()) if is_each_run else self.claims
        return any(suppresses(other, claim, self._calendar) for other in others)


def suppresses(other: Claim, claim: Claim, calendar: Calendar) -> bool:
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
    roots = {event.root for event in candidate.events}
    if any(event.root in roots for event in old.events):
        return True
    return old.match in displaced and candidate.completed_at <= old.completed_at


def decision_of(candidate: Candidate, now: int, replaces: str | None = None) -> Decision:
    """The decision that tells a match."""
    line, rule = candidate.last.line, candidate.plan.rule
    is_household = rule.per is Subject.HOUSEHOLD
    return Decision(
        kind=DecisionKind.MATCHED,
        rule=rule.name,
        version=rule.version,
        match=candidate.match,
        person=line.person,
        household=line.household,
        area=line.area,
        at=now,
        completed_at=candidate.completed_at,
        opened_at=candidate.first.line.occurred_at,
        known_at=max([*(event.line.recorded_at for event in candidate.events), *(w.due for w in candidate.waits)]),
        events=tuple(_bound(step.name, event, is_household) for step in candidate.steps for event in step.events),
        replaces=replaces,
        is_household=is_household,
    )


def _bound(step: str, event: LiveEvent, is_household: bool) -> BoundEvent:
    line = event.line
    person = line.person if is_household else ""
    return BoundEvent(step, line.id, event.root, line.type, line.agency, line.occurred_at, line.recorded_at, person)


def _settled_claim(decision: Decision) -> Claim:
    opening = decision.events[0] if decision.events else None
    place = (decision.opened_at, opening.recorded_at if opening else 0, 0, opening.id if opening else "")
    root = opening.root if opening else decision.match
    return Claim(decision.match, decision.version, root, decision.completed_at, place, Report(), True, None)
