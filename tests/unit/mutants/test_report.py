"""What is good enough, and what is said of explanations."""

from __future__ import annotations

from tests.mutants.explanations import explanations
from tests.mutants.population import mutants
from tests.mutants.report import faults, stale, survivors, table
from tests.mutants.trials import Trial, Verdict

MUTANTS = list(mutants("fee.py", "def f(a, b, c):\n    return min(a + 1, b - 2) if a < b else max(b, c * 2) + 3 * a\n"))
IDS = [each.id for each in MUTANTS]


def tried(survived: int, timed_out: int = 0) -> list[Trial]:
    verdicts = [Verdict.SURVIVED] * survived + [Verdict.TIMED_OUT] * timed_out
    verdicts += [Verdict.KILLED] * (len(MUTANTS) - len(verdicts))
    return [Trial(mutant, verdict, 1) for mutant, verdict in zip(MUTANTS, verdicts, strict=True)]


def test_one_in_eight_may_survive_if_it_is_explained() -> None:
    assert len(MUTANTS) == 16
    assert not list(faults(tried(2), IDS[:2]))
    assert [each.split(":")[0] for each in faults(tried(3), IDS)] == ["81.2% of the mutants were killed, 85% must be"]
    assert [each.split(":")[0] for each in faults(tried(2), IDS[:1])] == ["1 survivors are not explained"]


def test_what_does_not_end_was_noticed() -> None:
    assert not list(faults(tried(2, timed_out=14), IDS[:2]))
    assert [line.split() for line in table(tried(2, timed_out=3))][1:] == [
        ["fee.py", "16", "11", "3", "2", "88%"],
        ["all", "16", "11", "3", "2", "88%"],
    ]


def test_survivors_nobody_explained_come_first() -> None:
    lines = list(survivors(tried(3), IDS[:2]))
    assert ["NOT EXPLAINED" in line for line in lines] == [True, False, False]
    assert lines[0].startswith(f"{MUTANTS[2]} [{IDS[2]}, ")


def test_a_survivor_that_no_test_runs_is_told() -> None:
    assert next(survivors([Trial(MUTANTS[0], Verdict.SURVIVED, 0)], [])).endswith("NOT EXPLAINED, no test runs it]")


def test_explanations_of_what_is_gone_or_killed_are_named() -> None:
    lines = list(stale(tried(1), [IDS[0], IDS[1], "0123456789"], IDS))
    assert [line.split()[2].rstrip(",") for line in lines] == sorted([IDS[1], "0123456789"])


def test_a_heading_without_a_text_explains_nothing() -> None:
    text = "# Survivors\n\nText.\n\n## 0123456789\n\n## abcdef0123\n`a` -> `b`\n\nAs good.\n\n## other\nText.\n"
    assert list(explanations(text)) == ["abcdef0123"]
