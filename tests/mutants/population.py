"""All mutants of some modules, each with an identity that outlives changes elsewhere, and a seeded sample of them."""

from __future__ import annotations

import ast
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

from tests.mutants.operators import slips


@dataclass(frozen=True, slots=True)
class Mutant:
    """One slip at one place.

    Attributes:
        file: the module, relative to the tree.
        line: where it stands now; no part of its identity.
        function: qualified name of the innermost function.
        operator: kind of the slip.
        was, became: the line of code (of a compound statement its head) before and after.
        id: 10 hexadecimal digits from file, function, operator, `was` and `became`, and which of several
            alike it is: the same for as long as this line of code and its place stay as they are.
    """

    file: str
    line: int
    function: str
    operator: str
    was: str
    became: str
    id: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.was} -> {self.became}"


def population(tree: Path, folder: str) -> list[Mutant]:
    """Every mutant of every module in a folder, in order of file and place."""
    return [
        each for path in modules(tree, folder) for each in mutants(path.relative_to(tree).as_posix(), path.read_text())
    ]


def modules(tree: Path, folder: str) -> list[Path]:
    """The modules of a folder, sub-folders included, in order."""
    return sorted((tree / folder).rglob("*.py"))


def sample(mutants: Iterable[Mutant], count: int, seed: int) -> list[Mutant]:
    """`count` of them, drawn so that a change of one line draws hardly any other mutant anew.

    Each has a rank that follows from the seed and its identity; the lowest ranks are drawn.
    """
    ranked = sorted(mutants, key=lambda each: hashlib.sha256(f"{seed} {each.id}".encode()).digest())
    return sorted(ranked[:count], key=lambda each: (each.file, each.line, each.id))


def mutants(file: str, source: str) -> Iterator[Mutant]:
    """The mutants of one module."""
    return (mutant for mutant, _ in _states(file, source))


def compiled(file: str, source: str, mutant: Mutant) -> CodeType:
    """The module with that mutant in it.

    Raises:
        LookupError: this source has no such mutant.
    """
    for each, tree in _states(file, source):
        if each.id == mutant.id:
            return compile(ast.fix_missing_locations(tree), file, "exec")
    raise LookupError(f"{mutant} is not in {file}")


def _states(file: str, source: str) -> Iterator[tuple[Mutant, ast.Module]]:
    """Each mutant with the tree as the mutant has it, which holds until the next one is asked for."""
    tree = ast.parse(source)
    alike: Counter[tuple[str, ...]] = Counter()
    for place in list(_places(tree, None)):
        was = place.head()
        for operator, slip in slips(place.node, place.bound_before):
            place.put(slip)
            key = (file, place.function.name, operator, was, place.head(slip))
            alike[key] += 1
            digest = hashlib.sha256("\n".join([*key, str(alike[key])]).encode()).hexdigest()
            yield Mutant(file, place.node_line, place.function.name, operator, was, key[-1], digest[:10]), tree
            place.put(place.node)


@dataclass(frozen=True, slots=True)
class Function:
    """A function a place is in: its qualified name and how often each local name is bound."""

    name: str
    bindings: Counter[str]


@dataclass(frozen=True, slots=True)
class Place:
    """A node in a function's body and where it hangs: `parent.field`, or `parent.field[index]`."""

    node: ast.AST
    parent: ast.AST
    field: str
    index: int | None
    function: Function
    carrier: ast.AST

    def put(self, node: ast.AST) -> None:
        """Hangs another node into this place."""
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node

    def head(self, slip: ast.AST | None = None) -> str:
        """The line of code the place is in, as it stands now; `slip` is what is in the place, if not the node."""
        carrier = slip if slip is not None and self.node is self.carrier else self.carrier
        lines = ast.unparse(ast.fix_missing_locations(carrier)).splitlines()
        return next(line for line in lines if not line.startswith("@"))

    @property
    def node_line(self) -> int:
        """The line in the source."""
        return int(getattr(self.node, "lineno", getattr(self.carrier, "lineno", 0)))

    @property
    def bound_before(self) -> frozenset[str]:
        """Local names that have a binding besides this node's own."""
        own = Counter(_stored(self.node))
        return frozenset(name for name, times in self.function.bindings.items() if times > own[name])


def _places(
    parent: ast.AST, function: Function | None, prefix: str = "", carrier: ast.AST | None = None
) -> Iterator[Place]:
    """Places below a node, outer before inner, in the order of the source."""
    for field, index, node in _children(parent):
        below, path = function, prefix
        is_carrier = isinstance(node, ast.stmt | ast.match_case)
        carries = node if is_carrier or carrier is None else carrier
        if isinstance(node, ast.ClassDef):
            below, path = None, f"{prefix}{node.name}."
        elif isinstance(node, ast.FunctionDef):
            below, path = _function(prefix, node), f"{prefix}{node.name}."
        if below is not None:
            yield Place(node, parent, field, index, below, carries)
        yield from _places(node, below, path, carries)


def _function(prefix: str, node: ast.FunctionDef) -> Function:
    arguments = (each.arg for each in ast.walk(node.args) if isinstance(each, ast.arg))
    return Function(prefix + node.name, Counter([*arguments, *_stored(node)]))


def _stored(node: ast.AST) -> list[str]:
    return [each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)]


_NOT_ENTERED = {
    ast.FunctionDef: {"args", "returns", "decorator_list", "type_params"},
    ast.AnnAssign: {"annotation"},
    ast.JoinedStr: {"values"},
    ast.Raise: {"exc", "cause"},
    ast.Assert: {"test", "msg"},
}
"""What is never changed: signatures, annotations and what users or programmers read."""


def _children(parent: ast.AST) -> Iterator[tuple[str, int | None, ast.AST]]:
    left_out = _NOT_ENTERED.get(type(parent), set())
    for field, value in ast.iter_fields(parent):
        if field in left_out:
            continue
        if isinstance(value, ast.AST):
            yield field, None, value
        elif isinstance(value, list):
            yield from ((field, index, each) for index, each in enumerate(value) if isinstance(each, ast.AST))
