"""How long and how much a rule can hold: every open end has a limit, and none is out of proportion."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from processors.civil_time import DAY_MS, Duration
from processors.events import EventType
from processors.rules.model import (
    ANY_TYPE,
    NEXT_EVENT,
    AbsenceStep,
    CountStep,
    EventStep,
    GroupStep,
    How,
    Problem,
    Rule,
    Step,
    walk,
)

LONGEST_DAYS = 20 * 366
"""Longest horizon of a rule, days."""
MOST_STEPS = 50
"""Most steps of a rule, those in groups counted too."""
MOST_FORKS = 2
"""Most steps of a rule at which a run forks: `each: true`, `how: each`."""


def span_ms(rule: Rule) -> int:
    """The sum of a rule's windows, ms; one that is repeated without a window around it counts as often as it can."""
    is_held = rule.within is not None
    return _ms(rule.within) + sum(step_ms(step, is_held=is_held) for step in rule.steps)


def durations(rule: Rule) -> Iterator[Duration]:
    """Every duration a rule speaks of, its own `within` first."""
    found: list[Duration | None] = [rule.within]
    for step in walk(rule.steps):
        match step:
            case AbsenceStep():
                found.append(step.duration)
            case CountStep():
                found += [step.in_any, step.within.duration if step.within else None]
            case EventStep() | GroupStep():
                found += [step.within.duration if step.within else None, step.repetition.max_gap]
        if isinstance(step, EventStep):
            found += [silence.duration for silence in step.silences]
    return (duration for duration in found if duration is not None)


def _ms(duration: Duration | None) -> int:
    return 0 if duration is None else duration.at_most_ms


def step_ms(step: Step, *, is_held: bool) -> int:
    """Windows of one step; `is_held`: a window around it bounds how far its repetition goes."""
    if isinstance(step, AbsenceStep):
        return _ms(step.duration)
    window = 0 if step.within is None else step.within.duration.at_most_ms
    if isinstance(step, CountStep):
        return window + _ms(step.in_any)
    is_held = is_held or step.within is not None
    rounds = 1 if is_held else step.repetition.most or 1
    gaps = _ms(step.repetition.max_gap) * (1 if is_held else rounds - 1)
    if isinstance(step, GroupStep):
        return window + gaps + rounds * sum(step_ms(each, is_held=is_held) for each in step.steps)
    return window + gaps + sum(_ms(silence.duration) for silence in step.silences)


def check_limits(rule: Rule) -> Iterator[Problem]:
    """Every open end has a time limit (`within`, `for`, `in_any`)."""
    is_limited = rule.within is not None
    yield from _open_ends(rule, rule.steps, is_limited=is_limited, is_first=True)
    if is_limited:
        return
    for step in rule.absences:
        if step.is_again:
            yield Problem(rule.file, step.line, "`again` has no end", "add `within: 1 year` to the rule")
    for step in _waiting(rule.steps, is_followed=False):
        remedy = "add `within: 60 days` to the rule, or a later step"
        yield Problem(rule.file, step.line, "`until: next event` waits without a time limit", remedy)


def _waiting(steps: Sequence[Step], *, is_followed: bool) -> Iterator[AbsenceStep]:
    """Absences until the next event that no later step brings about."""
    for number, step in enumerate(steps):
        is_sure = is_followed or any(
            not isinstance(later, AbsenceStep) and not later.is_optional for later in steps[number + 1 :]
        )
        if isinstance(step, GroupStep):
            yield from _waiting(step.steps, is_followed=is_sure)
        elif isinstance(step, AbsenceStep) and step.until == NEXT_EVENT and not is_sure:
            yield step


def _open_ends(rule: Rule, steps: Iterable[Step], *, is_limited: bool, is_first: bool) -> Iterator[Problem]:
    """Steps that may wait for ever.

    Args:
        rule: the rule.
        steps: of the rule, or of a group.
        is_limited: the rule or an enclosing group has a window.
        is_first: the first of the steps opens the run.
    """
    for step in steps:
        if isinstance(step, AbsenceStep):
            continue
        is_held = is_limited or step.within is not None
        if isinstance(step, GroupStep) and (is_held or _has_limited_rounds(step, is_first)):
            yield from _open_ends(rule, step.steps, is_limited=is_held, is_first=is_first)
        elif not is_held and not (is_first and _is_bounded(step)):
            remedy = f"add `within: 60 days of {'first' if is_first else 'previous'}`"
            yield Problem(rule.file, step.line, "the step has no time limit", remedy)
        is_first = False


def _has_limited_rounds(group: GroupStep, is_first: bool) -> bool:
    """Whether the number of its rounds is bounded, and, if no step before limits them, the time between them."""
    times = group.repetition
    return times.most == 1 or (times.most is not None and (not is_first or times.max_gap is not None))


def _is_bounded(step: Step) -> bool:
    """Whether an opening step comes to an end by itself."""
    if not isinstance(step, EventStep):
        return isinstance(step, CountStep)
    times = step.repetition
    if times.most == 1:
        return not step.is_all
    return times.most is not None and times.max_gap is not None and not step.is_all


def check_size(rule: Rule, kept: Mapping[str, EventType]) -> Iterator[Problem]:
    """No rule matches everything, holds more than anybody needs, or looks back beyond what is kept.

    Args:
        rule: any rule.
        kept: the catalogue; empty for experiments.
    """
    steps = list(walk(rule.steps))
    if len(steps) > MOST_STEPS:
        yield Problem(
            rule.file, steps[MOST_STEPS].line, f"the rule has {len(steps)} steps", f"use at most {MOST_STEPS}"
        )
    forks = [step for step in steps if _is_fork(step)]
    if len(forks) > MOST_FORKS:
        problem = f"matches multiply: {len(forks)} steps make a match of each event"
        yield Problem(rule.file, forks[MOST_FORKS].line, problem, f"use `each` in at most {MOST_FORKS} steps")
    if not rule.absences and all(_is_any(step) for step in rule.bindings):
        line = steps[0].line if steps else 1
        yield Problem(
            rule.file, line, "the rule matches everything", 'name event types instead of `"*"`, or add `where`'
        )
    yield from _horizon(rule, kept)


def _is_fork(step: Step) -> bool:
    if isinstance(step, EventStep) and step.is_each:
        return True
    return isinstance(step, EventStep | GroupStep) and step.repetition.how is How.EACH


def _is_any(step: Step) -> bool:
    if not isinstance(step, EventStep) or step.where is not None:
        return False
    return any(member.type == ANY_TYPE and member.where is None for member in step.members)


def _horizon(rule: Rule, kept: Mapping[str, EventType]) -> Iterator[Problem]:
    horizon_ms = span_ms(rule) + rule.late_accept.at_most_ms
    days = -(-horizon_ms // DAY_MS)
    line = rule.lines.get("within", rule.lines.get("steps", 1))
    if days > LONGEST_DAYS:
        problem = f"the windows of the rule together span {days:,} days"
        yield Problem(rule.file, line, problem, f"shorten them: a rule looks back {LONGEST_DAYS:,} days at most")
    for step in walk(rule.steps):
        for name in sorted(step.all_types & kept.keys()) if not isinstance(step, GroupStep) else ():
            limit = kept[name].kept_for
            if limit is not None and limit.at_most_ms < horizon_ms:
                problem = f"`{name}` is kept for {limit}, and the rule looks back up to {days:,} days"
                remedy = "shorten its windows or `late.accept`, or keep the type for longer in catalogue.yaml"
                yield Problem(rule.file, step.line, problem, remedy)
