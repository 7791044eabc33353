"""Why there is a match of a rule for a person or household, or none (`rules.md`, Meaning 12).

The truth is the engine's: what stands is what `decide` says, runs are those of the search. Says nothing
of other rules; in plain words it is said by `saying`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from processors.decisions import BoundEvent, Decision, DecisionKind
from processors.rules.checking.limits import durations
from processors.rules.conditions import Fields
from processors.rules.deciding.decide import decide
from processors.rules.matching.match import Candidate, find, way_of
from processors.rules.matching.plan import CountPlan, Plan
from processors.rules.matching.run import Attempt, Ends, Rejection, Run, State
from processors.rules.matching.view import visible
from processors.rules.model import ANY_TYPE, Runs, name_of
from processors.rules.reasons.attempts import fact, leaf, refusals
from processors.rules.reasons.explanation import (
    BoundStep,
    Explanation,
    Fact,
    Known,
    LateFact,
    RunReport,
    Status,
    VersionReport,
    Withdrawal,
    moment,
)
from processors.rules.reasons.inquiry import Inquiry
from processors.rules.ruleset import RuleSet
from processors.timeline import LiveEvent, is_late

__all__ = ["Known", "why"]

_START = State(0)


def why(rules: RuleSet, rule: str, name: str, known: Known) -> Explanation:
    """Why a rule matches a subject, or does not.

    Args:
        rules: the rule set, reading the attributes that the timeline carries.
        rule: its name; must be in the set, and read timelines of the subject's kind in every version.
        name: pseudonym of the subject.
        known: what is known of the subject. What is due by then is decided first.

    Returns:
        The versions that matter: those valid at the clock, and those to which a run belongs.
    """
    plans = rules.plans[rule]
    known = _decided(rules, plans, known)
    inquiry = Inquiry(plans, known, Fields(rules.decode, rules.calendar))
    reports = [_version(inquiry, plan) for plan in plans]
    reports = [_with_history(inquiry, report, is_newest=report is reports[-1]) for report in reports]
    matters = [report for report in reports if report.is_valid or any(_is_own(run) for run in report.runs)]
    newest = plans[-1].rule
    live = [event for event in known.timeline.live if any(_uses(plan, event.line.type) for plan in plans)]
    return Explanation(
        rule=rule,
        title=tuple(newest.title.items()),
        subject=newest.per,
        name=name,
        now=known.now,
        versions=tuple(matters or reports[-1:]),
        seen=tuple(sorted(Counter(event.line.type for event in live).items())),
    )


def _decided(rules: RuleSet, plans: tuple[Plan, ...], known: Known) -> Known:
    """What is known, with what is due by the clock decided."""
    alone = RuleSet.of(rules.deployment, {plans[0].rule.name: plans}, rules.decode)
    outcome = decide(alone, known.timeline, known.ledger, known.heard, known.now)
    own = tuple(each for each in known.history if each.rule == plans[0].rule.name)
    return replace(known, ledger=outcome.ledger, history=(*own, *outcome.decisions))


def _is_own(run: RunReport) -> bool:
    """Whether a run says something about the version itself, valid or not."""
    return run.status not in (Status.OTHER_VERSION, Status.BROKEN, Status.OPEN, Status.CONTRADICTED)


def _uses(plan: Plan, event_type: str) -> bool:
    types = plan.rule.types
    return event_type in types or (ANY_TYPE in types and (plan.sees is None or event_type in plan.sees))


def _version(inquiry: Inquiry, plan: Plan) -> VersionReport:
    timeline, now, rule = inquiry.known.timeline, inquiry.known.now, plan.rule
    live = visible(plan, timeline, inquiry.fields)
    opening = leaf(plan.nodes[0])
    runs, rejected = _runs(inquiry, plan, live)
    seen = {event.root for event in live}
    return VersionReport(
        version=rule.version,
        valid_from=moment(plan.valid_from),
        valid_until=moment(plan.valid_until),
        is_valid=plan.valid_from <= now < plan.valid_until,
        opens_with=tuple(dict.fromkeys(member.type for member in opening.step.members)),
        needs=opening.step.count if isinstance(opening, CountPlan) else 1,
        is_first_only=rule.runs is Runs.FIRST_ONLY,
        has_hours=any(duration.is_exact for duration in durations(rule)),
        runs=tuple(runs),
        refusals=refusals(rejected, opening.step, inquiry.fields),
        ignored=tuple(
            fact(event)
            for event in timeline.view(plan.lateness)
            if rule.repeats is not None and event.root not in seen and _uses(plan, event.line.type)
        ),
        late=tuple(_late(inquiry, plan)),
        accepts=rule.late_accept,
    )


def _runs(inquiry: Inquiry, plan: Plan, live: Sequence[LiveEvent]) -> tuple[list[RunReport], list[Rejection]]:
    """What became of every run, and the conditions that kept events from opening one."""
    candidates: dict[str, list[Candidate]] = {}
    for each in find(plan, inquiry.known.timeline, inquiry.fields, inquiry.known.now).candidates:
        candidates.setdefault(each.first.root, []).append(each)
    runs: list[RunReport] = []
    rejected: list[Rejection] = []
    for event, run, attempt, ends in _attempts(inquiry, plan, live):
        if ends is None:
            rejected.extend(attempt.rejected)
            continue
        reports = inquiry.reports(run, attempt, ends, candidates.get(event.root, ()))
        runs.extend(each if each.steps else _opened(plan, each, event) for each in reports)
        if plan.rule.runs is Runs.FIRST_ONLY:
            break
    return runs, rejected


def _opened(plan: Plan, report: RunReport, event: LiveEvent) -> RunReport:
    """A run that ended with its first step: what is known of it is the event that opened it."""
    step = leaf(plan.nodes[0]).step
    return replace(report, steps=(BoundStep(name_of(step, step.members[0]), (fact(event),)),))


def _attempts(
    inquiry: Inquiry, plan: Plan, live: Sequence[LiveEvent]
) -> Iterator[tuple[LiveEvent, Run, Attempt, Ends | None]]:
    """The search from each event, noting how far it comes."""
    for place, event in enumerate(live):
        run, attempt = Run(plan, live, inquiry.fields), Attempt()
        run.attempt = attempt
        yield event, run, attempt, way_of(plan).at(run, _START, place)


def _late(inquiry: Inquiry, plan: Plan) -> Iterator[LateFact]:
    """Lines of the rule's types that came too late for it."""
    lines = inquiry.known.timeline.lines
    by_id = {line.id: line for line in lines}
    for line in lines:
        if _uses(plan, line.type) and is_late(by_id, line, plan.lateness):
            event = Fact(line.id, line.type, line.agency, line.occurred_at, line.recorded_at)
            yield LateFact(event, line.heard)


