"""Random rules over the whole language, and random timelines on which they often match.

A rule is valid by construction: the first step opens, names stand before their use, `until` names a
later step, an `again` has the rule's window.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from hypothesis import strategies as st

from tests.brute.civil import Place
from tests.brute.events import Event

DAY_MS = 86_400_000
PLACE = Place("Europe/Brussels", frozenset({date(2026, 1, 30), date(2026, 3, 30), date(2026, 10, 26)}))
STARTS = [PLACE.midnight(day) for day in (date(2026, 1, 24), date(2026, 3, 21), date(2026, 10, 17), date(2028, 2, 22))]
BEGAN_DAYS_BEFORE = [400, 400, 2, 0]
OPEN_ENDED = ['"times"', '"optional"', '"group"']  # what waits for ever where nothing limits it
SIGNS = ["<", "<=", ">", ">=", "==", "!="]


@dataclass(frozen=True)
class Case:
    """A rule, the events of one subject in order of arrival, and when every feed began."""

    rule: dict[str, Any]
    events: list[Event]
    began: int

    @property
    def text(self) -> str:
        """The rule as its YAML document; JSON values are YAML."""
        steps = "".join(f"  - {json.dumps(step)}\n" for step in self.rule["steps"])
        head = "".join(f"{key}: {json.dumps(value)}\n" for key, value in self.rule.items() if key != "steps")
        return f"{head}steps:\n{steps}"

    def __repr__(self) -> str:
        """Readable when a case fails: the document, and the timeline by local time."""
        lines = [
            f"{datetime.fromtimestamp(event.occurred_at / 1000, UTC):%m-%d %H:%M}Z {event.id} {event.type}"
            f" {event.attributes} {event.agency}"
            for event in self.events
        ]
        return f"Case, feeds since {datetime.fromtimestamp(self.began / 1000, UTC)}\n{self.text}" + "\n".join(lines)


@dataclass
class Names:
    """The names bound so far: those of one event, those that are lists, and which may be unbound."""

    singles: list[str] = field(default_factory=list)
    lists: list[str] = field(default_factory=list)
    used: int = 0

    def new(self) -> str:
        self.used += 1
        return f"x{self.used}"

    def all(self) -> list[str]:
        return self.singles + self.lists


def lengths(most: int = 6, is_less: bool = True) -> st.SearchStrategy[str]:
    """Mostly a few days; hours, working days, weeks and months now and then."""
    days = st.integers(1, most).map(lambda n: f"{n} {'day' if n == 1 else 'days'}")
    hours = st.sampled_from(["12 hours", "24 hours", "36 hours", "90 minutes"])
    others = st.sampled_from(["1 working day", "3 working days", "1 week", "2 weeks", "1 month"])
    some = st.one_of(days, days, days, hours, others)
    return st.one_of(some, some, some, some.map("less than {}".format)) if is_less else some


TYPES = st.sampled_from("aabbccd*")
NARROW = st.sampled_from("aabbccd")


@st.composite
def conditions(draw: st.DrawFn, names: Names, own: str | None = None, is_list: bool = False) -> str:
    """A condition of the family that `conditions` knows."""
    sign = draw(st.sampled_from(SIGNS))
    some = [
        f"n {sign} {draw(st.integers(1, 4))}",
        'agency == "m"',
        "has(n)",
        "!has(n) || n > 2",
        'before.type != "b"',
        'before.type == "a"',
    ]
    some += [f"{one}.n {sign} n" for one in names.singles] + [f"{one}.agency == agency" for one in names.singles]
    for one in names.lists + ([own] if own and is_list else []):
        some += [
            f"sum({one}.map(e, e.n)) < {draw(st.integers(3, 9))}",
            f"count({one}) <= 2",
            f"first({one}).n {sign} n",
        ]
        some += [f"last({one}).n {sign} n"] if one != own else []
    return draw(st.sampled_from(some))


@st.composite
def windows(draw: st.DrawFn, names: Names) -> str:
    """`D of NAME`."""
    return f"{draw(lengths(9))} of {draw(st.sampled_from(['first', 'previous', *names.all()]))}"


def chance(draw: st.DrawFn, one_in: int) -> bool:
    return draw(st.integers(1, one_in)) == one_in


@st.composite
def single_steps(draw: st.DrawFn, names: Names, word: str, is_repeated: bool) -> dict[str, Any]:
    """`when`, `then`, `right_after` of a type or of any of several, named or not."""
    step: dict[str, Any] = {word: draw(TYPES if word != "when" else NARROW)}
    singles, lists = list(names.singles), list(names.lists)
    if chance(draw, 5):
        members: list[Any] = draw(st.lists(NARROW, min_size=2, max_size=3, unique=True))
        if draw(st.booleans()):
            members = [{"type": one, "as": names.new()} for one in members]
            if chance(draw, 3):
                members[0]["where"] = draw(conditions(Names(singles, lists)))
            (lists if is_repeated else singles).extend(member["as"] for member in members)
        step[word] = {"any_of": members}
    if not isinstance(step[word], dict) or isinstance(step[word]["any_of"][0], str):
        own = names.new() if chance(draw, 2) or is_repeated else None
        if chance(draw, 4):
            step["where"] = draw(conditions(Names(list(names.singles), list(names.lists)), own, is_repeated))
        if own:
            step["as"] = own
            (lists if is_repeated else singles).append(own)
    names.singles, names.lists = singles, lists
    return step


@st.composite
def repetitions(draw: st.DrawFn, names: Names, is_group: bool = False) -> dict[str, Any]:
    """The keywords of a repetition."""
    low = draw(st.integers(1, 2))
    times = st.sampled_from([2, f"{low}..{low + draw(st.integers(1, 3))}", f"at least {low}", f"{low}..{low + 2}"])
    found: dict[str, Any] = {"times": draw(times)}
    if chance(draw, 3):
        found["how"] = draw(st.sampled_from(["each", "each", "shortest", "longest"]))
    if chance(draw, 4):
        stop = draw(NARROW)
        where = draw(conditions(Names(list(names.singles)))) if chance(draw, 3) else None
        found["stop_at"] = {"type": stop, "where": where} if where else stop
    if chance(draw, 4):
        found["max_gap"] = draw(lengths())
    if chance(draw, 5):
        found["unbroken"] = True
    if chance(draw, 4) and found.get("how") != "shortest":
        found["optional"] = True
    return found


@st.composite
def positive_steps(
    draw: st.DrawFn, names: Names, is_first: bool, depth: int = 0, is_listed: bool = False
) -> dict[str, Any]:
    """One step that binds events. `is_listed`: in a repeated group, where every name is a list."""
    kinds = ["plain"] * 4 + ["repeated"] * 3 + ["all_of", "at_least"] + ["group"] * (2 if depth == 0 else depth == 1)
    if not is_first:
        kinds += ["right_after", "right_after", "optional", "optional"] + ["each", "silence"] * (depth == 0)
    kind = draw(st.sampled_from(kinds))
    earlier = Names(list(names.singles), list(names.lists))
    word = "when" if is_first else "then"
    if kind == "group":
        return draw(groups(names, is_first, depth, is_listed))
    if kind in ("plain", "each", "optional"):
        step = draw(single_steps(names, word, is_listed))
        step |= {"each": True} if kind == "each" else {"optional": True} if kind == "optional" else {}
    elif kind == "right_after":
        is_many = chance(draw, 3)
        step = draw(single_steps(names, "right_after", is_many or is_listed))
        step |= {"times": draw(st.sampled_from([2, "1..3"]))} if is_many else {}
        step |= {"optional": True} if chance(draw, 4) else {}
    elif kind == "repeated":
        step = draw(single_steps(names, word, is_repeated=True)) | draw(repetitions(earlier))
        if is_first:
            step.pop("optional", None)
    elif kind == "silence":
        return draw(silences(names))
    else:
        step = draw(several(names, word, kind, is_listed))
        step |= {"optional": True} if not is_first and chance(draw, 4) else {}
    if is_first and not (kind in ("repeated", "all_of") and draw(st.booleans())):
        return step
    if is_first:
        return step | {"within": f"{draw(lengths(9))} of first"}
    return step | ({"within": draw(windows(earlier))} if chance(draw, 3) or kind == "optional" else {})


@st.composite
def several(draw: st.DrawFn, names: Names, word: str, kind: str, is_listed: bool) -> dict[str, Any]:
    """`all_of` or `at_least`."""
    step: dict[str, Any]
    if kind == "at_least":
        step = {"at_least": f"{draw(st.integers(2, 3))} {draw(NARROW)}", "in_any": draw(lengths(9))}
        step |= {"distinct": draw(st.sampled_from(["agency", "area"]))} if chance(draw, 3) else {}
        step |= {"where": draw(conditions(names))} if chance(draw, 4) else {}
    elif draw(st.booleans()):
        types = draw(st.lists(TYPES, min_size=2, max_size=3))
        members = [{"type": one, "as": names.new()} for one in types]
        if chance(draw, 3):
            members[0]["where"] = draw(conditions(Names(list(names.singles), list(names.lists))))
        (names.lists if is_listed else names.singles).extend(member["as"] for member in members)
        return {word: {"all_of": members}}
    else:
        step = {word: {"all_of": draw(st.lists(NARROW, min_size=2, max_size=3))}}
    step["as"] = names.new()
    names.lists.append(step["as"])
    return step


@st.composite
def silences(draw: st.DrawFn, names: Names) -> dict[str, Any]:
    """`any_of` with an absence among its members."""
    after = draw(st.sampled_from(["first", *names.all()]))
    silence: dict[str, Any] = {"absent": draw(NARROW), "for": f"{draw(lengths())} after {after}"}
    if chance(draw, 4):
        silence["where"] = draw(conditions(Names(list(names.singles), list(names.lists))))
    name = names.new()
    names.singles.append(name)
    return {"then": {"any_of": [{"type": draw(NARROW), "as": name}, silence]}}


@st.composite
def groups(draw: st.DrawFn, names: Names, is_first: bool, depth: int, is_listed: bool) -> dict[str, Any]:
    """A group of one to three steps, at least one of them not optional."""
    is_repeated = chance(draw, 3) is False
    earlier = Names(list(names.singles), list(names.lists))
    step: dict[str, Any] = draw(repetitions(earlier)) if is_repeated else {}
    if not is_first and not is_repeated and draw(st.booleans()):
        step["optional"] = True
    if is_first:
        step.pop("optional", None)
    inner: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 3))):
        one = draw(positive_steps(names, is_first and number == 0, depth + 1, is_listed or is_repeated))
        inner.append(one)
    if is_listed or is_repeated:
        names.lists, names.singles = (
            names.lists + [n for n in names.singles if n not in earlier.singles],
            earlier.singles,
        )
    if all(one.get("optional") for one in inner):
        inner[0].pop("optional")
    if chance(draw, 4) and len(inner) > 1:
        inner.insert(1, draw(absences(names_of(inner[:1]), names_of(inner[1:]))))
    if chance(draw, 4):
        step["within"] = f"{draw(lengths(9))} of first" if is_first else draw(windows(earlier))
    return {"group": inner} | step


def names_of(steps: list[dict[str, Any]]) -> list[str]:
    """The names these steps surely bind, `any_of` members and optional steps left out."""
    found: list[str] = []
    for step in steps:
        if step.get("optional") or step.get("how") == "each":
            continue
        found += [step["as"]] if "as" in step else []
        found += names_of(step.get("group", []))
    return found


@st.composite
def absences(draw: st.DrawFn, earlier: list[str], later: list[str], is_top: bool = False) -> dict[str, Any]:
    """An absence that looks ahead, back, until a later step, or at the next event."""
    some: Any = draw(NARROW)
    if chance(draw, 4):
        types: list[Any] = draw(st.lists(NARROW, min_size=2, max_size=2))
        if chance(draw, 3):
            types[0] = {"type": types[0], "where": "n > 2"}
        some = {draw(st.sampled_from(["any_of", "all_of"])): types}
    step: dict[str, Any] = {"absent": some}
    if chance(draw, 4):
        step["where"] = draw(conditions(Names()))
    name = draw(st.sampled_from(["first", *earlier]))
    kinds = ["after", "after", "before"] + ["until", "both"] * bool(later) * 2 + ["next", "next and for"] * is_top
    kind = draw(st.sampled_from(kinds))
    if kind in ("after", "both", "next and for"):
        step["for"] = f"{draw(lengths())} after {name}"
    if kind == "before":
        step["for"] = f"{draw(lengths())} before {name}"
    if kind in ("until", "both"):
        step["until"] = draw(st.sampled_from(later))
    if kind.startswith("next"):
        step["until"] = "next event"
        step["absent"] = {"any_of": some["all_of"]} if isinstance(some, dict) and "all_of" in some else some
    return step


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    """A rule as plain dicts and lists."""
    names = Names()
    steps = [draw(positive_steps(names, is_first=True))]
    for _ in range(draw(st.integers(0, 3))):
        steps.append(draw(positive_steps(names, is_first=False)))
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2]))):
        where = draw(st.integers(1, len(steps)))
        steps.insert(where, draw(absences(names_of(steps[:where]), until_names(steps[where:]), is_top=True)))
    rule: dict[str, Any] = {"rule": "r", "version": 1}
    if chance(draw, 8):
        steps.append({"absent": draw(NARROW), "for": f"{draw(lengths(4, is_less=False))} after first", "again": True})
        rule["within"] = f"{draw(st.integers(6, 20))} days"
    return rule | draw(levels(steps)) | {"steps": steps}


def until_names(steps: list[dict[str, Any]]) -> list[str]:
    """The names an absence may wait for: bound for sure, or optional with a window of their own."""
    optional = [step["as"] for step in steps if step.get("optional") and "within" in step and "as" in step]
    return names_of(steps) + optional


@st.composite
def levels(draw: st.DrawFn, steps: list[dict[str, Any]]) -> dict[str, Any]:
    """The keywords beside the steps."""
    found: dict[str, Any] = {}
    is_each = '"each": true' in json.dumps(steps)
    if not is_each and not chance(draw, 3):
        found["overlap"] = draw(st.sampled_from(["start after", "keep", "keep", "longest"]))
    if '"again"' in json.dumps(steps) and found.get("overlap") == "longest":
        found["overlap"] = "keep"
    is_open = any(word in json.dumps(steps) for word in OPEN_ENDED) or found.get("overlap") == "longest"
    if (is_open or chance(draw, 4)) and '"again"' not in json.dumps(steps):
        found["within"] = draw(st.one_of(lengths(12), st.just("20 days")))
    if chance(draw, 6):
        found["runs"] = "first only"
    if chance(draw, 5):
        found["report"] = draw(st.sampled_from(["once", "not again for 3 days", "not again for 1 week", "each run"]))
    if chance(draw, 8):
        found["repeats"] = f"ignore same {draw(st.sampled_from(['n', 'agency', 'n, agency']))} in {draw(lengths(3))}"
    if chance(draw, 8):
        found["among"] = ["a", "b", "c", "d"]
    return found


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A rule and a timeline of up to 14 events with ties, mostly of the rule's own types and in their order."""
    rule = draw(rules())
    words = json.dumps(rule["steps"]).replace('"', " ").replace(",", " ").split()
    own = [word for word in words if word in tuple("abcd")] or ["a"]
    start = draw(st.sampled_from(STARTS))
    gaps, hours = st.sampled_from([0, 0, 1, 1, 1, 2, 3]), st.sampled_from([0, 0, 0, 12, 12, 23])
    found: list[tuple[int, str]] = []
    day = turn = 0
    for _ in range(draw(st.sampled_from([*range(15), *range(5, 13)]))):
        day += draw(gaps)
        kind = draw(st.sampled_from(["own", "own", "other", *"abcde"]))
        turn += kind == "own"
        kind = own[(turn - 1) % len(own)] if kind == "own" else draw(st.sampled_from(own)) if kind == "other" else kind
        found.append((start + day * DAY_MS + draw(hours) * 3_600_000, kind))
    events = [draw(events_at(number, *one)) for number, one in enumerate(sorted(found, key=lambda one: one[0]))]
    return Case(rule, events, start - draw(st.sampled_from(BEGAN_DAYS_BEFORE)) * DAY_MS)


@st.composite
def events_at(draw: st.DrawFn, number: int, at: int, kind: str) -> Event:
    """An event with attributes of chance; its number is the order of arrival and its id."""
    attributes = {} if chance(draw, 6) else {"n": draw(st.integers(1, 4))}
    agency, area = draw(st.sampled_from("mn")), draw(st.sampled_from("st"))
    return Event(f"e{number}", kind, at, at, number, agency, area, attributes=attributes)
