"""Stories for the tests of the language.

A story is a rule's steps (or the whole tail of the document) and events `DAY type [key=value ..]`, in
order of arrival, days of 2026; what is compared are the matches that stand, as `completed: ids`.
"""

from __future__ import annotations

import textwrap

from processors.civil_time import Calendar
from processors.rules.checking.check import Deployment
from processors.rules.lines import json_attributes, run
from processors.rules.ruleset import RuleSet

CALENDAR = Calendar()


def rules(body: str, calendar: Calendar = CALENDAR) -> RuleSet:
    text = "rule: story\nversion: 1\n" + textwrap.dedent(body)
    loaded = RuleSet.load({"story.yaml": text}, Deployment(calendar=calendar), json_attributes)
    assert isinstance(loaded, RuleSet), loaded
    return loaded


def events(story: list[str]) -> list[dict[str, object]]:
    lines: list[dict[str, object]] = []
    for number, text in enumerate(story):
        at, kind, *rest = text.split()
        pairs = dict(pair.split("=") for pair in rest)
        attributes = {k: float(v) if v.isdigit() else v == "true" for k, v in pairs.items() if k in ("n", "m", "flag")}
        envelope = {key: value for key, value in pairs.items() if key not in attributes}
        base = {"id": f"{kind}{number}", "type": kind, "person": "p", "occurred_at": f"2026-{at}"}
        lines.append({**base, "attributes": attributes, **envelope})
    return lines


def decided(body: str, story: list[str], until: str = "2027-12-31") -> list[dict[str, object]]:
    lines = [*events(story), {"advance_to": until}]
    return list(run(rules(body), lines))


def standing(body: str, story: list[str], until: str = "2027-12-31") -> list[str]:
    found: dict[object, str] = {}
    for line in decided(body, story, until):
        if line["decision"] == "matched":
            ids = [each for step in line["steps"].values() for each in step]
            found[line["match"]] = f"{str(line['completed_at'])[5:10]}: {' '.join(ids)}"
        elif line["decision"] == "withdrawn":
            del found[line["match"]]
    return list(found.values())
