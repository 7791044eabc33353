"""Errors a user can act on.

Every such error says what is wrong, where, and what to do. The command line prints it without a
traceback and ends with `exit_code` (see `headwater --help`: 1 found problems, 2 wrong use,
3 a dependency is unreachable). Programming errors are not in here: they stay ordinary exceptions.
"""

from __future__ import annotations


class UserError(Exception):
    """A fault with a remedy.

    Args:
        problem: what is wrong and where, one sentence without a trailing full stop.
        remedy: what the reader can do about it, one imperative sentence.
    """

    exit_code = 1

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem = problem
        self.remedy = remedy


class WrongUse(UserError):
    """The command line, a setting or a file named by the user is wrong."""

    exit_code = 2


class Unreachable(UserError):
    """A dependency (broker, database, registry, disk) cannot be used; `problem` names its address."""

    exit_code = 3
