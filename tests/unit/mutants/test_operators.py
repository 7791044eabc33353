"""Which slips the operators make, and which places they leave alone."""

from __future__ import annotations

import pytest

from tests.mutants.population import mutants


def became(body: str, head: str = "def f(a, b=0):") -> set[str]:
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return {mutant.became for mutant in mutants("m.py", f"{head}\n{lines}\n")} - {"def f(a, b):"}


SLIPS = [
    ("x(a < b)", {"x(a <= b)", "pass"}),
    ("x(a == b)", {"x(a != b)", "pass"}),
    ("x(a in b)", {"x(a not in b)", "pass"}),
    ("x(0 < a <= b)", {"x(1 < a <= b)", "x(0 <= a <= b)", "x(0 < a < b)", "pass"}),
    ("x(a and b)", {"x(a or b)", "pass"}),
    ("x(not a)", {"x(a)", "pass"}),
    ("x(a + 3)", {"x(a - 3)", "x(a + 4)", "pass"}),
    ("x(1, True)", {"x(0, True)", "x(2, True)", "x(1, False)", "pass"}),
    ("x(min(a), any(b))", {"x(max(a), any(b))", "x(min(a), all(b))", "pass"}),
    ("x(a[:b])", {"x(a[:b + 1])", "x(a[:])", "pass"}),
    ("x(a if b else c)", {"x(a)", "x(c)", "pass"}),
    ("x([c for c in a if c])", {"x([c for c in a])", "pass"}),
    ("return a", {"return None"}),
    ("for c in a:\n    break", {"continue"}),
    ("if a:\n    x()", {"if True:", "if False:", "pass"}),
    ("while a:\n    x()", {"while False:", "pass"}),
    ("a += b", {"a -= b", "pass"}),
    ("a = b", {"pass"}),
    ("a.c = b", {"pass"}),
    ("raise X", {"pass"}),
]


@pytest.mark.parametrize(("body", "expected"), SLIPS, ids=[body.splitlines()[0] for body, _ in SLIPS])
def test_slips_of_a_body(body: str, expected: set[str]) -> None:
    assert became(body) == expected


def test_a_default_is_dropped_from_the_left_and_by_name() -> None:
    found = {mutant.became for mutant in mutants("m.py", "def f(a=1, b=2, *, c=3, d=4):\n    pass\n")}
    assert found == {
        "def f(a, b=2, *, c=3, d=4):",
        "def f(a=1, b=2, *, c, d=4):",
        "def f(a=1, b=2, *, c=3, d):",
    }


@pytest.mark.parametrize(
    "body",
    [
        '"""Text."""',
        "return None",
        "c = a",
        "c: Literal[1] = a",
        "assert a < b, 1",
        "raise NotImplementedError",
        "del a",
        "c = 'text'",
        "c = f'{1 + 2}'",
        "c = 'a' + a",
    ],
)
def test_what_nobody_depends_on_stays(body: str) -> None:
    assert became(body) == set()


def test_what_stands_outside_of_functions_stays() -> None:
    assert list(mutants("m.py", "LIMIT = 3 + 4\n\n@cache(1)\nclass A:\n    b = 1 < 2\n")) == []
