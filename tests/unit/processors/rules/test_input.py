"""Input lines read one by one."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.civil_time import Calendar
from processors.events import LifeEvent
from processors.rules.input import Input, read_line
from processors.rules.lines import BadLine

GOOD = {"id": "1", "type": "a", "person": "p", "occurred_at": "2026-01-05"}
BAD = (b"{", b"3", b"\xff", b'{"id": "2"}', b'{"advance_to": "soon"}', orjson.dumps({**GOOD, "type": "unknown"}))


@given(st.lists(st.sampled_from([b"", b" \r", orjson.dumps(GOOD), b'{"advance_to": "2026-01-06"}', *BAD])))
def test_every_line_is_told_passed_on_or_empty_and_keeps_its_number(lines: list[bytes]) -> None:
    faults: list[BadLine] = []
    items = list(Input(Calendar(), {"a"}, faults.append).items([line + b"\n" for line in lines]))
    assert [fault.number for fault in faults] == [n for n, line in enumerate(lines, 1) if line in BAD]
    events = [item.arrival for item in items if isinstance(item, LifeEvent)]
    assert events == [n for n, line in enumerate(lines, 1) if line == orjson.dumps(GOOD)]
    assert len(items) + len(faults) == sum(bool(line.strip()) for line in lines)


@pytest.mark.parametrize(
    "told", [{"Anna": 1}, {"change": "Anna"}, {"occurred_at": "Anna"}, {"recorded_at": "Anna"}, {"attributes": "Anna"}]
)
def test_the_kind_of_a_fault_repeats_nothing_of_the_line(told: dict[str, object]) -> None:
    with pytest.raises(BadLine) as caught:
        read_line(1, orjson.dumps({**GOOD, **told}), Calendar())
    assert "Anna" not in caught.value.kind + caught.value.remedy
