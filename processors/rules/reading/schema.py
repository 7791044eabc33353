"""The JSON Schema of a rule document, for editors: `rule.schema.json` is its text.

Built from the keywords the parser knows, so that the two cannot differ in them. It describes form
only; names, types and what goes with what in one step is said by `headwater rules check`.

To write the file anew: `python -c "from processors.rules.reading.schema import text; print(text(), end='')"`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from processors.rules.model import How, OnCorrection, Overlap, Runs, Subject
from processors.rules.reading.document import ALSO_REQUIRED, ALWAYS_REQUIRED, OFFER_KEYS, RULE_KEYS, URGENCIES
from processors.rules.reading.example_text import EXAMPLE_KEYS
from processors.rules.reading.member_text import COMBINATIONS, MEMBER_KEYS, SILENCE_KEYS
from processors.rules.reading.repetition_text import MOST_TIMES
from processors.rules.reading.step_text import DISTINCT, KINDS

Schema = Mapping[str, object]

_DURATION = r"(less +than +)?[0-9]{1,6} +(second|minute|hour|day|working +day|week|month|year)s?"

RULE_WORDS: Mapping[str, str] = {
    "rule": "Name of the rule: letters, digits and hyphens.",
    "version": "Whole number from 1; a change of meaning is a new version.",
    "title": "What the rule finds, in a few words; a text, or a map by language.",
    "owner": "Who answers for the rule.",
    "purpose": "Purpose of purposes.yaml; every event type used must be granted to it.",
    "valid": "Days on which matches may complete, both inclusive.",
    "per": "Whose timeline the rule reads; default `person`.",
    "steps": "The pattern, read top to bottom.",
    "within": "Longest time from the first to the last event of a match.",
    "runs": "Which fitting events open a run: `every` (default), or the `first only` of a person.",
    "report": "`each run` (default), `once`, or `not again for 90 days`: per person, over all versions.",
    "overlap": "What a match does to runs that share time with it: `start after` (default), `keep`, `longest`.",
    "among": "Event types that narrow the timeline the rule sees.",
    "repeats": "`ignore same FIELD, FIELD in 2 days`: which repeats are left out.",
    "late": "How late an event may come and still be used; default 30 days.",
    "on_correction": "What becomes of a told match one of whose events is corrected; default `recheck`.",
    "offer": "What a match proposes, to whom and how fast.",
    "explain": "Why a match was told: `{person}` and `{NAME.occurred_at}` are filled in; a text, or a map by language.",
    "examples": "Worked examples; at least one that matches and one that does not.",
}
"""What each keyword of a rule means, in a sentence."""

STEP_WORDS: Mapping[str, str] = {
    "when": "Opens a run at each fitting event; first step only.",
    "then": "The next fitting event later on the timeline; others may lie between.",
    "right_after": "The very next event on the timeline, else the run ends.",
    "at_least": "Sliding count, `2 some_event`, with `in_any`.",
    "absent": "Must not occur, with `for`, `until` or both.",
    "group": "Steps as a unit, so that `times`, `within`, `optional` apply to all of them.",
    "as": "Name for conditions, windows and explanations.",
    "where": "Condition in CEL over this event's fields and earlier names: `amount > 400`.",
    "within": "Window: `60 days of first`, `of previous`, or of a name; `less than` excludes the edge.",
    "times": "Repetition: `3`, `2..5`, `at least 2`.",
    "how": "How far a repetition goes; default `longest`.",
    "stop_at": "Event that ends the repetition and is not part of it.",
    "max_gap": "Longest time from one round of the repetition to the next.",
    "unbroken": "Nothing lies in between.",
    "optional": "The step may be missing.",
    "each": "Every later fitting event makes its own match; implies `overlap: keep`.",
    "in_any": "Window the counted events lie in.",
    "distinct": "Counts different sources, binding the latest event of each.",
    "for": "`28 days after NAME`, or looking back `30 days before NAME`.",
    "until": "Name of a later step, or `next event`.",
    "again": "Fires anew after each further silence; last step only.",
    "any_of": "One of several; the first listed that fits takes the event.",
    "all_of": "All of several in any order, each by an event of its own.",
    "type": "Event type, a name from the catalogue.",
}
"""What each keyword of a step means, in a sentence."""


def schema() -> dict[str, object]:
    """The JSON Schema (draft 2020-12) of a rule document."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A rule of Headwater",
        "description": "An experiment (`--catalogue none`) needs `rule`, `version` and `steps` only.",
        **_block(RULE_KEYS, _RULE_VALUES, RULE_WORDS, required=ALWAYS_REQUIRED),
        "dependentRequired": {"offer": [key for key in ALSO_REQUIRED if key != "offer"]},
        "$defs": {
            "duration": {"type": "string", "pattern": f"^ *{_DURATION} *$"},
            "window": {"type": "string", "pattern": f"^ *{_DURATION} +of +\\S+ *$"},
            "type": {"type": "string", "pattern": r"^\S+$", "description": STEP_WORDS["type"]},
            "texts": {
                "oneOf": [_TEXT, {"type": "object", "minProperties": 1, "additionalProperties": _TEXT}],
            },
            "member": {"oneOf": [_ref("type"), _block(MEMBER_KEYS, _MEMBER_VALUES, STEP_WORDS, required=["type"])]},
            "unnamed": {
                "oneOf": [_ref("type"), _block(("type", "where"), _MEMBER_VALUES, STEP_WORDS, required=["type"])]
            },
            "silence": _block(SILENCE_KEYS, _SILENCE_VALUES, STEP_WORDS, required=["absent", "for"]),
            "step": {"oneOf": [_ref(kind) for kind in KINDS]},
            **{kind: _step(kind) for kind in KINDS},
        },
    }


