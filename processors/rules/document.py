"""Reads a rule document: YAML 1.2 text to a `Rule`, or every problem with its line and remedy.

Checks form only; what a rule refers to (catalogue, purposes, teams, services) is in `check`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from processors.civil_time import Duration, Unit, parse_duration
from processors.rules.example_text import example_event, expected_days
from processors.rules.model import (
    FIRST,
    PREVIOUS,
    AbsenceStep,
    EventStep,
    Example,
    ExampleEvent,
    Member,
    Offer,
    Overlap,
    Problem,
    Report,
    ReportKind,
    Rule,
    Step,
    Valid,
    Where,
    Window,
)

NOT_YET = "not supported yet in this version"
_USE_LATER = "leave it out, or wait for the version that adds it"

RULE_KEYS = (
    *("rule", "version", "title", "owner", "purpose", "valid", "per", "steps", "within", "report", "late"),
    *("on_correction", "overlap", "offer", "explain", "examples"),
)
"""Keywords of a rule in this version."""
STEP_KEYS = ("when", "then", "at_least", "absent", "as", "where", "within", "for", "until", "in_any", "distinct")
"""Keywords of a step in this version."""
RULE_KEYS_LATER = ("runs", "among", "repeats")
STEP_KEYS_LATER = (
    *("right_after", "all_of", "group", "each", "optional", "times", "how", "stop_at", "max_gap"),
    *("unbroken", "again"),
)
_DISTINCT = ("agency", "area", "household", "feed")
_MISSING = object()


@dataclass
class _Reader:
    """Collects problems while a document is read."""

    file: str
    problems: list[Problem] = field(default_factory=list)

    def refuse(self, line: int, problem: str, remedy: str) -> None:
        self.problems.append(Problem(self.file, line, problem, remedy))

    def duration(self, value: object, line: int, key: str) -> Duration:
        found = parse_duration(value) if isinstance(value, str) else None
        if found is None:
            self.refuse(line, f"`{key}: {value}` is no duration", "write a number and a unit, such as `28 days`")
        return found or Duration(0, Unit.DAYS)

    def text(self, value: object, line: int, key: str) -> str:
        if isinstance(value, str) and value.strip():
            return value.strip()
        self.refuse(line, f"`{key}` needs a text", f"write `{key}:` followed by text")
        return ""

    def one_of(self, value: object, allowed: Sequence[str], line: int, key: str) -> str:
        if value not in allowed:
            self.refuse(line, f"`{key}: {value}` is not known", f"use one of: {', '.join(allowed)}")
            return allowed[0]
        return str(value)


def parse(file: str, text: str, *, is_experiment: bool = False) -> Rule | list[Problem]:
    """Reads one rule document.

    Args:
        file: its name, for messages.
        text: YAML 1.2, one document.
        is_experiment: only `rule`, `version` and `steps` are required.

    Returns:
        The rule, or all problems of its form.
    """
    reader = _Reader(file)
    document = _yaml(text, reader)
    if document is None:
        return reader.problems
    rule = _rule(document, reader, is_experiment)
    return reader.problems or rule


def _yaml(text: str, reader: _Reader) -> CommentedMap | None:
    try:
        document = YAML(typ="rt", pure=True).load(text)
    except DuplicateKeyError as error:
        reader.refuse(_mark(error), _first_line(error), "keep one of the two")
        return None
    except MarkedYAMLError as error:
        reader.refuse(
            _mark(error), f"not YAML: {_first_line(error)}", "correct the line; quote texts that contain `: ` or `{`"
        )
        return None
    except YAMLError as error:
        reader.refuse(1, f"not YAML: {str(error).splitlines()[0]}", "correct the document")
        return None
    if not isinstance(document, CommentedMap):
        reader.refuse(1, "not a rule document", "begin with `rule: name`")
        return None
    return document


def _mark(error: MarkedYAMLError) -> int:
    return int(error.problem_mark.line) + 1 if error.problem_mark is not None else 1


def _first_line(error: MarkedYAMLError) -> str:
    return str(error.problem or error.context or "unreadable").splitlines()[0]


def _line(node: Any, key: object = None, default: int = 1) -> int:  # noqa: ANN401 - ruamel's nodes are untyped
    """Line of a mapping's key or a list's item, from 1."""
    try:
        place = node.lc.line if key is None else node.lc.data[key][0]
    except (AttributeError, KeyError, TypeError):
        return default
    return int(place) + 1


def _rule(doc: CommentedMap, reader: _Reader, is_experiment: bool) -> Rule:
    _check_keys(doc, RULE_KEYS, RULE_KEYS_LATER, reader)
    _check_required(doc, reader, is_experiment)
    lines = {str(key): _line(doc, key) for key in doc}
    return Rule(
        name=_name(doc, reader),
        version=_version(doc, reader),
        file=reader.file,
        steps=_steps(doc, reader),
        title=_texts(doc, "title", reader),
        explain=_texts(doc, "explain", reader),
        owner=_optional_text(doc, "owner", reader),
        purpose=_optional_text(doc, "purpose", reader),
        valid=_valid(doc, reader),
        report=_report(doc, reader),
        overlap=_overlap(doc, reader),
        within=reader.duration(doc["within"], lines["within"], "within") if "within" in doc else None,
        late_accept=_late(doc, reader),
        offer=_offer(doc, reader),
        examples=_examples(doc, reader),
        lines=lines,
    )


def _check_keys(node: CommentedMap, known: Sequence[str], later: Sequence[str], reader: _Reader) -> None:
    for key in node:
        line = _line(node, key)
        if key in later:
            reader.refuse(line, f"`{key}` is {NOT_YET}", _USE_LATER)
        elif key not in known:
            reader.refuse(line, f"`{key}` is no keyword here", f"use one of: {', '.join(known)}")


def _check_required(doc: CommentedMap, reader: _Reader, is_experiment: bool) -> None:
    required = ["rule", "version", "steps"]
    if not is_experiment:
        required += ["title", "owner", "purpose", "valid", "offer", "explain", "examples"]
    for key in required:
        if key not in doc:
            reader.refuse(1, f"`{key}` is missing", f"add `{key}:` at the top level")
    if doc.get("per", "person") == "household":
        reader.refuse(_line(doc, "per"), f"`per: household` is {NOT_YET}", _USE_LATER)
    elif doc.get("per", "person") != "person":
        reader.refuse(_line(doc, "per"), f"`per: {doc['per']}` is not known", "use `per: person`")
    _check_on_correction(doc, reader)


def _check_on_correction(doc: CommentedMap, reader: _Reader) -> None:
    chosen = doc.get("on_correction", "recheck")
    if chosen in ("withdraw", "tell officer"):
        reader.refuse(_line(doc, "on_correction"), f"`on_correction: {chosen}` is {NOT_YET}", "use `recheck`")
    elif chosen != "recheck":
        reader.refuse(_line(doc, "on_correction"), f"`on_correction: {chosen}` is not known", "use `recheck`")


def _name(doc: CommentedMap, reader: _Reader) -> str:
    name = doc.get("rule", "")
    if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9]+([-_][a-z0-9]+)*", name, re.IGNORECASE):
        if "rule" in doc:
            reader.refuse(_line(doc, "rule"), f"`rule: {name}` is no name", "use letters, digits and hyphens")
        return ""
    return name


def _version(doc: CommentedMap, reader: _Reader) -> int:
    version = doc.get("version", 1)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        reader.refuse(_line(doc, "version"), f"`version: {version}` is no version", "use a whole number from 1")
        return 1
    return int(version)


def _texts(doc: CommentedMap, key: str, reader: _Reader) -> Mapping[str, str]:
    """A text, or a map of texts by language."""
    if key not in doc:
        return {}
    value = doc[key]
    if isinstance(value, CommentedMap):
        return {str(lang): reader.text(text, _line(value, lang), f"{key}.{lang}") for lang, text in value.items()}
    return {"": reader.text(value, _line(doc, key), key)}


def _optional_text(doc: CommentedMap, key: str, reader: _Reader) -> str:
    return reader.text(doc[key], _line(doc, key), key) if key in doc else ""


def _valid(doc: CommentedMap, reader: _Reader) -> Valid:
    if "valid" not in doc:
        return Valid()
    node, line = doc["valid"], _line(doc, "valid")
    if not isinstance(node, CommentedMap) or "from" not in node or not set(node) <= {"from", "until"}:
        reader.refuse(line, "`valid` needs `from` and `until`", "write `valid: {from: 2026-01-01, until: 2027-12-31}`")
        return Valid()
    start = _day(node["from"], line, reader)
    end = _day(node["until"], line, reader) if "until" in node else date.max
    if end < start:
        reader.refuse(line, "`valid` ends before it begins", "exchange the two dates")
    return Valid(start, end)


def _day(value: object, line: int, reader: _Reader) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return date(value.year, value.month, value.day)
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        reader.refuse(line, f"`{value}` is no date", "write it as 2026-01-31")
        return date.min


def _report(doc: CommentedMap, reader: _Reader) -> Report:
    value, line = doc.get("report", "each run"), _line(doc, "report")
    if value in ("each run", "once"):
        return Report(ReportKind(value))
    if isinstance(value, str) and value.startswith("not again for "):
        return Report(ReportKind.NOT_AGAIN, reader.duration(value.removeprefix("not again for "), line, "report"))
    reader.refuse(line, f"`report: {value}` is not known", "use `each run`, `once` or `not again for 90 days`")
    return Report()


def _overlap(doc: CommentedMap, reader: _Reader) -> Overlap:
    value = doc.get("overlap", "start after")
    if value == "longest":
        reader.refuse(_line(doc, "overlap"), f"`overlap: longest` is {NOT_YET}", "use `start after` or `keep`")
        return Overlap.START_AFTER
    return Overlap(reader.one_of(value, [kind.value for kind in Overlap], _line(doc, "overlap"), "overlap"))


def _late(doc: CommentedMap, reader: _Reader) -> Duration:
    node, line = doc.get("late"), _line(doc, "late")
    default = Duration(30, Unit.DAYS)
    if node is None:
        return default
    if not isinstance(node, CommentedMap) or not set(node) <= {"accept", "else"}:
        reader.refuse(line, "`late` needs `accept`", "write `late: {accept: 30 days, else: review}`")
        return default
    reader.one_of(node.get("else", "review"), ["review"], line, "late.else")
    return reader.duration(node["accept"], line, "late.accept") if "accept" in node else default


def _offer(doc: CommentedMap, reader: _Reader) -> Offer | None:
    node = doc.get("offer")
    if node is None:
        return None
    line = _line(doc, "offer")
    keys = ("services", "urgency", "respond_within", "hold", "lead")
    if not isinstance(node, CommentedMap):
        reader.refuse(line, "`offer` is no block", f"give it {', '.join(keys)}")
        return None
    _check_keys(node, keys, (), reader)
    for key in (key for key in keys if key not in node):
        reader.refuse(line, f"`offer.{key}` is missing", f"add `{key}:` to the offer")
    services = node.get("services", ["?"])
    if not isinstance(services, list) or not services or not all(isinstance(s, str) for s in services):
        reader.refuse(_line(node, "services", line), "`services` is no list of names", "write `services: [name, name]`")
        services = []
    return Offer(
        services=tuple(services),
        urgency=reader.one_of(
            node.get("urgency", "normal"), ["normal", "low", "high"], _line(node, "urgency", line), "urgency"
        ),
        respond_within=reader.duration(
            node.get("respond_within", "2 working days"), _line(node, "respond_within", line), "respond_within"
        ),
        hold=reader.duration(node.get("hold", "1 working day"), _line(node, "hold", line), "hold"),
        lead=reader.text(node.get("lead", "?"), _line(node, "lead", line), "lead"),
    )


def _steps(doc: CommentedMap, reader: _Reader) -> tuple[Step, ...]:
    node = doc.get("steps", _MISSING)
    if node is _MISSING:
        return ()
    if not isinstance(node, CommentedSeq) or not node:
        reader.refuse(_line(doc, "steps"), "`steps` is no list", "begin with `- when: some_event`")
        return ()
    steps = [
        _step(item, place + 1, _line(node, place), reader) if isinstance(item, CommentedMap) else None
        for place, item in enumerate(node)
    ]
    if any(not isinstance(item, CommentedMap) for item in node):
        reader.refuse(_line(doc, "steps"), "a step is no block of keywords", "write it as `- then: some_event`")
    return tuple(step for step in steps if step is not None)


_KINDS: Mapping[str, tuple[str, ...]] = {
    "when": ("as", "where"),
    "then": ("as", "where", "within"),
    "at_least": ("as", "where", "within", "in_any", "distinct"),
    "absent": ("where", "for", "until"),
}


def _step(node: CommentedMap, position: int, line: int, reader: _Reader) -> Step | None:
    _check_keys(node, STEP_KEYS, STEP_KEYS_LATER, reader)
    kinds = [key for key in _KINDS if key in node]
    if len(kinds) != 1:
        if not set(node) & set(STEP_KEYS_LATER):
            reader.refuse(
                line, "a step needs exactly one of when, then, at_least, absent", "split or complete the step"
            )
        return None
    kind = kinds[0]
    for key in node:
        if key != kind and key in STEP_KEYS and key not in _KINDS[kind]:
            reader.refuse(_line(node, key), f"`{key}` does not go with `{kind}`", "move it to the step it belongs to")
    if (kind == "when") != (position == 1) and not (kind == "at_least" and position == 1):
        remedy = "begin with `when` or `at_least`" if position == 1 else "use `then` here"
        reader.refuse(line, f"`{kind}` cannot be step {position}", remedy)
    if kind == "absent":
        return _absence(node, position, line, reader)
    return _event_step(node, kind, position, line, reader)


def _where(node: CommentedMap, reader: _Reader) -> Where | None:
    if "where" not in node:
        return None
    line = _line(node, "where")
    return Where(reader.text(node["where"], line, "where"), line)


def _event_step(node: CommentedMap, kind: str, position: int, line: int, reader: _Reader) -> EventStep:
    count, target = (1, node[kind]) if kind != "at_least" else _counted(node, line, reader)
    members = _members(target, kind, line, reader)
    name = reader.text(node["as"], _line(node, "as"), "as") if "as" in node else None
    if name and any(member.name for member in members):
        reader.refuse(line, "a step whose members are named has no name of its own", "keep either kind of names")
    distinct = None
    if "distinct" in node:
        distinct = reader.one_of(node["distinct"], _DISTINCT, _line(node, "distinct"), "distinct")
    in_any = reader.duration(node["in_any"], _line(node, "in_any"), "in_any") if "in_any" in node else None
    if kind == "at_least" and in_any is None:
        reader.refuse(line, "`at_least` has no time limit", "add `in_any: 6 months`")
    window = _window(node["within"], _line(node, "within"), reader) if "within" in node else None
    return EventStep(position, line, members, name, _where(node, reader), window, count, in_any, distinct)


def _counted(node: CommentedMap, line: int, reader: _Reader) -> tuple[int, object]:
    found = re.fullmatch(r"\s*(\d{1,4})\s+(\S+)\s*", str(node["at_least"]))
    if found is None or int(found[1]) < 1:
        reader.refuse(line, f"`at_least: {node['at_least']}` is no count of a type", "write `at_least: 2 some_event`")
        return 1, "unknown"
    return int(found[1]), found[2]


def _window(value: object, line: int, reader: _Reader) -> Window:
    found = re.fullmatch(r"(.+?)\s+of\s+(\S+)", str(value).strip())
    if found is None:
        reader.refuse(
            line,
            f"`within: {value}` does not say of what",
            "write `within: 60 days of NAME` (or of first, of previous)",
        )
        return Window(Duration(0, Unit.DAYS))
    return Window(reader.duration(found[1], line, "within"), found[2])


def _absence(node: CommentedMap, position: int, line: int, reader: _Reader) -> AbsenceStep:
    members = _members(node["absent"], "absent", line, reader)
    if any(member.name for member in members):
        reader.refuse(line, "something absent cannot be named", "leave out `as`")
    duration, after = _for(node, line, reader)
    until = reader.text(node["until"], _line(node, "until"), "until") if "until" in node else None
    if until == "next event":
        reader.refuse(_line(node, "until"), f"`until: next event` is {NOT_YET}", "name a later step")
    if duration is None and until is None and "for" not in node:
        reader.refuse(line, "`absent` has no time limit", "add `for: 28 days after NAME` or `until: NAME`")
    return AbsenceStep(position, line, members, _where(node, reader), duration, after, until)


def _for(node: CommentedMap, step_line: int, reader: _Reader) -> tuple[Duration | None, str | None]:
    if "for" not in node:
        return None, None
    line = _line(node, "for", step_line)
    found = re.fullmatch(r"(.+?)\s+(after|before)\s+(\S+)", str(node["for"]).strip())
    if found is None:
        reader.refuse(line, f"`for: {node['for']}` does not say after what", "write `for: 28 days after NAME`")
        return None, None
    if found[2] == "before":
        reader.refuse(line, f"`for: D before NAME` is {NOT_YET}", "use `for: D after NAME`")
        return None, None
    return reader.duration(found[1], line, "for"), found[3]


def _members(target: object, key: str, line: int, reader: _Reader) -> tuple[Member, ...]:
    if isinstance(target, str):
        return (Member(target),)
    if not isinstance(target, CommentedMap):
        reader.refuse(line, f"`{key}` names no event type", f"write `{key}: some_event`")
        return ()
    if "all_of" in target:
        reader.refuse(line, f"`all_of` is {NOT_YET}", "use `any_of`, or a step for each")
        return ()
    if "type" in target:
        return tuple(_member(target, line, reader))
    listed = target.get("any_of")
    if set(target) != {"any_of"} or not isinstance(listed, list) or not listed:
        reader.refuse(line, f"`{key}` needs a type or `any_of`", f"write `{key}: {{any_of: [one, other]}}`")
        return ()
    return tuple(member for item in listed for member in _member(item, line, reader))


def _member(item: object, line: int, reader: _Reader) -> list[Member]:
    if isinstance(item, str):
        return [Member(item)]
    if isinstance(item, CommentedMap) and "absent" in item:
        reader.refuse(_line(item, default=line), f"`absent` as a member of `any_of` is {NOT_YET}", _USE_LATER)
    elif isinstance(item, CommentedMap) and "type" in item and set(item) <= {"type", "as", "where"}:
        return [Member(str(item["type"]), str(item["as"]) if "as" in item else None, _where(item, reader))]
    else:
        reader.refuse(_line(item, default=line), "a member is no type", "write `{type: T, as: name, where: condition}`")
    return []


def _examples(doc: CommentedMap, reader: _Reader) -> tuple[Example, ...]:
    node = doc.get("examples", [])
    if not isinstance(node, list):
        reader.refuse(_line(doc, "examples"), "`examples` is no list", "begin with `- name: ...`")
        return ()
    found = (_example(item, _line(node, place), reader) for place, item in enumerate(node))
    return tuple(example for example in found if example is not None)


def _example(item: object, line: int, reader: _Reader) -> Example | None:
    if not isinstance(item, CommentedMap) or set(item) != {"name", "events", "expect"}:
        reader.refuse(line, "an example needs name, events and expect", "add what is missing, take away what is more")
        return None
    expect = expected_days(str(item["expect"]))
    if expect is None:
        reader.refuse(
            _line(item, "expect"), f"`expect: {item['expect']}` is not known", "write `matched 2026-02-10` or `nothing`"
        )
        return None
    events = []
    for place, text in enumerate(item["events"] or ()):
        own = _line(item["events"], place, _line(item, "events"))
        event = example_event(text) if isinstance(text, str) else "is no text; put quotes around it"
        if isinstance(event, ExampleEvent):
            events.append(event)
        else:
            reader.refuse(own, f"an event of the example {event}", 'write "2026-01-05 job_lost {amount: 400} agency=x"')
    return Example(str(item["name"]), line, tuple(events), expect)


RESERVED_NAMES = frozenset({FIRST, PREVIOUS, "person", "attributes", "before", "next"})
"""Names a step cannot have, because windows, conditions or explanations use them."""
