"""Random rules over the whole language, as plain dicts and lists.

A rule is valid by construction: the first step opens, names stand before their use, `until` names a
later step, an `again` has the rule's window, and what could wait for ever is limited.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

OPEN_ENDED = ['"times"', '"optional"', '"group"']  # what waits for ever where nothing limits it
SIGNS = ["<", "<=", ">", ">=", "==", "!="]
TYPES = "aabbccd*"
NARROW = "aabbccd"
RARE = "abcdeeee"  # what must be absent should not always be there


@dataclass
class Names:
    """The names bound so far: those of one event and those that are lists."""

    singles: list[str] = field(default_factory=list)
    lists: list[str] = field(default_factory=list)
    used: int = 0

    def new(self) -> str:
        """A name not used before."""
        self.used += 1
        return f"x{self.used}"

    def copy(self) -> Names:
        """For a step that must not see its own name."""
        return Names(list(self.singles), list(self.lists), self.used)

    def all(self) -> list[str]:
        """Every name."""
        return self.singles + self.lists


def chance(dice: Random, one_in: int) -> bool:
    """True once in so many."""
    return dice.randint(1, one_in) == one_in


def lengths(dice: Random, most: int = 6, is_less: bool = True) -> str:
    """Mostly a few days; hours, working days, weeks and months now and then."""
    others = ["24 hours", "36 hours", "100 hours", "1 day", "1 working day", "3 working days", "1 week", "1 month"]
    found = f"{dice.randint(2, most)} days" if dice.random() < 0.7 else dice.choice(others)
    return f"less than {found}" if is_less and chance(dice, 4) else found


def conditions(dice: Random, names: Names, own: str | None = None, is_list: bool = False) -> str:
    """A condition of the family that `conditions` knows."""
    sign = dice.choice(SIGNS)
    some = [f"n {sign} {dice.randint(1, 4)}", 'agency == "m"', "has(n)", "!has(n) || n > 2"]
    some += ['before.type != "b"', 'before.type == "a"']
    some += [f"{one}.n {sign} n" for one in names.singles] + [f"{one}.agency == agency" for one in names.singles]
    for one in names.lists + ([own] if own and is_list else []):
        some += [f"sum({one}.map(e, e.n)) < {dice.randint(3, 9)}", f"count({one}) <= 2", f"first({one}).n {sign} n"]
        some += [f"last({one}).n {sign} n"] if one != own else []
    return dice.choice(some)


def windows(dice: Random, names: Names) -> str:
    """`D of NAME`."""
    return f"{lengths(dice, 9)} of {dice.choice(['first', 'previous', *names.all()])}"


def single_steps(dice: Random, names: Names, word: str, is_repeated: bool) -> dict[str, Any]:
    """`when`, `then`, `right_after` of a type or of any of several, named or not."""
    step: dict[str, Any] = {word: dice.choice(TYPES if word != "when" else NARROW)}
    singles, lists = list(names.singles), list(names.lists)
    if chance(dice, 5):
        members: list[Any] = dice.sample("abcd", dice.randint(2, 3))
        if dice.random() < 0.5:
            members = [{"type": one, "as": names.new()} for one in members]
            if chance(dice, 3):
                members[0]["where"] = conditions(dice, Names(singles, lists))
            (lists if is_repeated else singles).extend(member["as"] for member in members)
        step[word] = {"any_of": members}
    if not isinstance(step[word], dict) or isinstance(step[word]["any_of"][0], str):
        own = names.new() if chance(dice, 2) or is_repeated else None
        if chance(dice, 6):
            step["where"] = conditions(dice, names.copy(), own, is_repeated)
        if own:
            step["as"] = own
            (lists if is_repeated else singles).append(own)
    names.singles, names.lists = singles, lists
    return step


def repetitions(dice: Random, names: Names) -> dict[str, Any]:
    """The keywords of a repetition."""
    low = dice.randint(1, 2)
    times = dice.choice([2, f"{low}..{low + dice.randint(1, 3)}", f"at least {low}", f"{low}..{low + 2}"])
    found: dict[str, Any] = {"times": times}
    if chance(dice, 3):
        found["how"] = dice.choice(["each", "each", "shortest", "longest"])
    if chance(dice, 4):
        stop = dice.choice(RARE)
        where = conditions(dice, Names(list(names.singles))) if chance(dice, 3) else None
        found["stop_at"] = {"type": stop, "where": where} if where else stop
    if chance(dice, 4):
        found["max_gap"] = lengths(dice)
    if chance(dice, 5):
        found["unbroken"] = True
    if chance(dice, 4) and found.get("how") != "shortest":
        found["optional"] = True
    return found


def positive_steps(
    dice: Random, names: Names, is_first: bool, depth: int = 0, is_listed: bool = False
) -> dict[str, Any]:
    """One step that binds events. `is_listed`: in a repeated group, where every name is a list."""
    kinds = ["plain"] * 4 + ["repeated"] * 3 + ["all_of", "at_least"] + ["group"] * (2 if depth == 0 else depth == 1)
    if not is_first:
        kinds += ["right_after", "right_after", "optional", "optional"] + ["each", "silence"] * (depth == 0)
    kind = dice.choice(kinds)
    earlier = names.copy()
    word = "when" if is_first else "then"
    if kind == "group":
        return groups(dice, names, is_first, depth, is_listed)
    if kind in ("plain", "each", "optional"):
        step = single_steps(dice, names, word, is_listed)
        step |= {"each": True} if kind == "each" else {"optional": True} if kind == "optional" else {}
    elif kind == "right_after":
        is_many = chance(dice, 3)
        step = single_steps(dice, names, "right_after", is_many or is_listed)
        step |= {"times": dice.choice([2, "1..3"])} if is_many else {}
        step |= {"optional": True} if chance(dice, 4) else {}
    elif kind == "repeated":
        step = single_steps(dice, names, word, is_repeated=True) | repetitions(dice, earlier)
        if is_first:
            step.pop("optional", None)
        if is_listed and step.get("how") == "each":
            del step["how"]
    elif kind == "silence":
        return silences(dice, names)
    else:
        step = several(dice, names, word, kind, is_listed)
        step |= {"optional": True} if not is_first and chance(dice, 4) else {}
    if is_first and not (kind in ("repeated", "all_of") and dice.random() < 0.5):
        return step
    if is_first:
        return step | {"within": f"{lengths(dice, 9)} of first"}
    return step | ({"within": windows(dice, earlier)} if chance(dice, 3) or kind == "optional" else {})


def several(dice: Random, names: Names, word: str, kind: str, is_listed: bool) -> dict[str, Any]:
    """`all_of` or `at_least`."""
    step: dict[str, Any]
    if kind == "at_least":
        step = {"at_least": f"{dice.randint(2, 3)} {dice.choice(NARROW)}", "in_any": lengths(dice, 9)}
        step |= {"distinct": dice.choice(["agency", "area"])} if chance(dice, 3) else {}
        step |= {"where": conditions(dice, names)} if chance(dice, 4) else {}
    elif dice.random() < 0.5:
        types = dice.choices(TYPES, k=dice.randint(2, 3))
        members = [{"type": one, "as": names.new()} for one in types]
        if chance(dice, 3):
            members[0]["where"] = conditions(dice, names.copy())
        (names.lists if is_listed else names.singles).extend(member["as"] for member in members)
        return {word: {"all_of": members}}
    else:
        step = {word: {"all_of": dice.choices(NARROW, k=dice.randint(2, 3))}}
    step["as"] = names.new()
    names.lists.append(step["as"])
    return step


def silences(dice: Random, names: Names) -> dict[str, Any]:
    """`any_of` with an absence among its members."""
    after = dice.choice(["first", *names.all()])
    silence: dict[str, Any] = {"absent": dice.choice(RARE), "for": f"{lengths(dice)} after {after}"}
    if chance(dice, 4):
        silence["where"] = conditions(dice, names.copy())
    name = names.new()
    names.singles.append(name)
    return {"then": {"any_of": [{"type": dice.choice(NARROW), "as": name}, silence]}}


def groups(dice: Random, names: Names, is_first: bool, depth: int, is_listed: bool) -> dict[str, Any]:
    """A group of one to three steps, the first of them not optional."""
    is_repeated = not is_listed and not chance(dice, 3)
    earlier = names.copy()
    step: dict[str, Any] = repetitions(dice, earlier) if is_repeated else {}
    if not is_first and not is_repeated and dice.random() < 0.5:
        step["optional"] = True
    if is_first:
        step.pop("optional", None)
    inner: list[dict[str, Any]] = []
    for number in range(dice.randint(1, 3)):
        one = positive_steps(dice, names, is_first and number == 0, depth + 1, is_listed or is_repeated)
        inner.append(one)
    if is_listed or is_repeated:
        names.lists += [name for name in names.singles if name not in earlier.singles]
        names.singles = list(earlier.singles)
    if depth or any("group" in one for one in inner):
        _limit_forks(step, inner)
    inner[0].pop("optional", None)
    if chance(dice, 4) and len(inner) > 1:
        inner.insert(1, absences(dice, names_of(inner[:1]), names_of(inner[1:])))
    if chance(dice, 4):
        step["within"] = f"{lengths(dice, 9)} of first" if is_first else windows(dice, earlier)
    return {"group": inner} | step


def _limit_forks(group: dict[str, Any], inner: list[dict[str, Any]]) -> None:
    """Keeps repetitions in one another from having more ways than a search by trying can go through."""
    for step in (group, *inner):
        step.pop("how", None)
        if "times" in step:
            step["times"] = 2 if "group" in step else "1..2"


def names_of(steps: list[dict[str, Any]]) -> list[str]:
    """The names these steps surely bind, `any_of` members and optional steps left out."""
    found: list[str] = []
    for step in steps:
        if step.get("optional") or step.get("how") == "each":
            continue
        found += [step["as"]] if "as" in step else []
        found += names_of(step.get("group", []))
    return found


def absences(dice: Random, earlier: list[str], later: list[str], is_top: bool = False) -> dict[str, Any]:
    """An absence that looks ahead, back, until a later step, or at the next event."""
    some: Any = dice.choice(RARE)
    if chance(dice, 4):
        types: list[Any] = dice.choices(RARE, k=2)
        if chance(dice, 3):
            types[0] = {"type": types[0], "where": "n > 2"}
        some = {dice.choice(["any_of", "all_of"]): types}
    step: dict[str, Any] = {"absent": some}
    if chance(dice, 4):
        step["where"] = conditions(dice, Names())
    name = dice.choice(["first", *earlier])
    kinds = ["after", "after", "before"] + ["until", "both"] * bool(later) * 2 + ["next", "next and for"] * is_top
    kind = dice.choice(kinds)
    if kind in ("after", "both", "next and for"):
        step["for"] = f"{lengths(dice)} after {name}"
    if kind == "before":
        step["for"] = f"{lengths(dice)} before {name}"
    if kind in ("until", "both"):
        step["until"] = dice.choice(later)
    if kind.startswith("next"):
        step["until"] = "next event"
        step["absent"] = {"any_of": some["all_of"]} if isinstance(some, dict) and "all_of" in some else some
    return step


def rules(dice: Random) -> dict[str, Any]:
    """A rule as plain dicts and lists."""
    names = Names()
    steps = [positive_steps(dice, names, is_first=True)]
    for _ in range(dice.randint(0, 3)):
        steps.append(positive_steps(dice, names, is_first=False))
    for _ in range(dice.choice([0, 0, 1, 1, 2])):
        where = dice.randint(1, len(steps))
        steps.insert(where, absences(dice, names_of(steps[:where]), until_names(steps[where:]), is_top=True))
    rule: dict[str, Any] = {"rule": "r", "version": 1}
    if chance(dice, 8):
        much = f"{lengths(dice, 4, is_less=False)} after first"
        steps.append({"absent": dice.choice(RARE), "for": much, "again": True})
        rule["within"] = f"{dice.randint(6, 20)} days"
    return rule | levels(dice, steps) | {"steps": steps}


def until_names(steps: list[dict[str, Any]]) -> list[str]:
    """The names an absence may wait for: bound for sure, or optional with a window of their own."""
    optional = [step["as"] for step in steps if step.get("optional") and "within" in step and "as" in step]
    return names_of(steps) + optional


def levels(dice: Random, steps: list[dict[str, Any]]) -> dict[str, Any]:
    """The keywords beside the steps."""
    found: dict[str, Any] = {}
    is_each = '"each": true' in json.dumps(steps)
    if not is_each and not chance(dice, 3):
        found["overlap"] = dice.choice(["start after", "keep", "keep", "longest"])
    if '"again"' in json.dumps(steps) and found.get("overlap") == "longest":
        found["overlap"] = "keep"
    is_open = any(word in json.dumps(steps) for word in OPEN_ENDED) or found.get("overlap") == "longest"
    if (is_open or chance(dice, 4)) and '"again"' not in json.dumps(steps):
        found["within"] = dice.choice([lengths(dice, 12), "20 days"])
    if chance(dice, 6):
        found["runs"] = "first only"
    if chance(dice, 5):
        found["report"] = dice.choice(["once", "not again for 3 days", "not again for 1 week", "each run"])
    if chance(dice, 8):
        found["repeats"] = f"ignore same {dice.choice(['n', 'agency', 'n, agency'])} in {lengths(dice, 3)}"
    if chance(dice, 8):
        words = set(json.dumps(steps).replace('"', " ").replace(",", " ").split())
        found["among"] = [kind for kind in "abcde" if kind in words] + ["f"]
    return found
