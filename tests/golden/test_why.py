"""What `headwater rules why` says, story by story: `why.en.txt` and `why.nl.txt`, for reading aloud.

Rewrite with `pytest tests/golden --rewrite-golden`, then read the difference.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.processors.rules.why_stories import said

HERE = Path(__file__).parent
RENT = "- {when: a, as: x}\n- {then: b, as: y, where: n > 400, within: 10 days of x}"
SOON = "- {when: a}\n- {then: b, within: 9 days of first}"
SILENCE = "- {when: a, as: x}\n- {absent: c, for: 5 days after x}"
TO_MARCH = "valid: {from: 2026-01-01, until: 2026-03-31}\nsteps: [{when: a}]"
FROM_APRIL = "valid: {from: 2026-04-01}\nsteps: [{when: a, as: x}, {absent: b, for: 60 days after x}]"
ANNULLED = "01-05 b id=z change=annulled replaces=b1 recorded_at=2026-01-06"
CORRECTED = "01-01 a n=1 id=z change=corrected replaces=a0 recorded_at=2026-01-05"

STORIES: dict[str, tuple[str | list[str], list[str]]] = {
    "a match": (SILENCE + "\n- {then: b, within: 60 days of x}", ["01-01 a", "01-12 b"]),
    "a match complete with the clock": (SILENCE, ["01-01 a", "01-09"]),
    "nothing began": (RENT, ["01-01 b n=1"]),
    "nothing began, nothing known": (RENT, ["01-01 d"]),
    "nothing began, a condition was false": ("- {when: a, where: n >= 2.5 && m < 3}", ["01-01 a n=2 m=1"]),
    "nothing began, too few": ("- {at_least: 3 b, in_any: 10 days}", ["01-01 b", "01-02 b"]),
    "a condition was false, a field is missing, an event came too late": (
        RENT,
        ["01-01 a", "01-03 b n=250", "01-06 b", "01-14 b n=900", "02-01"],
    ),
    "a step may still come": (
        "- {when: a}\n- {then: {any_of: [b, d]}, within: 10 days of first}",
        ["01-01 a", "01-05"],
    ),
    "all of several": (
        "- {when: a}\n- {then: {all_of: [b, c, d]}, within: 9 days of first}",
        ["01-01 a", "01-02 c", "01-30"],
    ),
    "too few before the end": (
        "- {when: a}\n- {then: b, times: 2, stop_at: d, within: 9 days of first}",
        ["01-01 a", "01-02 b", "01-03 d"],
    ),
    "the very next event, by the hour": (
        "- {when: a}\n- {right_after: b, within: 36 hours of first}",
        ["01-01 a", "01-02 d", "01-03"],
    ),
    "a silence that is not over": (SILENCE, ["01-01 a", "01-03"]),
    "a silence that was broken": (SILENCE, ["01-01 a", "01-03 c", "01-09"]),
    "the next event is awaited": (
        "within: 9 days\nsteps:\n  - {when: a}\n  - {absent: c, until: next event}",
        ["01-01 a", "01-03"],
    ),
    "looking back too far": ("- {when: a, as: x}\n- {absent: c, for: 10 days before x}", ["01-05 d", "01-08 a"]),
    "two matches share time": (SOON, ["01-01 a", "01-02 a", "01-03 b"]),
    "not again so soon": ("report: not again for 30 days\nsteps: [{when: a}]", ["01-01 a", "01-20 a", "03-01"]),
    "once only": ("report: once\nsteps: [{when: a}]", ["01-01 a", "01-20 a"]),
    "annulled, and another takes its place": (SOON, ["01-01 a", "01-03 b", "01-04 b", ANNULLED]),
    "withdrawn for good": ("on_correction: withdraw\nsteps: [{when: a}]", ["01-01 a", CORRECTED]),
    "an officer decides": ("on_correction: tell officer\nsteps: [{when: a}]", ["01-01 a", CORRECTED]),
    "an old version told it": ([TO_MARCH, FROM_APRIL], ["03-01 a", "06-01"]),
    "no version applied": (TO_MARCH, ["05-02 a"]),
    "late, and repeated": (
        "late: {accept: 10 days, else: review}\nrepeats: ignore same n in 9 days\nsteps: [{when: a}]",
        ["01-20 a n=1", "01-22 a n=1", "03-01", "01-10 a n=2"],
    ),
}


@pytest.mark.parametrize("language", ["en", "nl"])
def test_what_is_said(language: str, is_rewriting: bool) -> None:
    expected = HERE / f"why.{language}.txt"
    parts = [[f"# {story}", *said(language, rule, *events)] for story, (rule, events) in STORIES.items()]
    found = "\n\n".join("\n".join(part) for part in parts) + "\n"
    if is_rewriting:
        expected.write_text(found, encoding="utf-8")
    assert found == expected.read_text(encoding="utf-8")
