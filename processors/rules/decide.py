"""From a timeline and what was told before to decisions: the platform's central pure function.

Every rule is matched anew from the timeline, what should stand is compared with the ledger, and
the differences are the decisions. So a late, corrected or annulled event needs no code of its own.
No I/O, no clock (`now` and `heard` are data), no randomness.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple

from processors.civil_time import Calendar, format_instant, window_end
from processors.decisions import BoundEvent, Decision, DecisionKind
from processors.events import ChangeKind, LifeEvent, derived_id
from processors.rules.conditions import Fields
from processors.rules.ledger import Ledger, fold_all
from processors.rules.matching.match import Candidate, Found, Opening, find
from processors.rules.matching.overlap import Judged, taken
from processors.rules.matching.plan import FOREVER, Plan
from processors.rules.matching.run import Wait
from processors.rules.model import OnCorrection, Overlap, Report, ReportKind, Runs, Subject
from processors.rules.ruleset import RuleSet
from processors.timeline import LiveEvent, Position, Timeline, apply, is_late, root_of, trim
from processors.timeline import find as find_line


@dataclass(frozen=True, slots=True)
class Heard:
    """Up to when feeds were heard.

    Attributes:
        feeds: feed -> ms, inclusive; a feed never heard is absent.
        began: feed -> ms from which it is known at all (for absences that look back).
        every: stands for feeds that `feeds` does not name, and for types that have none
            (`headwater rules run`); None: those were never heard.
        every_began: likewise for `began`; None: those are not known.
    """

    feeds: Mapping[str, int] = field(default_factory=dict)
    began: Mapping[str, int] = field(default_factory=dict)
    every: int | None = None
    every_began: int | None = None

    def is_past(self, feeds: Sequence[str], moment: int) -> bool:
        """Whether all of these feeds were heard up to `moment`, ms, inclusive."""
        if not feeds:
            return self.every is None or self.every >= moment
        return all((heard := self.feeds.get(feed, self.every)) is not None and heard >= moment for feed in feeds)

    def is_known(self, feeds: Sequence[str], since: int) -> bool:
        """Whether nothing says that one of these feeds began after `since`, ms; what was before is unknown.

        A feed not heard of yet says nothing: an absence waits until it is heard.
        """
        if not feeds:
            return self.every_began is not None and self.every_began <= since
        return all((began := self.began.get(feed, self.every_began)) is None or began <= since for feed in feeds)


Agenda = Mapping[str, int]
"""Per rule, when to look again, ms; a rule that waits for nothing is not on it."""

NO_AGENDA: Agenda = MappingProxyType({})


class Outcome(NamedTuple):
    """What `decide` found.

    Attributes:
        decisions: in order: rule by rule, what is withdrawn before what is matched.
        ledger: after these decisions.
        wake_at: when to look again, ms; None: not before something new is heard of the person.
            In the past if it waits for a silent feed: look again when that is heard.
        agenda: the same for each rule; give it back with the next call, and what it cannot concern
            is not looked at.
        condition_errors: conditions that could not be evaluated.
    """

    decisions: tuple[Decision, ...]
    ledger: Ledger
    wake_at: int | None
    agenda: Agenda = NO_AGENDA
    condition_errors: int = 0


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


def decide(  # noqa: PLR0913, PLR0917 - the state, and what is new
    rules: RuleSet,
    timeline: Timeline,
    ledger: Ledger,
    heard: Heard,
    now: int,
    agenda: Agenda | None = None,
    news: LifeEvent | None = None,
) -> Outcome:
    """Decides what holds for one person.

    Args:
        rules: the rule set.
        timeline: of the person; may hold events later than `now`.
        ledger: what was told so far.
        heard: up to when each feed was heard.
        now: the clock, ms.
        agenda: of the outcome before this one; None: every rule is looked at.
        news: with an agenda, the one line put on the timeline since; None: only the clock moved.

    Returns:
        New decisions, the ledger with them, and when to look again. Deciding again with that
        ledger and the same inputs gives no decisions. With an agenda the decisions are the same,
        found with less work.
    """
    kept: Agenda
    if agenda is None or (news is not None and news.replaces is not None):
        names, kept = _all_names(rules, timeline, ledger), {}
    else:
        names, kept = _concerned(rules, timeline, ledger, now, agenda, news)
    if not names:
        return Outcome((), ledger, min(kept.values()) if kept else None, kept)
    kept = {name: wake_at for name, wake_at in kept.items() if name not in names}
    fields = Fields(rules.decode, rules.calendar)
    decisions: list[Decision] = []
    for name in names:
        family = Family(rules.plans[name], timeline, ledger, heard, now, fields)
        if family.standing or family.found:
            decisions.extend(family.decisions())
            if family.wakes:
                kept[name] = min(family.wakes)
    after = fold_all(ledger, decisions) if decisions else ledger
    return Outcome(tuple(decisions), after, min(kept.values()) if kept else None, kept, fields.errors)


def _all_names(rules: RuleSet, timeline: Timeline, ledger: Ledger) -> Sequence[str]:
    names = rules.possible(timeline.types)
    if not ledger.standing:
        return names
    told = {decision.rule for decision in ledger.standing.values()}
    return [name for name in rules.plans if name in told or name in names]


def _concerned(  # noqa: PLR0913, PLR0917 - as `decide`
    rules: RuleSet, timeline: Timeline, ledger: Ledger, now: int, agenda: Agenda, news: LifeEvent | None
) -> tuple[Sequence[str], Agenda]:
    """The rules to look at, and the agenda of the others.

    Those whose time has come, and those that the new line can concern: they use its type and every
    type they need is there, or a match of theirs stands. One of them that cannot be complete before
    some time has passed after the line is only looked at then.
    """
    names = [name for name, wake_at in agenda.items() if wake_at <= now] if agenda else []
    if news is None:
        return names, agenda
    if ledger.standing:
        told = {decision.rule for decision in ledger.standing.values()}
        names += [name for name in rules.touched(None, news.type) if name in told and name not in names]
    for name in rules.touched(timeline.types, news.type):
        earliest = news.occurred_at + rules.delay_ms[name]
        if name in names:
            continue
        if earliest <= now or not rules.delay_ms[name]:  # the clock of all feeds may be behind this event
            names.append(name)
        elif earliest < agenda.get(name, FOREVER):
            agenda = {**agenda, name: earliest}
    return names, agenda


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
        if not changed:
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
        return not known or is_officers or decision.opened_at < self.timeline.since

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
            self.wakes.append(max(wait.due for wait in still))
        return bool(still)

    def is_over(self, wait: Wait) -> bool:
        """Whether clock and feeds have passed what this waits for."""
        return self.now >= wait.due and self.heard.is_past(wait.feeds, wait.heard)

    def _withdrawn(self, decision: Decision, verdicts: Verdicts) -> Decision:
        live = {event.root for event in self.timeline.live}
        if decision.match in self._withheld:
            reason = "an event it rests on was corrected, and the rule withdraws then"
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
        own = tuple(c for c in own if all(heard.is_known(back.feeds, back.since) for back in c.lookbacks))
    return found if len(own) == len(found.candidates) else Found(own, found.openings)


def _report(claims: Iterable[Claim], settled: Sequence[Claim], calendar: Calendar) -> Verdicts:
    """Applies `report` to the claims of a rule, given in order of completion."""
    sure: list[Claim] = list(settled)
    unsure: list[Claim] = []
    told: list[Candidate] = []
    undecided, displaced = set[str](), set[str]()
    for claim in claims:
        if any(suppresses(other, claim, calendar) for other in sure):
            displaced.add(claim.match)
        elif not claim.is_sure or any(suppresses(other, claim, calendar) for other in unsure):
            unsure.append(claim)
            undecided.add(claim.match)
        else:
            sure.append(claim)
            if claim.candidate is not None:
                told.append(claim.candidate)
    return Verdicts(tuple(told), frozenset(undecided), frozenset(displaced), tuple(sure))


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
    if line.id in timeline.forgotten or find_line(timeline, line.id) is not None:
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
    now = max(line.heard, line.recorded_at)
    before = {candidate.match for candidate in find(plan, timeline, fields, now).candidates}
    after = {candidate.match for candidate in find(plan, in_time, fields, now).candidates}
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
            last = _last_settled(plan, timeline, cut, owned(plan, timeline, fields, heard, now))
            if last is not None:
                resume[plan.rule.key] = last
    return trim(timeline._replace(resume=resume), cut)


def _last_settled(plan: Plan, timeline: Timeline, cut: int, found: Found) -> Position | None:
    """Position up to which runs of a rule are settled, opened before `cut`, ms."""
    resume = timeline.resume.get(plan.rule.key)
    opened = [candidate.first.at for candidate in found.candidates] + [each.first.at for each in found.openings]
    if plan.rule.runs is Runs.FIRST_ONLY:
        return resume or min((place for place in opened if place[0] < cut), default=None)
    if plan.rule.overlap is Overlap.KEEP:
        return resume
    judged: Judged = taken(plan, found, lambda _: True, lambda _: False, resume)
    over = [c.last.at for c, _ in judged if c.first.line.occurred_at < cut]
    return max([*over, *([resume] if resume else [])], default=None)
