"""Reads a rule document: YAML 1.2 text to a `Rule`, or every problem with its line and remedy.

Checks form only; what a rule refers to (catalogue, purposes, teams, services) is in `check`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

from ruamel.yaml.comments import CommentedMap

from processors.civil_time import Duration, Unit
from processors.rules.model import (
    FIRST,
    PREVIOUS,
    EventStep,
    Offer,
    OnCorrection,
    Overlap,
    Problem,
    Repeats,
    Report,
    ReportKind,
    Rule,
    Runs,
    Step,
    Subject,
    Valid,
    walk,
)
from processors.rules.reading.example_text import read_examples
from processors.rules.reading.reader import Reader, line_of
from processors.rules.reading.step_text import check_order, read_steps

RULE_KEYS = (
    *("rule", "version", "title", "owner", "purpose", "valid", "per", "steps", "within", "runs", "report", "overlap"),
    *("among", "repeats", "late", "on_correction", "offer", "explain", "examples"),
)
"""Keywords of a rule."""
ALWAYS_REQUIRED = ("rule", "version", "steps")
"""Keywords every rule has."""
ALSO_REQUIRED = ("title", "owner", "purpose", "valid", "offer", "explain", "examples")
"""Keywords a rule has besides, outside experiments."""
OFFER_KEYS = ("services", "urgency", "respond_within", "hold", "lead")
"""Keywords of `offer`; all are needed."""
URGENCIES = ("normal", "low", "high")
"""How urgent an offer can be."""
RESERVED_NAMES = frozenset({FIRST, PREVIOUS, "person", "attributes", "before", "next"})
"""Names a step cannot have, because windows, conditions or explanations use them."""

NAME = re.compile(r"[A-Za-z0-9]+([-_][A-Za-z0-9]+)*")
NOT_AGAIN = re.compile(r"not\s+again\s+for\s+(.+)")
REPEATS = re.compile(r"ignore\s+same\s+(?P<fields>\w+(?:\s*,\s*\w+)*)\s+in\s+(?P<duration>.+)")


def parse(file: str, text: str, *, is_experiment: bool = False) -> Rule | list[Problem]:
    """Reads one rule document.

    Args:
        file: its name, for messages.
        text: YAML 1.2, one document.
        is_experiment: only `rule`, `version` and `steps` are required.

    Returns:
        The rule, or all problems of its form.
    """
    reader = Reader(file)
    document = reader.document(text)
    if document is None:
        return reader.problems
    rule = _rule(document, reader, is_experiment)
    return sorted(reader.problems, key=lambda problem: problem.line) or rule


def _rule(doc: CommentedMap, reader: Reader, is_experiment: bool) -> Rule:
    reader.keys(doc, RULE_KEYS)
    for key in (*ALWAYS_REQUIRED, *(() if is_experiment else ALSO_REQUIRED)):
        if key not in doc:
            reader.refuse(1, f"`{key}` is missing", f"add `{key}:` at the top level")
    steps = read_steps(doc, "steps", reader) if "steps" in doc else ()
    check_order(steps, reader)
    return Rule(
        name=_name(doc, reader),
        version=_version(doc, reader),
        file=reader.file,
        steps=steps,
        title=_texts(doc, "title", reader),
        explain=_texts(doc, "explain", reader),
        owner=_optional_text(doc, "owner", reader),
        purpose=_optional_text(doc, "purpose", reader),
        valid=_valid(doc, reader),
        per=Subject(_choice(doc, "per", [*Subject], reader)),
        runs=Runs(_choice(doc, "runs", [*Runs], reader)),
        among=_among(doc, reader),
        repeats=_repeats(doc, reader),
        report=_report(doc, reader),
        overlap=_overlap(doc, steps, reader),
        on_correction=OnCorrection(_choice(doc, "on_correction", [*OnCorrection], reader)),
        within=reader.duration(doc["within"], line_of(doc, "within"), "within") if "within" in doc else None,
        late_accept=_late(doc, reader),
        offer=_offer(doc, reader),
        examples=read_examples(doc, reader),
        lines={str(key): line_of(doc, key) for key in doc},
    )


def _choice(doc: CommentedMap, key: str, allowed: list[str], reader: Reader) -> str:
    """One of a closed list whose first is the default."""
    return reader.one_of(doc.get(key, allowed[0]), [str(each) for each in allowed], line_of(doc, key), key)


def _name(doc: CommentedMap, reader: Reader) -> str:
    name = doc.get("rule", "")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        if "rule" in doc:
            reader.refuse(line_of(doc, "rule"), f"`rule: {name}` is no name", "use letters, digits and hyphens")
        return ""
    return name


def _version(doc: CommentedMap, reader: Reader) -> int:
    version = doc.get("version", 1)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        reader.refuse(line_of(doc, "version"), f"`version: {version}` is no version", "use a whole number from 1")
        return 1
    return int(version)


def _texts(doc: CommentedMap, key: str, reader: Reader) -> Mapping[str, str]:
    """A text, or a map of texts by language."""
    if key not in doc:
        return {}
    value = doc[key]
    if isinstance(value, CommentedMap) and value:
        return {str(lang): reader.text(text, line_of(value, lang), f"{key}.{lang}") for lang, text in value.items()}
    return {"": reader.text(value, line_of(doc, key), key)}


def _optional_text(doc: CommentedMap, key: str, reader: Reader) -> str:
    return reader.text(doc[key], line_of(doc, key), key) if key in doc else ""


def _valid(doc: CommentedMap, reader: Reader) -> Valid:
    if "valid" not in doc:
        return Valid()
    node, line = doc["valid"], line_of(doc, "valid")
    if not isinstance(node, CommentedMap) or "from" not in node or not set(node) <= {"from", "until"}:
        reader.refuse(line, "`valid` needs `from` and `until`", "write `valid: {from: 2026-01-01, until: 2027-12-31}`")
        return Valid()
    start = reader.day(node["from"], line)
    end = reader.day(node["until"], line) if "until" in node else date.max
    if end < start:
        reader.refuse(line, "`valid` ends before it begins", "exchange the two dates")
    return Valid(start, end)


def _among(doc: CommentedMap, reader: Reader) -> frozenset[str] | None:
    if "among" not in doc:
        return None
    node = doc["among"]
    if not isinstance(node, list) or not node or not all(isinstance(name, str) and name != "*" for name in node):
        reader.refuse(line_of(doc, "among"), "`among` is no list of event types", "write `among: [one, other]`")
        return None
    return frozenset(node)


def _repeats(doc: CommentedMap, reader: Reader) -> Repeats | None:
    if "repeats" not in doc:
        return None
    value, line = doc["repeats"], line_of(doc, "repeats")
    found = REPEATS.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        remedy = "write `repeats: ignore same FIELD, FIELD in 2 days`"
        reader.refuse(line, f"`repeats: {value}` is not known", remedy)
        return None
    fields = tuple(dict.fromkeys(each.strip() for each in found["fields"].split(",")))
    return Repeats(fields, reader.duration(found["duration"], line, "repeats"))


def _report(doc: CommentedMap, reader: Reader) -> Report:
    value, line = doc.get("report", "each run"), line_of(doc, "report")
    if value in ("each run", "once"):
        return Report(ReportKind(value))
    found = NOT_AGAIN.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is not None:
        return Report(ReportKind.NOT_AGAIN, reader.duration(found[1], line, "report"))
    reader.refuse(line, f"`report: {value}` is not known", "use `each run`, `once` or `not again for 90 days`")
    return Report()


def _overlap(doc: CommentedMap, steps: tuple[Step, ...], reader: Reader) -> Overlap:
    """As written; `each: true` implies `keep`."""
    chosen = Overlap(_choice(doc, "overlap", [*Overlap], reader))
    each = [step for step in walk(steps) if isinstance(step, EventStep) and step.is_each]
    if each and "overlap" in doc and chosen is not Overlap.KEEP:
        problem = f"`overlap: {chosen}` does not go with `each: true` in step {each[0].position}, whose matches overlap"
        reader.refuse(line_of(doc, "overlap"), problem, "write `overlap: keep`, or leave one of them out")
    return Overlap.KEEP if each else chosen


def _late(doc: CommentedMap, reader: Reader) -> Duration:
    node, line = doc.get("late"), line_of(doc, "late")
    default = Duration(30, Unit.DAYS)
    if "late" not in doc:
        return default
    if not isinstance(node, CommentedMap) or not set(node) <= {"accept", "else"}:
        reader.refuse(line, "`late` needs `accept`", "write `late: {accept: 30 days, else: review}`")
        return default
    reader.one_of(node.get("else", "review"), ["review"], line, "late.else")
    return reader.duration(node["accept"], line, "late.accept") if "accept" in node else default


def _offer(doc: CommentedMap, reader: Reader) -> Offer | None:
    if "offer" not in doc:
        return None
    node, line = doc["offer"], line_of(doc, "offer")
    if not isinstance(node, CommentedMap):
        reader.refuse(line, "`offer` is no block", f"give it {', '.join(OFFER_KEYS)}")
        return None
    reader.keys(node, OFFER_KEYS, line)
    for key in (key for key in OFFER_KEYS if key not in node):
        reader.refuse(line, f"`offer.{key}` is missing", f"add `{key}:` to the offer")
    lines = {key: line_of(node, key, line) for key in OFFER_KEYS}
    respond, hold = node.get("respond_within", "2 working days"), node.get("hold", "1 working day")
    return Offer(
        services=_services(node, lines["services"], reader),
        urgency=reader.one_of(node.get("urgency", "normal"), URGENCIES, lines["urgency"], "urgency"),
        respond_within=reader.duration(respond, lines["respond_within"], "respond_within"),
        hold=reader.duration(hold, lines["hold"], "hold"),
        lead=reader.text(node.get("lead", "?"), lines["lead"], "lead"),
    )


def _services(node: CommentedMap, line: int, reader: Reader) -> tuple[str, ...]:
    services = node.get("services", ["?"])
    if not isinstance(services, list) or not services or not all(isinstance(each, str) for each in services):
        reader.refuse(line, "`services` is no list of names", "write `services: [name, name]`")
        return ()
    return tuple(services)
