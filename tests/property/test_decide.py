"""Properties of `decide`: order of arrival, copies, restarts and neighbours change nothing, and a
brute-force matcher written from the specification agrees."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from processors.civil_time import DAY_MS, Calendar
from processors.events import ChangeKind, LifeEvent
from processors.rules import ledger as ledgers
from processors.rules.checking.check import Deployment
from processors.rules.deciding.decide import decide
from processors.rules.deciding.heard import Heard
from processors.rules.lines import json_attributes
from processors.rules.ruleset import RuleSet
from processors.timeline import EMPTY, Timeline, apply

T0 = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
END = T0 + 400 * DAY_MS
RULES = {
    "absent.yaml": "rule: absent\nversion: 1\nsteps:\n  - {when: a, as: x}\n  - {absent: b, for: 5 days after x}\n",
    "until.yaml": (
        "rule: until\nversion: 1\nreport: not again for 10 days\nsteps:\n  - {when: a, as: x}\n"
        "  - {absent: b, for: 3 days after x, until: y}\n"
        "  - {then: {any_of: [c, d]}, as: y, within: less than 9 days of x}\n"
    ),
    "count.yaml": "rule: count\nversion: 1\noverlap: keep\nsteps:\n  - {at_least: 3 a, in_any: 1 weeks, as: n}\n",
    "once.yaml": (
        "rule: once\nversion: 1\nreport: once\nwithin: 12 days\nsteps:\n  - {when: a, as: x}\n  - {then: c, as: y}\n"
        "  - {absent: {any_of: [b, d]}, until: z}\n  - {then: a, as: z}\n"
    ),
    "distinct.yaml": (
        "rule: distinct\nversion: 1\nsteps:\n"
        "  - {at_least: 2 c, in_any: 6 days, distinct: agency, as: n}\n"
    ),
}  # fmt: skip


def _rules() -> RuleSet:
    documents = {name: text.replace("1 weeks", "1 week") for name, text in RULES.items()}
    rules = RuleSet.load(documents, Deployment(calendar=Calendar("UTC")), json_attributes)
    assert isinstance(rules, RuleSet), rules
    return rules


SET = _rules()


@st.composite
def lines(draw: st.DrawFn, most: int = 12) -> list[LifeEvent]:
    """Events of one person within 30 days; some of them annulled or corrected later on."""
    found: list[LifeEvent] = []
    for number in range(draw(st.integers(0, most))):
        day = draw(st.integers(0, 30))
        hour = draw(st.sampled_from([0, 0, 12]))
        at = T0 + day * DAY_MS + hour * 3_600_000
        kind, agency = draw(st.sampled_from("abcd")), draw(st.sampled_from("mn"))
        found.append(LifeEvent(f"e{number}", kind, "p", "h", "z", agency, "f", at, at, number))
    for number, line in enumerate(list(found)):
        fate = draw(st.sampled_from(["stands"] * 5 + ["annulled", "corrected"]))
        if fate == "annulled":
            found.append(
                replace(line, id=f"x{number}", change=ChangeKind.ANNULLED, replaces=line.id, arrival=100 + number)
            )
        elif fate == "corrected":
            moved = line.occurred_at + draw(st.integers(-3, 3)) * DAY_MS
            change = {"change": ChangeKind.CORRECTED, "replaces": line.id, "arrival": 100 + number}
            found.append(replace(line, id=f"k{number}", occurred_at=moved, recorded_at=line.recorded_at + 1, **change))
    return found


def told(history: list[LifeEvent], rules: RuleSet = SET, at: int = END) -> set[tuple[str, int, tuple[str, ...]]]:
    """What stands in the end: rule, completion, roots of the events."""
    timeline = EMPTY
    for line in history:
        timeline, _ = apply(timeline, line)
    return standing(decide(rules, timeline, ledgers.EMPTY, Heard(every=at), at).ledger)


def standing(ledger: ledgers.Ledger) -> set[tuple[str, int, tuple[str, ...]]]:
    return {(d.rule, d.completed_at, tuple(e.root for e in d.events)) for d in ledger.standing.values()}


@settings(max_examples=200, deadline=None)
@given(lines(), st.randoms(use_true_random=False))
def test_any_order_of_arrival_and_any_copies_end_alike(history: list[LifeEvent], chance: random.Random) -> None:
    shuffled = [*history, *(line for line in history if chance.random() < 0.3)]
    chance.shuffle(shuffled)
    assert told(shuffled) == told(history)


@settings(max_examples=200, deadline=None)
@given(lines(), st.randoms(use_true_random=False))
def test_deciding_after_every_line_ends_like_deciding_once(history: list[LifeEvent], chance: random.Random) -> None:
    """Whatever is told and withdrawn on the way, and wherever the process restarts from its decisions."""
    timeline, ledger, decisions = EMPTY, ledgers.EMPTY, []
    for line in chance.sample(history, len(history)):
        timeline, _ = apply(timeline, line)
        now = T0 + chance.randrange(60) * DAY_MS
        outcome = decide(SET, timeline, ledger, Heard(every=now), now)
        decisions += outcome.decisions
        ledger = ledgers.fold_all(ledgers.EMPTY, decisions) if chance.random() < 0.5 else outcome.ledger
        again = decide(SET, timeline, ledger, Heard(every=now), now)
        assert again.decisions == ()
    ended = standing(decide(SET, timeline, ledger, Heard(every=END), END).ledger)
    assert _matches(ended) == _matches(told(history))


def _matches(found: set[tuple[str, int, tuple[str, ...]]]) -> set[tuple[str, tuple[str, ...]]]:
    """Without completion: a match that still holds with another one is not told again (Meaning 6)."""
    return {(rule, roots) for rule, _, roots in found}


@settings(max_examples=100, deadline=None)
@given(lines())
def test_following_wake_at_ends_like_deciding_once(history: list[LifeEvent]) -> None:
    timeline = _timeline(history)
    outcome = decide(SET, timeline, ledgers.EMPTY, Heard(every=T0), T0)
    while outcome.wake_at is not None:
        now = outcome.wake_at
        outcome = decide(SET, timeline, outcome.ledger, Heard(every=now), now)
        assert outcome.wake_at is None or outcome.wake_at > now
        assert all(decision.at == now for decision in outcome.decisions)
    assert standing(outcome.ledger) == told(history)


def _timeline(history: list[LifeEvent]) -> Timeline:
    timeline = EMPTY
    for line in history:
        timeline, _ = apply(timeline, line)
    return timeline


@settings(max_examples=100, deadline=None)
@given(lines())
def test_annulled_and_restored_under_a_new_id_is_told_as_before(history: list[LifeEvent]) -> None:
    created = [line for line in history if line.change is ChangeKind.CREATED]
    annulments = [
        replace(line, id=f"annul-{line.id}", change=ChangeKind.ANNULLED, replaces=line.id) for line in created
    ]
    restored = [replace(line, id=f"again-{line.id}") for line in created]
    plain = {(rule, at, tuple(f"again-{root}" for root in roots)) for rule, at, roots in told(created)}
    assert told([*created, *annulments, *restored]) == plain


@settings(max_examples=200, deadline=None)
@given(lines())
def test_agrees_with_brute_force(history: list[LifeEvent]) -> None:
    created = [line for line in history if line.change is ChangeKind.CREATED]
    assert told(created) == brute_force(sorted(created, key=lambda e: (e.occurred_at, e.recorded_at, e.arrival, e.id)))


# An independent matcher for the five rules above, in days of UTC, written from rules.md by hand.


def _day(event: LifeEvent) -> date:
    return datetime.fromtimestamp(event.occurred_at / 1000, UTC).date()


def _ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


def _within(one: LifeEvent, other: LifeEvent, days: int) -> bool:
    return (_day(other) - _day(one)).days <= days


def brute_force(events: list[LifeEvent]) -> set[tuple[str, int, tuple[str, ...]]]:
    runs = {
        "absent": _absent(events),
        "until": _until(events),
        "once": _once(events),
        "count": _counts(events),
        "distinct": _distinct(events),
    }
    result = set()
    for rule, found in runs.items():
        for at, bound in _told(rule, _taken(found, events, rule == "count")):
            result.add((rule, at, tuple(event.id for event in bound)))
    return result


Run = tuple[int, list[LifeEvent]]


def _taken(found: list[Run], events: list[LifeEvent], is_keep: bool) -> list[Run]:
    kept: list[Run] = []
    for at, bound in sorted(found, key=lambda run: (run[0], events.index(run[1][0]))):
        if is_keep or all(events.index(bound[0]) > events.index(other[-1]) for _, other in kept):
            kept.append((at, bound))
    return kept


def _told(rule: str, runs: list[Run]) -> list[Run]:
    result: list[Run] = []
    for at, bound in runs:
        day = datetime.fromtimestamp(at / 1000, UTC).date()
        earlier = [datetime.fromtimestamp(t / 1000, UTC).date() for t, _ in result]
        if rule == "once" and result:
            continue
        if rule == "until" and any(day <= other + timedelta(days=10) for other in earlier):
            continue
        result.append((at, bound))
    return result


def _absent(events: list[LifeEvent]) -> list[Run]:
    return [
        (_ms(_day(x) + timedelta(days=6)), [x])
        for i, x in enumerate(events)
        if x.type == "a" and not any(b.type == "b" and _within(x, b, 5) for b in events[i + 1 :])
    ]


def _until(events: list[LifeEvent]) -> list[Run]:
    found: list[Run] = []
    for i, x in enumerate(events):
        ends = [j for j in range(i + 1, len(events)) if events[j].type in "cd" and _within(x, events[j], 8)]
        if x.type != "a" or not ends:
            continue
        y = events[ends[0]]
        claims = [j for j in range(i + 1, len(events)) if events[j].type == "b"]
        if not any(j < ends[0] or _within(x, events[j], 3) for j in claims):
            found.append((max(y.occurred_at, _ms(_day(x) + timedelta(days=4))), [x, y]))
    return found


def _once(events: list[LifeEvent]) -> list[Run]:
    found: list[Run] = []
    for i, x in enumerate(events):
        j = next((j for j in range(i + 1, len(events)) if events[j].type == "c"), None)
        k = next((k for k in range((j or 0) + 1, len(events)) if j is not None and events[k].type == "a"), None)
        if x.type != "a" or j is None or k is None or not _within(x, events[k], 12):
            continue
        if not any(event.type in "bd" for event in events[j + 1 : k]):
            found.append((events[k].occurred_at, [x, events[j], events[k]]))
    return found


def _counts(events: list[LifeEvent]) -> list[Run]:
    some = [event for event in events if event.type == "a"]
    groups = [some[i : i + 3] for i in range(len(some) - 2)]
    return [(group[-1].occurred_at, group) for group in groups if _within(group[0], group[-1], 7)]


def _distinct(events: list[LifeEvent]) -> list[Run]:
    some = [event for event in events if event.type == "c"]
    pairs = pairwise(some)
    return [(two.occurred_at, [one, two]) for one, two in pairs if one.agency != two.agency and _within(one, two, 6)]


@settings(max_examples=50, deadline=None)
@given(lines(8), lines(8), st.randoms(use_true_random=False))
def test_interleaving_two_people_changes_neither(
    one: list[LifeEvent], other: list[LifeEvent], chance: random.Random
) -> None:
    """Through `rules run`, where people share clock and due times."""
    from processors.rules.lines import Replay  # noqa: PLC0415

    mixed = sorted(
        [
            *one,
            *(
                replace(line, id=f"q-{line.id}", person="q", replaces=line.replaces and f"q-{line.replaces}")
                for line in other
            ),
        ],
        key=lambda line: (line.recorded_at, line.arrival, line.id),
    )

    def play(history: list[LifeEvent]) -> set[tuple[str, str, str]]:
        replay = Replay(SET)
        replay.advance(T0 - 1)
        decisions = [decision for line in history for decision in replay.event(line)] + replay.advance(END)
        return {(d.person, d.match, d.kind) for d in decisions}

    alone = {p: play([line for line in mixed if line.person == p]) for p in "pq"}
    assert play(mixed) == alone["p"] | alone["q"]
    assert chance is not None