def _with_history(inquiry: Inquiry, report: VersionReport, *, is_newest: bool) -> VersionReport:
    """The report with what was told and is no run any more: settled matches, withdrawn ones."""
    gone = _withdrawn(inquiry)
    runs = [replace(run, withdrawal=gone.get(run.match)) if run.match in gone else run for run in report.runs]
    known = {run.match for run in runs}
    versions = {plan.rule.version for plan in inquiry.plans}
    for told in (*inquiry.family.standing.values(), *_last_told(inquiry.known.history, gone)):
        is_here = told.version == report.version or (is_newest and told.version not in versions)
        if is_here and told.match not in known:
            runs.append(_from_decision(inquiry, told, gone.get(told.match)))
    return replace(report, runs=tuple(sorted(runs, key=_age)))


def _age(run: RunReport) -> tuple[int, bool, int]:
    """Runs in order of opening; of one opening event what was told first, first."""
    return run.opened_at, run.told_at is None, run.told_at or 0


def _withdrawn(inquiry: Inquiry) -> dict[str, Withdrawal]:
    """Matches that were told and do not stand, with why."""
    history, standing = inquiry.known.history, inquiry.family.standing
    instead = {each.replaces: each.match for each in history if each.replaces is not None}
    live = {event.root: event for event in inquiry.known.timeline.live}
    found = {}
    for decision in history:
        if decision.kind is DecisionKind.WITHDRAWN and decision.match not in standing:
            annulled = (event for event in decision.events if event.root not in live)
            corrected = (e for e in decision.events if e.root in live and live[e.root].line.id != e.id)
            found[decision.match] = Withdrawal(
                decision.at, _facts(annulled), _facts(corrected), instead.get(decision.match)
            )
    return found


def _last_told(history: Iterable[Decision], gone: dict[str, Withdrawal]) -> list[Decision]:
    told = {each.match: each for each in history if each.kind is DecisionKind.MATCHED and each.match in gone}
    return list(told.values())


def _facts(events: Iterable[BoundEvent]) -> tuple[Fact, ...]:
    return tuple(Fact(e.id, e.type, e.agency, e.occurred_at, e.recorded_at) for e in events)


def _from_decision(inquiry: Inquiry, told: Decision, withdrawal: Withdrawal | None) -> RunReport:
    """A match as it was told: it is older than what is kept, in an officer's hands, or withdrawn."""
    steps: dict[str, list[BoundEvent]] = {}
    for event in told.events:
        steps.setdefault(event.step, []).append(event)
    is_officers = told.match in inquiry.known.ledger.with_officer
    standing = Status.WITH_OFFICER if is_officers else Status.MATCHED
    return RunReport(
        status=standing if withdrawal is None else Status.WITHDRAWN,
        steps=tuple(BoundStep(name, _facts(events)) for name, events in steps.items()),
        match=told.match,
        completed_at=told.completed_at,
        told_at=inquiry.told_at.get(told.match),
        known_at=told.known_at,
        withdrawal=withdrawal,
        version=told.version,
        is_settled=withdrawal is None and not is_officers,
    )
