import json
from pathlib import Path

import pytest

from bench.__main__ import main
from bench.machine.processes import Failed
from bench.options import EVENTS, PERSONS, Options
from bench.parts.correlate import check
from bench.table import Row, write


def test_results_keep_their_names(tmp_path: Path) -> None:
    write([Row("one", 1000, 250.4, 1.234, 12.6, 0.5004, {"start_s": 2.0})], tmp_path / "results.json")
    assert json.loads((tmp_path / "results.json").read_text()) == [
        {
            "name": "one",
            "events": 1000,
            "events_per_s": 250,
            "cpu_s": 1.23,
            "peak_mb": 13,
            "ratio_to_loop": 0.5,
            "start_s": 2.0,
        }
    ]


@pytest.mark.parametrize("found", [[], [("a", "b"), ("a", "c")], [("a", "b"), ("a", "b")]])
def test_a_wrong_answer_fails_the_benchmark(found: list[tuple[str, str]]) -> None:
    with pytest.raises(Failed, match="wrong answer"):
        check("peer", found, {("a", "b")})


def test_the_right_answer_passes() -> None:
    check("peer", [("a", "b")], {("a", "b")})


def test_fewer_events_are_spread_over_fewer_persons() -> None:
    assert Options.read({"EVENTS": str(EVENTS // 10)}).persons == PERSONS // 10


def test_the_loop_always_runs_when_peers_are_chosen() -> None:
    assert Options.read({"PEERS": "headwater"}).peers == {"loop", "headwater"}
    assert Options.read({}).peers == frozenset()


def test_a_part_that_does_not_exist_is_named_with_those_that_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["correlation"]) == 2
    assert "correlation" in (said := capsys.readouterr().err)
    assert "whole-way" in said
