"""Each folder here is a story: a rule, events as they arrive, and the decisions they must bring.

Rewrite what is expected with `pytest tests/golden --rewrite-golden`, then read the difference.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from processors.rules.checking.check import Deployment
from processors.rules.lines import json_attributes, run
from processors.rules.ruleset import RuleSet

HERE = Path(__file__).parent
SCENARIOS = sorted(path.parent.name for path in HERE.glob("*/rule.yaml"))


def decided(scenario: str) -> list[dict[str, object]]:
    folder = HERE / scenario
    rules = RuleSet.load({"rule.yaml": (folder / "rule.yaml").read_text()}, Deployment(), json_attributes)
    assert isinstance(rules, RuleSet), rules
    lines = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    return list(run(rules, lines))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(scenario: str, is_rewriting: bool) -> None:
    expected = HERE / scenario / "expected.jsonl"
    found = decided(scenario)
    if is_rewriting:
        expected.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in found))
    assert found == [json.loads(line) for line in expected.read_text().splitlines()]
