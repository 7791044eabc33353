"""Faults of deployment folders and contracts: all at once, each with its place and remedy."""

import shutil
from pathlib import Path

import pytest

import infra
from schemas.avro import Unfit, read_schema
from schemas.contract import Contract, load_contract
from schemas.deployment import Deployment, DeploymentFault
from schemas.problems import Problem
from schemas.samples import check_samples

DEMO = Path(infra.__file__).parent / "demo"


@pytest.fixture
def town(tmp_path) -> Path:
    return Path(shutil.copytree(DEMO, tmp_path / "town"))


def _change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def _faults(town: Path) -> list[Problem]:
    with pytest.raises(DeploymentFault) as caught:
        Deployment.load(town)
    return caught.value.problems


def test_every_fault_of_every_file_is_told_at_once(town):
    _change(town / "teams.yaml", "areas: [riverbend, millbrook", "areas: [atlantis, millbrook")
    _change(town / "purposes.yaml", "[hospital_discharged]", "[hospital_discharge]")
    _change(town / "catalogue.yaml", "{type: number, unit: hours", "{type: hours, unit: hours")
    _change(town / "contracts/prison/releases/mapping.yaml", "id: additionalInformation.releaseId", "id: additional.id")
    found = {(problem.file, problem.line): problem.problem for problem in _faults(town)}
    assert found[("teams.yaml", 9)] == "there is no area `atlantis`"
    assert found[("purposes.yaml", 14)] == "type `hospital_discharge` is not in the catalogue"
    assert found[("catalogue.yaml", 10)] == "`type` is `hours`"
    assert found[("contracts/prison/releases/mapping.yaml", 6)] == "the schema has no `additional` there"
    assert len(found) == 4


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("settles_within: ", "settles_within: soon ", "is not a duration"),
        ("version: 1\n", "version: 1\nbegins: once\n", "`begins` is not a date"),
        ("version: 1\n", "version: 1\nsurge: never\n", "`surge` is not a mapping"),
        ("version: 1\n", "version: 1\nsurge: {factor: 0.5}\n", "a factor above 1"),
        ("version: 1\n", "version: 1\nsurge: {times: 5}\n", "`surge` has no field `times`"),
        ("STRUCK: annulled", "STRUCK: struck", "`struck` is no change kind"),
        ("PETITION: eviction_claim_filed", "PETITION: eviction_claimed", "`events` has no `eviction_claimed`"),
        ("      amount: claim.amount", "      amounts: claim.amount", "has no attribute `amounts`"),
        ("parties[capacity=DEFENDANT]", "parties[role=DEFENDANT]", "the schema has no `role` there"),
        ("entry.servedOn", "entry.number", "the date's format is not known"),
        ("version: 1", "version: 1\nversion: 2", "not valid YAML"),
        ("key: docketNumber\n", "kee: docketNumber\n", "has no field `kee`"),
        ("replaces:", "replaced:", "has no field `replaced`"),
        ("recorded_at: entry.enteredAt\n", "", "lacks `recorded_at`"),
        ("- role: tenant", "- joins_household_of: owner\n        role: tenant", "no role `owner` to join"),
        ("amount: claim.amount", "amount: {cel: 'x +', with: {x: claim.amount}}", "not a CEL expression"),
        ("amount: claim.amount", "amount: {cel: 'x + y', with: {x: claim.amount}}", "`y` is not given"),
        ("[docketNumber, entry.number]", "[docket-number, entry.number]", "is not a path"),
        ("contact: {name: Registry of the court", "contact: {nam: Registry of the court", "lacks `name`"),
    ],
)
def test_a_fault_of_a_mapping_is_told_with_its_line(town, old, new, problem):
    file = town / "contracts/court/eviction-proceedings/mapping.yaml"
    _change(file, old, new)
    faults = _faults(town)
    assert any(problem in fault.problem for fault in faults), faults
    assert all(fault.file.endswith("court/eviction-proceedings/mapping.yaml") and fault.remedy for fault in faults)


@pytest.mark.parametrize("name", ["deployment.yaml", "catalogue.yaml", "teams.yaml", "texts/nl.yaml", "holidays.yaml"])
def test_a_missing_file_is_told(town, name):
    (town / name).unlink()
    assert any(problem.file == name for problem in _faults(town))


@pytest.mark.parametrize("text", ["[]", "{}", "a: [", "\x00", "areas: 3\nrules: 4\nname: {}\n", "- 1", ""])
@pytest.mark.parametrize(
    "name",
    [
        "deployment.yaml",
        "catalogue.yaml",
        "purposes.yaml",
        "teams.yaml",
        "services.yaml",
        "holidays.yaml",
        "texts/en.yaml",
    ],
)
def test_no_content_of_a_file_is_a_traceback(town, name, text):
    (town / name).write_text(text)
    try:
        Deployment.load(town)
    except DeploymentFault as fault:
        assert fault.problems


@pytest.mark.parametrize(
    "text", ["[]", "{}", "a: [", "events: 3\n", "events: {died: 3}\ntype: {value: {a: b}}\nid: []\n", "- 1", ""]
)
def test_no_content_of_a_mapping_is_a_traceback(town, text):
    (town / "contracts/court/eviction-proceedings/mapping.yaml").write_text(text)
    assert isinstance(load_contract(town / "contracts/court/eviction-proceedings"), list)


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ("{", "not valid JSON"),
        ('{"type": "string"}', "not a record"),
        ('{"type": "record", "name": "A", "fields": [{"name": "b", "type": "nonsense"}]}', "not a valid Avro schema"),
        ('{"type": "record", "name": "A", "fields": [{"name": "b", "type": ["null", "A"]}]}', "contains itself"),
        (
            '{"type": "record", "name": "A", "fields": [{"name": "b", "type": {"type": "array", "items": "null"}}]}',
            "without any size",
        ),
    ],
)
def test_a_schema_that_cannot_be_read_safely_is_refused(schema, problem):
    found = read_schema(schema)
    assert isinstance(found, Unfit)
    assert problem in found.problem


def test_a_sample_that_does_not_do_what_it_says_is_told_with_its_line(town):
    folder = town / "contracts/ngo/help-requests"
    good, bad = folder / "samples/good.jsonl", folder / "samples/bad.jsonl"
    good.write_text('{"desk": "Quay"}\n')
    lines = ['{"expect": "nonsense"}', "not json", '{"expect": "null-key", "value": "zz"}']
    bad.write_text("\n".join([*lines, '{"expect": "null-value", "value": "00"}']))
    contract = load_contract(folder)
    assert isinstance(contract, Contract)
    problems = check_samples(contract)
    assert {(problem.file.split("/")[-1], problem.line) for problem in problems} >= {
        ("good.jsonl", 1),
        ("bad.jsonl", 1),
        ("bad.jsonl", 2),
        ("bad.jsonl", 3),
        ("bad.jsonl", 4),
    }


def test_the_demo_town_is_complete():
    town = Deployment.load(DEMO)
    assert town.default_area == "riverbend"
    assert len(town.contracts) == 14
    assert len(town.holidays) == 30
    assert set(town.texts["en"]) == set(town.texts["nl"])
    assert town.catalogue["born"].feeds == ("registry-office.life-records",)
    for contract in town.contracts.values():
        assert all(town.catalogue[name].settles_within_ms >= contract.settles_within_ms > 0 for name in contract.types)
