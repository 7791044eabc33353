"""The short faults, on real processes: nothing is lost, nothing comes twice, and planted bugs are caught.

All faults: `make faults`. `FAULTS_SEED` draws others.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults.all import ALL
from tests.faults.cases import Case, play
from tests.integration.towns import make_town

pytestmark = pytest.mark.faults

SEED = int(os.environ.get("FAULTS_SEED", "7"))
SHORT = [case for case in ALL if case.is_short]


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_town(tmp_path_factory.mktemp("town") / "history", persons=800, seed=SEED)


@pytest.mark.parametrize("case", SHORT, ids=[case.name for case in SHORT])
def test_nothing_is_lost_and_nothing_comes_twice(case: Case, history: Path, tmp_path: Path) -> None:
    result = play(case, SEED, tmp_path / "case", history)
    assert result.faults == ()
    assert result.offers > 30
