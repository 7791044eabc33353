"""Marks alone are no traffic; a mark of correlate says whether there was some."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from streams.stages.traffic import AMONG_TRAFFIC, is_traffic

MARK = SimpleNamespace(key=b"mark|rents|0", headers=())
MARK_AMONG_TRAFFIC = SimpleNamespace(key=b"mark|rents|0", headers=AMONG_TRAFFIC)
EVENT = SimpleNamespace(key=b"p1|e1|0", headers=(("ce_type", b"x"),))
FOREIGN = SimpleNamespace(key=None, headers=None)


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([], False),
        ([MARK, MARK], False),
        ([MARK, EVENT], True),
        ([MARK, MARK_AMONG_TRAFFIC], True),
        ([FOREIGN], True),
    ],
)
def test_traffic(records: list[Any], expected: bool) -> None:
    assert is_traffic(records) is expected