def text() -> str:
    """The text of `rule.schema.json`."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def _ref(name: str) -> dict[str, object]:
    return {"$ref": f"#/$defs/{name}"}


def _block(
    keys: Iterable[str], values: Mapping[str, Schema], words: Mapping[str, str], *, required: Iterable[str]
) -> dict[str, object]:
    """A mapping with a closed set of keywords."""
    properties = {key: {**values[key], "description": words[key]} for key in keys}
    return {"type": "object", "required": list(required), "properties": properties, "additionalProperties": False}


def _step(kind: str) -> dict[str, object]:
    required = {"at_least": ["at_least", "in_any"]}.get(kind, [kind])
    step = _block((kind, *KINDS[kind]), _STEP_VALUES, STEP_WORDS, required=required)
    if kind == "absent":
        step["anyOf"] = [{"required": ["for"]}, {"required": ["until"]}]
    if "times" in KINDS[kind]:
        step["dependentRequired"] = {key: ["times"] for key in ("how", "stop_at", "max_gap", "unbroken")}
    return step


def _combined(member: str, *, others: Iterable[Schema] = ()) -> dict[str, object]:
    """A type, a member, or `{any_of: [..]}` / `{all_of: [..]}` of members; `any_of` takes `others` besides."""
    lists: dict[str, Schema] = {each: {"items": _ref(member)} for each in COMBINATIONS}
    if others:
        lists["any_of"] = {"items": {"oneOf": [_ref(member), *others]}, "contains": _ref(member)}
    blocks = (
        _block((each,), {each: {"type": "array", "minItems": 1, **items}}, STEP_WORDS, required=[each])
        for each, items in lists.items()
    )
    return {"oneOf": [_ref(member), *blocks]}


def _one_of(values: Iterable[str]) -> dict[str, object]:
    return {"enum": [str(value) for value in values]}


_TEXT: Schema = {"type": "string", "pattern": r"\S"}
_FLAG: Schema = {"type": "boolean"}
_MEMBER_VALUES: Mapping[str, Schema] = {"type": _ref("type"), "as": _TEXT, "where": _TEXT}
_SILENCE_VALUES: Mapping[str, Schema] = {
    "absent": _ref("type"),
    "where": _TEXT,
    "for": {"type": "string", "pattern": f"^ *{_DURATION} +after +\\S+ *$"},
}
_STEP_VALUES: Mapping[str, Schema] = {
    "when": _combined("member"),
    "then": _combined("member", others=[_ref("silence")]),
    "right_after": _combined("member"),
    "at_least": {"type": "string", "pattern": r"^ *[0-9]+ +\S+ *$"},
    "absent": _combined("unnamed"),
    "group": {"type": "array", "minItems": 1, "items": _ref("step")},
    "as": _TEXT,
    "where": _TEXT,
    "within": _ref("window"),
    "times": {
        "oneOf": [
            {"type": "integer", "minimum": 1, "maximum": MOST_TIMES},
            {"type": "string", "pattern": r"^ *([0-9]+ *\.\. *[0-9]+|at +least +[0-9]+|[0-9]+) *$"},
        ]
    },
    "how": _one_of(How),
    "stop_at": _ref("unnamed"),
    "max_gap": _ref("duration"),
    "unbroken": _FLAG,
    "optional": _FLAG,
    "each": _FLAG,
    "in_any": _ref("duration"),
    "distinct": _one_of(DISTINCT),
    "for": {"type": "string", "pattern": f"^ *{_DURATION} +(after|before) +\\S+ *$"},
    "until": _TEXT,
    "again": _FLAG,
}
_OFFER_VALUES: Mapping[str, Schema] = {
    "services": {"type": "array", "minItems": 1, "items": _TEXT},
    "urgency": _one_of(URGENCIES),
    "respond_within": _ref("duration"),
    "hold": _ref("duration"),
    "lead": _TEXT,
}
_OFFER_WORDS: Mapping[str, str] = {
    "services": "Names from the service directory.",
    "urgency": "How urgent the offer is.",
    "respond_within": "Time the lead team has.",
    "hold": "Quarantine before anybody is told.",
    "lead": "The team that takes it up.",
}
_EXAMPLE_VALUES: Mapping[str, Schema] = {
    "name": _TEXT,
    "events": {"type": "array", "items": _TEXT},
    "expect": {
        "type": "string",
        "pattern": r"^ *(nothing|matched([ ,]+[0-9]{4}-[0-9]{2}-[0-9]{2})+) *$",
    },
}
_EXAMPLE_WORDS: Mapping[str, str] = {
    "name": "What the example shows.",
    "events": "`2026-01-05 job_lost {amount: 400} agency=x`, in order.",
    "expect": "`matched 2026-02-10`, or `nothing`.",
}
_DAY: Schema = {"type": "string", "format": "date", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
_RULE_VALUES: Mapping[str, Schema] = {
    "rule": {"type": "string", "pattern": "^[A-Za-z0-9]+([-_][A-Za-z0-9]+)*$"},
    "version": {"type": "integer", "minimum": 1},
    "title": _ref("texts"),
    "owner": _TEXT,
    "purpose": _TEXT,
    "valid": {
        "type": "object",
        "required": ["from"],
        "properties": {"from": _DAY, "until": _DAY},
        "additionalProperties": False,
    },
    "per": _one_of(Subject),
    "steps": {"type": "array", "minItems": 1, "items": _ref("step")},
    "within": _ref("duration"),
    "runs": _one_of(Runs),
    "report": {"type": "string", "pattern": f"^ *(each run|once|not +again +for +{_DURATION}) *$"},
    "overlap": _one_of(Overlap),
    "among": {"type": "array", "minItems": 1, "items": _ref("type")},
    "repeats": {"type": "string", "pattern": f"^ *ignore +same +\\w+( *, *\\w+)* +in +{_DURATION} *$"},
    "late": {
        "type": "object",
        "properties": {"accept": _ref("duration"), "else": {"const": "review"}},
        "additionalProperties": False,
    },
    "on_correction": _one_of(OnCorrection),
    "offer": _block(OFFER_KEYS, _OFFER_VALUES, _OFFER_WORDS, required=OFFER_KEYS),
    "explain": _ref("texts"),
    "examples": {
        "type": "array",
        "items": _block(EXAMPLE_KEYS, _EXAMPLE_VALUES, _EXAMPLE_WORDS, required=EXAMPLE_KEYS),
    },
}
