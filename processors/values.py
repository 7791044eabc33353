"""Values that are made for every event: frozen to mypy, without what that costs at run time.

A frozen dataclass sets each field by a function call: one of 15 fields takes 1.6 us, one that is not frozen
0.2. mypy refuses whatever would change a value, so nothing has to do it again for each that is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as value
else:
    from dataclasses import dataclass

    def value(*, frozen: bool, **options: bool):  # noqa: ANN201 - only mypy reads it, and mypy reads the other
        """Makes a dataclass, as `dataclass(frozen=True, ...)` does; equal ones have equal hashes."""
        return dataclass(**options, unsafe_hash=frozen)


__all__ = ["value"]
