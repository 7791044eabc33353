"""Message catalogues and how they are filled."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import processors.rules
from processors.civil_time import Duration, Unit
from processors.rules.reasons import saying, wording
from processors.rules.reasons.saying import MOST_RUNS, say
from tests.unit.processors.rules.why_stories import TEXTS, at, explained, said, words

CATALOGUES = {path.stem: YAML(typ="safe", pure=True).load(path) for path in sorted(TEXTS.glob("*.yaml"))}
PLACEHOLDER = re.compile(r"\{(\w+)\}")


def constants() -> set[str]:
    """Every text constant in the modules that choose phrases."""
    trees = [ast.parse(Path(str(module.__file__)).read_text()) for module in (saying, wording)]
    return {
        node.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def phrases_asked_for() -> set[str]:
    """First arguments of `say` and `sentence`, where they are written out."""
    calls = [
        node
        for module in (saying, wording)
        for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("say", "sentence")
    ]
    return {call.args[0].value for call in calls if isinstance(call.args[0], ast.Constant)}


def test_english_and_dutch_are_shipped() -> None:
    assert CATALOGUES.keys() == {"en", "nl"}


def test_every_phrase_asked_for_is_in_every_language_and_none_is_left_over() -> None:
    for catalogue in CATALOGUES.values():
        assert phrases_asked_for() <= catalogue["phrases"].keys()
        assert catalogue["phrases"].keys() <= constants()
        assert catalogue["units"].keys() == set(Unit)
        assert len(catalogue["months"]) == 12


def test_languages_have_the_same_keys_and_placeholders() -> None:
    english, *others = CATALOGUES.values()
    for other in others:
        assert other.keys() == english.keys()
        for key, phrase in english["phrases"].items():
            assert set(PLACEHOLDER.findall(other["phrases"][key])) == set(PLACEHOLDER.findall(phrase)), key


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", ["6 January 2026", '"a", yes and 2.5', "3 working days"]),
        ("nl", ["6 januari 2026", "‘a’, ja en 2,5", "3 werkdagen"]),
    ],
)
def test_dates_numbers_and_lists_are_written_the_languages_way(language: str, expected: list[str]) -> None:
    word = words(language)
    values = word.value(("a", True, 2.5))
    assert [word.day(at("01-06")), values, word.duration(Duration(3, Unit.WORKING_DAYS))] == expected


def test_a_window_of_days_ends_with_its_last_day_and_one_of_hours_with_its_last_minute() -> None:
    english = words("en")
    assert english.through(at("01-06")) == "5 January 2026"
    assert english.through(at("01-06T12:00:00+01:00") + 1) == "6 January 2026 at 12:00"


def test_the_first_lines_say_what_is_asked_and_answer_it() -> None:
    rule = "- {when: a}\n- {then: b, within: 9 days of first}"
    about, answer, *_ = say(explained(rule, ["01-01 a", "01-02"]), words("en"))
    assert about == 'Rule "story" (story), person p, as known on 2 January 2026.'
    assert answer == "There is no match yet."
    assert say(explained(rule, ["01-01 a", "01-20"]), words("nl"))[1] == "Er is geen signaal."
    assert say(explained(rule, ["01-01 a", "01-02 b"]), words("nl"))[1] == "Er is een signaal."


def test_of_many_runs_the_newest_are_told_and_all_that_stand() -> None:
    story = ["01-01 a n=1", *(f"01-{day:02} a n=2" for day in range(2, MOST_RUNS + 6))]
    lines = said("en", "report: once\nsteps: [{when: a}]", *story)
    assert lines[1] == "4 earlier runs are not shown here."
    assert [line.split()[1] for line in lines if line.startswith("Run")] == ["1", *map(str, range(6, MOST_RUNS + 6))]


def test_no_text_of_an_explanation_is_in_the_code() -> None:
    """What is said is a phrase of the catalogue: the code holds no sentence besides its docstrings."""
    package = Path(processors.rules.__path__[0]) / "reasons"
    for name in ("saying.py", "wording.py"):
        tree = ast.parse((package / name).read_text())
        docs = {
            ast.get_docstring(n, clean=False)
            for n in ast.walk(tree)
            if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef)
        }
        texts = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
        written = [text for text in texts if " " in text and text not in docs]
        assert [text for text in written if not text.startswith("Runs told")] == []
