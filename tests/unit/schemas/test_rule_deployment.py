"""What a deployment folder says about rules: enforcement bodies, and how long a type is kept."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import infra
from processors.civil_time import Duration, Unit
from processors.rules.lines import json_attributes
from processors.rules.load import load
from schemas.deployment import Deployment, DeploymentFault
from streams.composition import rule_deployment

DEMO = Path(infra.__file__).parent / "demo"


def changed(folder: Path, file: str, old: str, new: str) -> Deployment:
    place = shutil.copytree(DEMO, folder / "place")
    text = (place / file).read_text(encoding="utf-8")
    assert old in text
    (place / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    return Deployment.load(place)


def refusals(deployment: Deployment) -> list[str]:
    found = load(deployment.rules, rule_deployment(deployment), json_attributes)
    return [str(each) for each in found] if isinstance(found, list) else []


def test_no_rule_may_be_led_by_a_team_marked_as_enforcement(tmp_path: Path):
    deployment = changed(tmp_path, "teams.yaml", "  care-bridge:\n", "  care-bridge:\n    enforcement: true\n")
    assert "care-bridge" in deployment.enforcement
    assert any("the lead team `care-bridge` is an enforcement body" in each for each in refusals(deployment))


def test_no_rule_may_offer_a_service_of_an_enforcement_body(tmp_path: Path):
    deployment = changed(tmp_path, "services.yaml", "debt-advice:\n", "debt-advice:\n  enforcement: true\n")
    assert deployment.enforcement == {"debt-advice"}
    assert any("the service `debt-advice` is given by an enforcement body" in each for each in refusals(deployment))


def test_services_of_a_team_marked_as_enforcement_are_marked_with_it(tmp_path: Path):
    deployment = changed(tmp_path, "teams.yaml", "  income-desk:\n", "  income-desk:\n    enforcement: true\n")
    given = {one.id for one in deployment.services.values() if one.provider == "Income desk"}
    assert given
    assert deployment.enforcement == {"income-desk", *given}


def test_a_type_says_how_long_it_is_kept(tmp_path: Path):
    deployment = changed(tmp_path, "catalogue.yaml", "job_lost:\n", "job_lost:\n  kept_for: 2 months\n")
    assert deployment.catalogue["job_lost"].kept_for == Duration(2, Unit.MONTHS)
    assert deployment.catalogue["job_started"].kept_for is None
    assert any("`job_lost` is kept for 2 months, and the rule looks back" in each for each in refusals(deployment))


def test_a_time_that_is_none_is_told(tmp_path: Path):
    with pytest.raises(DeploymentFault, match=r"catalogue.yaml:3: `kept_for` is not a duration; write a number"):
        changed(tmp_path, "catalogue.yaml", "job_lost:\n", "job_lost:\n  kept_for: a while\n")


def test_the_demo_town_names_no_enforcement_body():
    assert Deployment.load(DEMO).enforcement == set()
