"""Identities, samples and the code of mutants."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.mutants.population import compiled, mutants, sample

SOURCE = """
class Fee:
    def due(self, days):
        if days > 30:
            return days * 2
        return 0


def waived(days):
    return days < 3 or days < 3
"""


def test_a_mutant_tells_where_it_is_and_what_it_changes() -> None:
    found = next(each for each in mutants("fee.py", SOURCE) if each.operator == "comparison")
    assert (found.function, str(found)) == ("Fee.due", "fee.py:4: if days > 30: -> if days >= 30:")


def test_alike_mutants_are_told_apart() -> None:
    found = [each.id for each in mutants("fee.py", SOURCE)]
    assert len(set(found)) == len(found)


def test_an_identity_outlives_changes_elsewhere() -> None:
    moved = "LIMIT = 3\n\n" + SOURCE.replace("return 0", "return 7")
    before, after = ({each.id: each for each in mutants("fee.py", text)} for text in (SOURCE, moved))
    gone = [before[name].was for name in before.keys() - after.keys()]
    assert set(gone) == {"return 0"}
    assert all(after[name].line == before[name].line + 2 for name in before.keys() & after.keys())


@given(seed=st.integers(0, 100), count=st.integers(0, 30))
def test_a_sample_hardly_changes_with_a_line(seed: int, count: int) -> None:
    before = list(mutants("fee.py", SOURCE))
    after = list(mutants("fee.py", SOURCE.replace("return 0", "return 7")))
    drawn, again = (sample(each, count, seed) for each in (before, after))
    assert len(drawn) == min(count, len(before))
    new = {each.id for each in after} - {each.id for each in before}
    lost = {each.id for each in drawn} - {each.id for each in again}
    assert len(lost) <= len(new) + len({each.id for each in before} - {each.id for each in after})


def test_another_seed_draws_others() -> None:
    found = list(mutants("fee.py", SOURCE))
    assert sample(found, 5, 1) == sample(reversed(found), 5, 1)
    assert len({tuple(sample(found, 5, seed)) for seed in range(5)}) > 1


def test_every_mutant_compiles_to_what_it_says() -> None:
    by_change = {each.became: each for each in mutants("fee.py", SOURCE)}
    changed: dict[str, type] = {}
    exec(compiled("fee.py", SOURCE, by_change["if days >= 30:"]), changed)
    assert [changed["Fee"]().due(days) for days in (29, 30, 31)] == [0, 60, 62]
    for each in mutants("fee.py", SOURCE):
        assert compiled("fee.py", SOURCE, each)


def test_a_mutant_of_another_source_is_refused() -> None:
    other = next(mutants("fee.py", "def f(a):\n    return a\n"))
    with pytest.raises(LookupError, match=r"fee\.py:2"):
        compiled("fee.py", SOURCE, other)
