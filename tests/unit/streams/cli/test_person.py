import json

import pytest
from typer.testing import CliRunner

from processors.events import ControlKind
from streams.cli.person import app, control_of, find_person
from streams.errors import UserError, WrongUse
from streams.register import open_register
from streams.settings import Settings

LINE = {
    "household": "H1",
    "area": "north",
    "address": {"street": "Elm Street 1"},
    "members": [{"person": "P1", "name": "Zebedee", "born": "1980-01-02", "ids": [["nin", "123456"]]}],
}


@pytest.fixture
def register(tmp_path):
    with open_register(Settings(data=tmp_path)) as register:
        register.load_population([LINE])
        yield register


@pytest.fixture
def run(tmp_path, monkeypatch, register):
    monkeypatch.setenv("HEADWATER_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return lambda *words, **more: CliRunner().invoke(app, list(words), **more)


def test_show_gives_pseudonyms_only(run):
    for shown in (run("show", "--id", "-", input="nin:12 34 56\n"), run("show", "--id", "nin:123456", "--json")):
        assert shown.exit_code == 0, shown.exception
        assert "north" in shown.stdout
        assert not [word for word in ("Zebedee", "123456", "Elm") if word in shown.stdout]


def test_revealing_needs_a_purpose(run):
    assert isinstance(run("show", "--id", "nin:123456", "--reveal").exception, WrongUse)
    shown = run("show", "--id", "nin:123456", "--reveal", "--purpose", "letter came back", "--json")
    assert json.loads(shown.stdout)["identity"]["name"] == "Zebedee"
    assert "Zebedee" in run("show", "--id", "nin:123456", "--reveal", "--purpose", "again").stdout


@pytest.mark.parametrize(
    "words", [[], ["--id", "nin:1", "--person", "x"], ["--id", "998877"], ["--id", "nin:99887766"]]
)
def test_errors_do_not_repeat_the_id(run, words):
    error = run("show", *words).exception
    assert isinstance(error, UserError)
    assert "9988" not in str(error)


def test_a_control_names_person_household_and_area(register):
    facts = find_person(register, "nin:123456", None)
    control = control_of(ControlKind.OPT_OUT, facts, 7)
    assert (control.person, control.household, control.area) == (facts.person, facts.household, "north")


def test_an_unknown_person_is_registered_only_when_asked(register):
    with pytest.raises(UserError):
        find_person(register, "nin:777", None)
    facts = find_person(register, "nin:777", None, register_at=5)
    assert find_person(register, None, facts.person.upper()) == facts
