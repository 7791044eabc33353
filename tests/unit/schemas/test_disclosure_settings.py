"""How a deployment says how strictly weekly counts are protected."""

from __future__ import annotations

from pathlib import Path

import pytest

from processors.disclosure.policy import DisclosurePolicy
from schemas.deployment import Deployment, DeploymentFault
from tests.integration.towns import copy_deployment, replace_in

SHIPPED = "disclosure: {least: 10, round_to: 5, settle: 7 days}"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return copy_deployment(tmp_path / "place", rules=False)


def faults(place: Path) -> list[str]:
    with pytest.raises(DeploymentFault) as caught:
        Deployment.load(place)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (SHIPPED, DisclosurePolicy()),
        ("", DisclosurePolicy()),
        ("disclosure: {least: 20}", DisclosurePolicy(least=20)),
        ("disclosure: {round_to: 1, settle: 3 weeks}", DisclosurePolicy(round_to=1, settle_days=21)),
    ],
)
def test_what_is_not_said_is_as_by_default(place: Path, written: str, meant: DisclosurePolicy):
    replace_in(place / "deployment.yaml", SHIPPED, written)
    assert Deployment.load(place).disclosure == meant


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("{least: 2, round_to: 1}", "least must be at least 3"),
        ("{least: 4}", "round_to must be between 1 and least (4)"),
        ("{round_to: 0}", "round_to must be between 1 and least (10)"),
        ("{least: ten}", "`least` is not a whole number"),
        ("{settle: soon}", "`settle` is not a duration"),
        ("{below: 10}", "`disclosure` has no field `below`"),
    ],
)
def test_limits_that_protect_nobody_are_refused_with_their_place(place: Path, written: str, fault: str):
    replace_in(place / "deployment.yaml", SHIPPED, f"disclosure: {written}")
    found = faults(place)
    assert any(one.startswith("deployment.yaml:") and fault in one for one in found), found


def test_no_area_may_be_called_all(place: Path):
    replace_in(place / "deployment.yaml", "  millbrook:", "  all:")
    assert any("an area cannot be called `all`" in one for one in faults(place))
