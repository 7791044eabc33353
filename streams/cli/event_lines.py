"""JSON lines of events as a command reads them: every fault on standard error by its line, the rest goes on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import typer

from processors.rules.input import Input
from processors.rules.lines import BadLine, Item, Replay
from processors.rules.ruleset import RuleSet
from streams.errors import WrongUse


class EventLines:
    """The lines of a file, or of standard input.

    Args:
        name: of the file; `-` is standard input.
        rules: their catalogue says which event types there are.

    Attributes:
        name: as given.
    """

    def __init__(self, name: str, rules: RuleSet) -> None:
        self.name = name
        self._input = Input(rules.calendar, rules.deployment.catalogue, self._tell)
        self._faults = 0

    def items(self) -> Iterator[Item]:
        """What the good lines say, one by one.

        Raises:
            WrongUse: the file cannot be read.
        """
        with _opened(self.name) as lines:
            yield from self._input.items(lines)

    def end(self, replay: Replay) -> None:
        """Tells which lines replace one never heard; to be asked when all lines were given to `replay`."""
        self._input.end(replay)

    def leave(self) -> None:
        """Ends the command with 1 if a line had a fault.

        Raises:
            typer.Exit: one had.
        """
        if self._faults:
            raise typer.Exit(1)

    def _tell(self, fault: BadLine) -> None:
        self._faults += 1
        typer.echo(f"{self.name}:{fault.number}: {fault.problem}; {fault.remedy}", err=True)


def _opened(name: str) -> BinaryIO:
    if name == "-":
        return sys.stdin.buffer
    try:
        return Path(name).open("rb")
    except OSError as error:
        raise WrongUse(f"{name} cannot be read: {error.strerror}", "name a file of JSON lines, or `-`") from None
