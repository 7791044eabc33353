"""How often the interpreter looks for cycles of dead values."""

from __future__ import annotations

import gc

_NEW, _YOUNG, _OLD = 100_000, 50, 100


def look_seldom_for_cycles() -> None:
    """Lets the collector of cycles run seldom, and never over what is loaded by now.

    A stage holds millions of small values that live long and hold no cycles; looking through them
    again and again took half of the time of deciding (`python -m bench.rules`). What dies without a
    cycle is freed at once as ever.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW, _YOUNG, _OLD)
