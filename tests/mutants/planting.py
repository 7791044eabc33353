"""Puts other code in the place of a module's own when it is imported, and notes which functions run.

Every module that imports the changed one gets it as if it stood in the file; no file is written.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

Reached = set[tuple[str, str]]
"""File and qualified name of the functions that ran."""

NOTE = "__reached__"
"""Global of a traced module: the set its functions write themselves into."""


def plant(codes: Mapping[str, CodeType], reached: Reached | None = None) -> None:
    """From now on these modules, by file, are imported with this code.

    None of them may have been imported before.
    """
    named = {file.removesuffix(".py").removesuffix("/__init__").replace("/", "."): code for file, code in codes.items()}
    sys.meta_path.insert(0, _Finder(named, reached))


def traced(file: str, source: str) -> CodeType:
    """A module whose functions note that they ran."""
    tree = ast.parse(source)
    _trace(tree, file, "")
    return compile(ast.fix_missing_locations(tree), str(Path(file)), "exec")


def _trace(node: ast.AST, file: str, prefix: str) -> None:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.ClassDef):
            _trace(child, file, prefix)
            continue
        name = prefix + child.name
        _trace(child, file, f"{name}.")
        if isinstance(child, ast.FunctionDef):
            place = 0 if ast.get_docstring(child, clean=False) is None else 1
            child.body[place:place] = ast.parse(f"{NOTE}.add({(file, name)!r})").body


class _Loader(SourceFileLoader):
    """A module's own loader in all but its code."""

    def __init__(self, name: str, path: str, code: CodeType, reached: Reached | None) -> None:
        super().__init__(name, path)
        self._code, self._reached = code, reached

    def get_code(self, fullname: str) -> CodeType:
        del fullname
        return self._code

    def exec_module(self, module: ModuleType) -> None:
        if self._reached is not None:
            setattr(module, NOTE, self._reached)
        super().exec_module(module)


class _Finder:
    """First on `sys.meta_path`."""

    def __init__(self, codes: Mapping[str, CodeType], reached: Reached | None) -> None:
        self._codes, self._reached = codes, reached

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The module's spec with the planted code; None if it is not one of them."""
        code = self._codes.get(name)
        found = PathFinder.find_spec(name, path, target) if code is not None else None
        if code is None or found is None or found.origin is None:
            return None
        loader = _Loader(name, found.origin, code, self._reached)
        return importlib.util.spec_from_file_location(
            name, found.origin, loader=loader, submodule_search_locations=found.submodule_search_locations
        )
