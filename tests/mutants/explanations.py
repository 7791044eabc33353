"""Reads why survivors are no gap in the tests: `survivors.md`, one heading for each, by identity."""

from __future__ import annotations

import re
from pathlib import Path

SURVIVORS = Path(__file__).with_name("survivors.md")
_HEADING = re.compile(r"^## ([0-9a-f]{10})$", re.MULTILINE)


def explanations(text: str) -> dict[str, str]:
    """Text by identity of the mutant; headings without a text explain nothing and are left out."""
    _, *parts = _HEADING.split(text)
    found = {name: said.strip() for name, said in zip(parts[::2], parts[1::2], strict=True)}
    return {name: said for name, said in found.items() if said}
