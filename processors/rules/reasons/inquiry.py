"""What became of each run of a rule over one timeline, as the engine sees it.

Asks the search how far a run came, and `overlap` and `report` what shuts it out; decides nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from processors.civil_time import window_end
from processors.decisions import DecisionKind
from processors.rules.conditions import Fields
from processors.rules.deciding.family import Claim, Family, suppresses
from processors.rules.matching.absences import Contradiction, conclude
from processors.rules.matching.match import Candidate, Found
from processors.rules.matching.overlap import taken
from processors.rules.matching.plan import AbsencePlan, Plan
from processors.rules.matching.run import Attempt, Ends, Mark, Run, State, Wait
from processors.rules.model import FIRST, NEXT_EVENT, PREVIOUS, ReportKind
from processors.rules.reasons.attempts import bound_steps, fact, last_wait, refused, sought
from processors.rules.reasons.explanation import Absent, FeedHeard, Known, Other, Pending, RunReport, Status, moment


@dataclass
class Inquiry:
    """All versions of one rule over what is known of one subject, after `decide`."""

    plans: tuple[Plan, ...]
    known: Known
    fields: Fields
    told_at: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        known = self.known
        self.family = Family(self.plans, known.timeline, known.ledger, known.heard, known.now, self.fields)
        self.verdicts = self.family.verdicts()
        self.claims = {
            plan.rule.version: {claim.match: claim for claim in self.family.claims(plan, found)}
            for plan, found in self.family.found
        }
        told = (each for each in known.history if each.kind is DecisionKind.MATCHED)
        self.told_at = {decision.match: decision.at for decision in told}

    def reports(self, run: Run, attempt: Attempt, ends: Ends, candidates: Iterable[Candidate]) -> Iterator[RunReport]:
        """What became of one run.

        Args:
            run: over the timeline, as `attempt` was noted.
            attempt: how far it came. ends: what came of it.
            candidates: matches it may be, as `find` has them.
        """
        states = {_roots(state): state for state in ends.complete}
        fired = set[tuple[str, ...]]()
        for candidate in candidates:
            roots = tuple(event.root for step in candidate.steps for event in step.events)
            fired.add(roots)
            yield self._candidate(run.plan, candidate, states[roots])
        contradicted = [
            report for roots, state in states.items() if (report := self._contradicted(run, state, roots in fired))
        ]
        yield from contradicted
        if not fired and not contradicted:
            yield self._unfinished(run, attempt, ends)

    def _candidate(self, plan: Plan, candidate: Candidate, state: State) -> RunReport:
        report = RunReport(
            status=Status.WAITING,
            steps=bound_steps(state),
            match=candidate.match,
            completed_at=candidate.completed_at,
            ends_day=candidate.ends_day,
            fires=candidate.fires,
            silences=tuple(dict.fromkeys(_absent(each.absence) for each in state.trail if isinstance(each, Mark))),
        )
        match = candidate.match
        if match in self.family.standing:
            return self._standing(report, match)
        if match in self.known.ledger.barred:
            return replace(report, status=Status.BARRED)
        if not plan.valid_from <= candidate.completed_at < plan.valid_until:
            return replace(report, status=Status.OTHER_VERSION, version=self._version_at(candidate.completed_at))
        if unknown := self._unknown(candidate):
            return replace(report, status=Status.UNKNOWN, unknown=unknown[0], unknown_since=unknown[1])
        return self._among_others(report, plan, candidate)

    def _among_others(self, report: RunReport, plan: Plan, candidate: Candidate) -> RunReport:
        """What other matches of the rule make of it."""
        claim = self.claims.get(plan.rule.version, {}).get(candidate.match)
        if claim is None:
            return replace(report, status=Status.OVERLAPPED, other=self._overlapping(plan, candidate))
        if candidate.match in self.verdicts.undecided:
            return self._undecided(report, plan, claim)
        return self._suppressed(report, claim)

    def _standing(self, report: RunReport, match: str) -> RunReport:
        told = self.family.standing[match]
        is_officers = match in self.known.ledger.with_officer
        return replace(
            report,
            status=Status.WITH_OFFICER if is_officers else Status.MATCHED,
            told_at=self.told_at.get(match),
            known_at=told.known_at,
        )

    def _version_at(self, completed_at: int) -> int | None:
        return next((p.rule.version for p in self.plans if p.valid_from <= completed_at < p.valid_until), None)

    def _unknown(self, candidate: Candidate) -> tuple[tuple[FeedHeard, ...], int] | None:
        """Feeds that began too late for an absence that looks back, and since when they would be needed."""
        heard = self.known.heard
        for back in candidate.lookbacks:
            if not heard.is_known(back.feeds, back.since):
                late = (feed for feed in back.feeds if not heard.is_known((feed,), back.since))
                return tuple(FeedHeard(feed, heard.began.get(feed, heard.every_began)) for feed in late), back.since
        return None

    def _overlapping(self, plan: Plan, candidate: Candidate) -> Other | None:
        """The match that shuts it out; None: one settled before what is kept."""
        for claim in self.claims.get(plan.rule.version, {}).values():
            if claim.candidate is not None and _shuts_out(plan, claim.candidate, candidate):
                return _other(claim)
        return None

    def _undecided(self, report: RunReport, plan: Plan, claim: Claim) -> RunReport:
        """It waits for the clock or a feed, or for another match of the rule that does."""
        assert claim.candidate is not None
        if pending := self._pending(claim.candidate.waits):
            return replace(report, pending=pending)
        others = (each for each in self.claims[plan.rule.version].values() if each.match != claim.match)
        may = (each for each in others if self._may_keep_out(plan, each, claim))
        other = next(may, None)
        return replace(report, status=Status.HELD_BACK, other=_other(other) if other is not None else None)

    @staticmethod
    def _may_keep_out(plan: Plan, other: Claim, claim: Claim) -> bool:
        assert claim.candidate is not None
        if other.is_sure or other.candidate is None:
            return False
        return _shuts_out(plan, other.candidate, claim.candidate) or suppresses(other, claim, plan.calendar)

    def _pending(self, waits: Iterable[Wait]) -> tuple[Pending, ...]:
        """Those that have yet to pass."""
        return tuple(self._awaited(wait) for wait in waits if not self.family.is_over(wait))

    def _awaited(self, wait: Wait) -> Pending:
        """What has yet to pass, and which feeds have not been heard so far."""
        heard, absence = self.known.heard, wait.absence
        behind = tuple(
            FeedHeard(feed, heard.feeds.get(feed, heard.every))
            for feed in wait.feeds
            if not heard.is_past((feed,), wait.heard)
        )
        settles = absence.source.settles_ms if absence is not None else 0
        return Pending(
            absence=None if absence is None else _absent(absence),
            end=moment(wait.heard + 1 - settles),
            due=moment(wait.due),
            is_clock=self.known.now < wait.due,
            heard_to=moment(wait.heard),
            feeds=behind,
            is_input=not wait.feeds and not heard.is_past((), wait.heard),
        )

    def _suppressed(self, report: RunReport, claim: Claim) -> RunReport:
        """`report` keeps it from being told, or an old version told the same run."""
        calendar = self.plans[0].calendar
        by = next((each for each in self.verdicts.sure if suppresses(each, claim, calendar)), None)
        if by is None:
            return replace(report, status=Status.HELD_BACK)
        if by.version != claim.version and by.root == claim.root:
            return replace(report, status=Status.OLD_VERSION, other=_other(by))
        pause = claim.report.pause if claim.report.kind is ReportKind.NOT_AGAIN else None
        until = None if pause is None else window_end(by.completed_at, pause, calendar)
        return replace(report, status=Status.NOT_REPORTED, other=replace(_other(by), until=until))

    def _contradicted(self, run: Run, state: State, has_fired: bool) -> RunReport | None:
        """The absence that does not hold, or that can never be known to, if there is one."""
        concluded, steps = conclude(run, state), bound_steps(state)
        again = _again(state)
        if not isinstance(concluded, Contradiction) and not has_fired and again is not None:
            once = replace(again, step=replace(again.step, is_again=False))
            concluded = conclude(run, state._replace(trail=(*state.trail[:-1], Mark(once))))
            if not isinstance(concluded, Contradiction):
                return RunReport(Status.BROKEN, steps, absence=_absent(again))
        if not isinstance(concluded, Contradiction):
            return None
        report = RunReport(Status.CONTRADICTED, steps, absence=_absent(concluded.absence))
        if concluded.event is not None:
            return replace(report, stopped_by=fact(concluded.event))
        unbound = _unbound(concluded.absence, state)
        if unbound is None and concluded.absence.step.until == NEXT_EVENT:
            return replace(report, status=Status.OPEN)
        return replace(report, absence=replace(_absent(concluded.absence), name=unbound))

    def _unfinished(self, run: Run, attempt: Attempt, ends: Ends) -> RunReport:
        """The furthest step it reached, and the one it could not bind."""
        pending = self._pending(ends.opens)
        failed, wait = refused(run, attempt), last_wait(run, attempt)
        run.attempt = None
        needed = sought(run, attempt)
        if needed is not None and wait is not None:
            needed = replace(needed, is_over=attempt.event is not None or self.family.is_over(wait))
        return RunReport(
            status=Status.OPEN if pending else Status.BROKEN,
            steps=bound_steps(attempt.state),
            pending=pending,
            sought=needed,
            stopped_by=None if attempt.event is None else fact(attempt.event),
            refusals=failed,
        )


def _roots(state: State) -> tuple[str, ...]:
    return tuple(event.root for events in state.names().values() for event in events)


def _shuts_out(plan: Plan, other: Candidate, candidate: Candidate) -> bool:
    """Whether a match alone keeps another out, by the rule's `overlap`."""
    both = taken(plan, Found((other, candidate), ()), lambda _: True, lambda _: False, None)
    return other.match != candidate.match and all(each.match != candidate.match for each, _ in both)


def _other(claim: Claim) -> Other:
    ends_day = claim.candidate is not None and claim.candidate.ends_day
    return Other(claim.match, claim.version, claim.opened[0], claim.completed_at, ends_day)


def _absent(absence: AbsencePlan) -> Absent:
    step = absence.step
    return Absent(step.position, tuple(member.type for member in step.members), step.is_all)


def _unbound(absence: AbsencePlan, state: State) -> str | None:
    """The name an absence counts from, if nothing is bound under it."""
    name = absence.step.anchor
    return None if name in (None, FIRST, PREVIOUS) or name in state.names() else name


def _again(state: State) -> AbsencePlan | None:
    """The trailing absence that fires again and again; it is asked for its first time alone to see why it did not."""
    last = state.trail[-1]
    return last.absence if isinstance(last, Mark) and last.absence.step.is_again else None
