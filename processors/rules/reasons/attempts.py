"""How far a run came, read from what the search noted: the step it could not bind, and why.

Matches nothing itself: the search says where it was stuck, and whether an event fits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from processors.rules.conditions import ATTRIBUTES, ENVELOPE, Fields, shown_path
from processors.rules.expressions import FIRST_OF, LAST_OF, PLACES, Path
from processors.rules.matching.compiling import sources
from processors.rules.matching.plan import AbsencePlan, AllPlan, CountPlan, GroupPlan, NodePlan, OnePlan, RepeatPlan
from processors.rules.matching.run import CLOSED, Attempt, Bound, Rejection, Run, State, Tight, Wait, waiting
from processors.rules.model import GroupStep, Step, walk
from processors.rules.reasons.explanation import BoundStep, Fact, Read, Refusal, Sought, moment
from processors.timeline import LiveEvent

Leaf = OnePlan | AllPlan | CountPlan


def fact(event: LiveEvent) -> Fact:
    """An event as an explanation names it."""
    line = event.line
    return Fact(line.id, line.type, line.agency, line.occurred_at, line.recorded_at)


def bound_steps(state: State) -> tuple[BoundStep, ...]:
    """What a run has bound, in order."""
    return tuple(BoundStep(name, tuple(map(fact, events))) for name, events in state.names().items())


def leaf(node: NodePlan) -> Leaf:
    """The node that binds the first event of a step."""
    match node:
        case RepeatPlan():
            return leaf(node.unit)
        case GroupPlan():
            return leaf(next(each for each in node.nodes if not isinstance(each, AbsencePlan)))
        case AbsencePlan():
            raise AssertionError("an absence binds nothing")
        case _:
            return node


def _by_order(nodes: Iterable[NodePlan]) -> Iterator[tuple[int, NodePlan]]:
    """Every node that may be stuck, by its order; a repetition stands for its unit."""
    for node in nodes:
        yield node.order, node
        unit = node.unit if isinstance(node, RepeatPlan) else node
        if isinstance(unit, GroupPlan):
            yield from _by_order(unit.nodes)


def sought(run: Run, attempt: Attempt) -> Sought | None:
    """The step a run could not bind; None if it bound them all."""
    if attempt.order is None:
        return None
    node = dict(_by_order(run.plan.nodes))[attempt.order]
    assert not isinstance(node, AbsencePlan), "an absence is passed, never stuck"
    binding, state, end = leaf(node), attempt.state, moment(attempt.limit.end)
    is_closed = attempt.limit == CLOSED
    needed, found = _numbers(run, node, attempt)
    return Sought(
        position=node.step.position,
        name=None if isinstance(node.step, GroupStep) else node.step.name,
        types=_types(binding, state),
        is_all=isinstance(binding, AllPlan),
        is_next=state.tight is Tight.NEXT or getattr(node, "is_right_after", False),
        needed=needed,
        found=found,
        end=None if is_closed else end,
        counts_from=node.step.within.anchor if is_closed and node.step.within is not None else None,
        too_late=_too_late(run, binding, attempt) if attempt.event is None and not is_closed else None,
    )


def last_wait(run: Run, attempt: Attempt) -> Wait | None:
    """What has to pass before the step a run was stuck at can bind nothing any more."""
    if attempt.order is None:
        return None
    return waiting(attempt.limit, dict(_by_order(run.plan.nodes))[attempt.order].source)


def _types(binding: Leaf, state: State) -> tuple[str, ...]:
    """What would be taken; of `all_of` what is still missing."""
    bound = {each.member for each in state.trail if isinstance(each, Bound) and each.order == binding.order}
    is_part = isinstance(binding, AllPlan) and len(bound) < binding.choice.size
    members = [m for place, m in enumerate(binding.step.members) if not (is_part and place in bound)]
    return tuple(dict.fromkeys(member.type for member in members))


def _numbers(run: Run, node: NodePlan, attempt: Attempt) -> tuple[int, int]:
    """How many events or rounds a step needs, and how many there are."""
    binding = leaf(node)
    if isinstance(binding, CountPlan):
        return binding.step.count, closest(run, binding, attempt.state, attempt.limit.end)
    if isinstance(node, RepeatPlan) and node.times.least > 1:
        rounds = sum(isinstance(each, Bound) and each.order == binding.order for each in attempt.state.trail)
        return node.times.least, rounds
    return 1, 0


def closest(run: Run, count: CountPlan, state: State, end: int) -> int:
    """How many of the events a sliding count looks for came close enough together, at most.

    Args:
        run: over the timeline.
        count: the step.
        state: in which it is looked for.
        end: ms, exclusive; later events do not matter.
    """
    places = [place for place in range(state.next, len(run.live)) if run.live[place].line.occurred_at < end]
    fitting = [run.live[place] for place in places if run.fit(count.choice, place, state) is not None]
    return max((len(_together(run, count, fitting[start:])) for start in range(len(fitting))), default=0)


def _together(run: Run, count: CountPlan, events: Sequence[LiveEvent]) -> set[str]:
    end, field = run.after(events[0], count.step.in_any).end, count.step.distinct
    near = (event for event in events if event.line.occurred_at < end)
    return {str(getattr(event.line, field)) if field else event.root for event in near}


def _too_late(run: Run, binding: Leaf, attempt: Attempt) -> Fact | None:
    """The first event that would fit but for the window."""
    for place in range(attempt.state.next, len(run.live)):
        event = run.live[place]
        if event.line.occurred_at >= attempt.limit.end and run.fit(binding.choice, place, attempt.state) is not None:
            return fact(event)
    return None


def refusals(rejected: Iterable[Rejection], step: Step, fields: Fields) -> tuple[Refusal, ...]:
    """Conditions of a step that were false; of an event tried several times the last."""
    own = {source for each in walk((step,)) for source in sources(each)}
    last = {(each.event.root, each.condition.source): each for each in rejected if each.condition.source in own}
    return tuple(_refusal(each, fields) for each in sorted(last.values(), key=lambda each: each.event.at))


def refused(run: Run, attempt: Attempt) -> tuple[Refusal, ...]:
    """Conditions of the step a run could not bind that were false."""
    if attempt.order is None:
        return ()
    node = dict(_by_order(run.plan.nodes))[attempt.order]
    bound = {each.event.root for each in attempt.state.trail if isinstance(each, Bound)}
    return refusals((each for each in attempt.rejected if each.event.root not in bound), node.step, run.fields)


def _refusal(rejection: Rejection, fields: Fields) -> Refusal:
    paths = {shown_path(path): path for path in rejection.condition.paths}
    reads = tuple(Read(shown, _value(paths[shown], rejection, fields)) for shown in sorted(paths))
    verdict = rejection.verdict
    return Refusal(fact(rejection.event), rejection.condition.source, reads, verdict.missing, verdict.error)


def _value(path: Path, rejection: Rejection, fields: Fields) -> Any:  # noqa: ANN401 - an attribute, or a list of them
    root, *rest = path
    own = fields.attributes(rejection.event)
    if root in rejection.names:
        return _inside(fields.seen(rejection.names[root], None), rest)
    if root == ATTRIBUTES:
        return _inside(own, rest)
    return fields.envelope(rejection.event, root) if root in ENVELOPE else own.get(root)


def _inside(value: Any, path: Sequence[str]) -> Any:  # noqa: ANN401 - whatever stands under a name
    if not path:
        return len(value) if isinstance(value, list) else None if isinstance(value, Mapping) else value
    word, *rest = path
    if word not in PLACES:
        return _inside(value.get(word), rest) if isinstance(value, Mapping) else None
    elements = value if isinstance(value, list) else []
    if word in (FIRST_OF, LAST_OF):
        return _inside(elements[0 if word == FIRST_OF else -1], rest) if elements else None
    return tuple(_inside(each, rest) for each in elements)
