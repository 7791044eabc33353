"""What deciding costs: rules over timelines in memory, one core, no broker, no database.

Events of simulated towns in order of record, as the stages see them: each is put on its person's timeline and
decided at once, deadlines are decided when the clock passes them. `measure` is for `python -m bench`;
`python -m bench.rules` runs it alone.
"""

from __future__ import annotations

import gc
import heapq
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from processors.events import LifeEvent
from processors.rules.checking.check import Deployment
from processors.rules.deciding.decide import Outcome, decide
from processors.rules.deciding.heard import Heard
from processors.rules.deciding.late import judge_late
from processors.rules.ledger import EMPTY as NOTHING_TOLD
from processors.rules.model import Subject
from processors.rules.ruleset import RuleSet
from processors.timeline import EMPTY, Timeline, apply
from streams.backtest.making import events_of_town
from streams.composition import DEMO, Platform
from streams.memory import look_seldom_for_cycles
from streams.settings import Settings
from streams.simulation.town import Town, build

RULES = 20
OTHERS = 200
PERSONS = 5_000
MONTHS = 36
COPIES = 6


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run cost: `cpu_s` says more than `seconds` on a busy machine."""

    name: str
    events: int
    seconds: float
    cpu_s: float

    @property
    def events_per_s(self) -> float:
        """Events decided in a second."""
        return self.events / self.seconds


def measure(platform: Platform, town: Path) -> list[Cost]:
    """Measures decoding alone, and deciding for few persons, for many, and beside rules of other types.

    Args:
        platform: for its rules and its codec.
        town: folder for a simulated town.
    """
    build(Town(PERSONS, MONTHS, 7), town)
    base = sorted(events_of_town(town, DEMO), key=lambda line: (line.recorded_at, line.arrival, line.id))
    many = sorted(
        (_copied(line, copy) for copy in range(COPIES) for line in base), key=lambda line: (line.recorded_at, line.id)
    )
    rules = _first(platform.rules.of_subject(Subject.PERSON))
    encoded = [platform.codec.encode(line) for line in many]
    look_seldom_for_cycles()  # as a stage does
    return [
        _timed(
            "plain decode loop of life events", len(many), lambda: [platform.codec.decode(each) for each in encoded]
        ),
        _timed(f"decide, {RULES} rules, {PERSONS:,} persons", len(base), lambda: play(rules, base)),
        _timed(f"decide, {RULES} rules, {PERSONS * COPIES:,} persons", len(many), lambda: play(rules, many)),
        _timed(f"the same and {OTHERS} rules of other types", len(many), lambda: play(_with_others(rules), many)),
    ]


def play(rules: RuleSet, lines: Sequence[LifeEvent]) -> int:
    """Decides over lines in order of record; how many decisions came of it."""
    held: dict[str, tuple[Timeline, Outcome]] = {}
    due: list[tuple[int, str]] = []
    nothing = (EMPTY, Outcome((), NOTHING_TOLD, None))
    count, clock, heard = 0, 0, Heard(every=0, every_began=0)
    for line in lines:
        if line.recorded_at > clock:
            clock = line.recorded_at
            heard = Heard(every=clock - 1, every_began=0)
        while due and due[0][0] <= clock:
            wake_at, person = heapq.heappop(due)
            timeline, before = held[person]
            if before.wake_at == wake_at:
                outcome = decide(rules, timeline, before.ledger, heard, wake_at, before.agenda)
                count += len(outcome.decisions)
                _keep(held, due, person, timeline, outcome, before)
        timeline, before = held.get(line.person, nothing)
        count += len(judge_late(rules, timeline, line))
        timeline, _ = apply(timeline, line)
        outcome = decide(rules, timeline, before.ledger, heard, clock, before.agenda, line)
        count += len(outcome.decisions)
        _keep(held, due, line.person, timeline, outcome, before)
    return count


def _keep(  # noqa: PLR0913, PLR0917 - the state and what became of it
    held: dict[str, tuple[Timeline, Outcome]],
    due: list[tuple[int, str]],
    person: str,
    timeline: Timeline,
    outcome: Outcome,
    before: Outcome,
) -> None:
    held[person] = (timeline, outcome)
    if outcome.wake_at is not None and outcome.wake_at != before.wake_at:
        heapq.heappush(due, (outcome.wake_at, person))


def _copied(line: LifeEvent, copy: int) -> LifeEvent:
    own = f"{copy:03}"
    return replace(
        line,
        id=own + line.id[3:],
        person=own + line.person[3:],
        household=own + line.household[3:],
        replaces=line.replaces and own + line.replaces[3:],
    )


def _first(rules: RuleSet) -> RuleSet:
    return RuleSet.of(rules.deployment, dict(list(rules.plans.items())[:RULES]), rules.decode)


def _with_others(rules: RuleSet) -> RuleSet:
    """The same rules and many that no event here concerns."""
    steps = "steps:\n  - {{when: other_{0}, as: x}}\n  - {{absent: end_{0}, for: 30 days after x}}\n"
    text = "rule: other-{0}\nversion: 1\n" + steps
    others = RuleSet.load({f"other-{n}": text.format(n) for n in range(OTHERS)}, Deployment(), rules.decode)
    assert isinstance(others, RuleSet), others
    return RuleSet.of(rules.deployment, {**rules.plans, **others.plans}, rules.decode)


def _timed(name: str, events: int, work: Callable[[], object]) -> Cost:
    gc.collect()
    started, cpu = time.perf_counter(), time.process_time()
    work()
    return Cost(name, events, time.perf_counter() - started, time.process_time() - cpu)


def main() -> int:
    """Prints a line for each measurement."""
    with tempfile.TemporaryDirectory(prefix="headwater-bench-") as folder:
        costs = measure(Platform(Settings()), Path(folder) / "town")
    table = Table(box=None, pad_edge=False)
    for heading in ("", "events", "events/s", "CPU us an event", "ratio to loop"):
        table.add_column(heading, justify="left" if not heading else "right")
    for cost in costs:
        ratio = cost.events_per_s / costs[0].events_per_s
        spent = f"{1e6 * cost.cpu_s / cost.events:.1f}"
        table.add_row(cost.name, f"{cost.events:,}", f"{cost.events_per_s:,.0f}", spent, f"{ratio:.2f}")
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
