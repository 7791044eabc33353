"""The slips: what a piece of code could have become by mistake.

Texts are never changed: what a user reads is held by other tests. Nor are annotations, docstrings
and assertions, which the program does not depend on.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from copy import copy
from typing import Final, TypeVar

COMPARISONS: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
ARITHMETIC: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
FUNCTIONS: Final = {"min": "max", "max": "min", "any": "all", "all": "any"}

Node = TypeVar("Node", bound=ast.AST)

Slip = tuple[str, ast.AST]
"""Name of the operator, and what stands in the place of the node."""


def slips(node: ast.AST, bound_before: frozenset[str]) -> Iterator[Slip]:
    """What could stand in the place of a node.

    Args:
        node: an expression or a statement within a function's body; it is not changed.
        bound_before: local names that have another binding than this node.
    """
    match node:
        case ast.Compare():
            yield from _comparisons(node)
        case ast.BoolOp(op=op, values=values):
            yield "and/or", ast.BoolOp(ast.And() if isinstance(op, ast.Or) else ast.Or(), values)
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield "sign", operand
        case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC and not _is_text(left, right):
            yield "arithmetic", ast.BinOp(left, ARITHMETIC[type(op)](), right)
        case ast.Constant(value=value):
            yield from (("constant", ast.Constant(each)) for each in _constants(value))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords) if name in FUNCTIONS:
            yield "function", ast.Call(ast.Name(FUNCTIONS[name], ast.Load()), args, keywords)
        case ast.Subscript(slice=ast.Slice()):
            yield from _edges(node)
        case ast.IfExp(body=body, orelse=orelse):
            yield from (("condition", each) for each in (body, orelse))
        case ast.comprehension(ifs=[_, *_]):
            yield "filter", _with(node, ifs=[])
        case ast.stmt():
            yield from _statements(node, bound_before)


def _comparisons(node: ast.Compare) -> Iterator[Slip]:
    for number, op in enumerate(node.ops):
        ops = [*node.ops]
        ops[number] = COMPARISONS[type(op)]()
        yield "comparison", _with(node, ops=ops)


def _constants(value: object) -> list[bool | int | float]:
    match value:
        case bool():
            return [not value]
        case int() | float():
            return [0, 2] if value == 1 else [value + 1]
        case _:
            return []


def _edges(node: ast.Subscript) -> Iterator[Slip]:
    """A slice that begins or ends one later, or not at all."""
    assert isinstance(node.slice, ast.Slice)
    for name in ("lower", "upper"):
        bound = getattr(node.slice, name)
        if bound is not None:
            later = ast.BinOp(bound, ast.Add(), ast.Constant(1))
            yield "edge", _with(node, slice=_with(node.slice, **{name: later}))
            yield "edge", _with(node, slice=_with(node.slice, **{name: None}))


def _statements(node: ast.stmt, bound_before: frozenset[str]) -> Iterator[Slip]:
    match node:
        case ast.Break():
            yield "loop", ast.Continue()
        case ast.Continue():
            yield "loop", ast.Break()
        case ast.Return(value=value) if value is not None and not _is_none(value):
            yield "return", ast.Return(ast.Constant(None))
        case ast.If():
            yield from (("condition", _with(node, test=ast.Constant(each))) for each in (True, False))
        case ast.While(test=test) if not isinstance(test, ast.Constant):
            yield "condition", _with(node, test=ast.Constant(False))
        case ast.AugAssign(op=op) if type(op) in ARITHMETIC:
            yield "arithmetic", _with(node, op=ARITHMETIC[type(op)]())
        case ast.FunctionDef():
            yield from _defaults(node)
    if _can_go(node, bound_before):
        yield "deletion", ast.Pass()


def _can_go(node: ast.stmt, bound_before: frozenset[str]) -> bool:
    """Whether a statement can be left out without leaving a name that nobody binds."""
    match node:
        case ast.Expr(value=ast.Call() | ast.YieldFrom() | ast.Yield()) | ast.AugAssign():
            return True
        case ast.Raise(exc=exc):
            return not (isinstance(exc, ast.Name) and exc.id == "NotImplementedError")
        case ast.Assign(targets=targets):
            names = {each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)}
            is_binding = any(isinstance(each, ast.Name | ast.Tuple) for each in targets)
            return not is_binding or names <= bound_before
        case _:
            return False


def _defaults(node: ast.FunctionDef) -> Iterator[Slip]:
    """The function without the default of an argument: the first of those that go by position, each by name."""
    arguments = node.args
    if arguments.defaults:
        yield "default", _with(node, args=_with(arguments, defaults=arguments.defaults[1:]))
    for number, default in enumerate(arguments.kw_defaults):
        if default is not None:
            kept = [*arguments.kw_defaults]
            kept[number] = None
            yield "default", _with(node, args=_with(arguments, kw_defaults=kept))


def _with(node: Node, **fields: object) -> Node:
    """A copy of a node with other fields; its other children are shared."""
    changed = copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_text(*nodes: ast.expr) -> bool:
    return any(
        isinstance(n, ast.JoinedStr) or (isinstance(n, ast.Constant) and isinstance(n.value, str)) for n in nodes
    )
