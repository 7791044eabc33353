"""`headwater contracts`: what it prints and how it ends."""

import io
import json
from pathlib import Path

import fastavro
import pytest
from typer.testing import CliRunner

import infra
from streams.cli.contracts import app
from streams.errors import UserError, WrongUse

DEMO = Path(infra.__file__).parent / "demo"
NGO = DEMO / "contracts" / "ngo" / "help-requests"
RECORD = {
    "desk": "Quay",
    "day": "2026-02-03",
    "ticket": 14,
    "topic": "debt",
    "nationalNumber": "85031512345",
    "enteredAt": 1770120000,
}


def _run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(one) for one in arguments], catch_exceptions=True)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.stdout


def _schema() -> dict:
    return json.loads((NGO / "help-requests.avsc").read_text())


def _lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_check_passes_on_the_demo_town():
    assert json.loads(_run("check", "--json")) == []


def test_check_of_one_contract():
    _run("check", NGO)


def test_check_prints_place_and_remedy_and_ends_with_1(tmp_path):
    folder = tmp_path / "ngo" / "help-requests"
    folder.mkdir(parents=True)
    (folder / "help-requests.avsc").write_text((NGO / "help-requests.avsc").read_text())
    (folder / "mapping.yaml").write_text(
        (NGO / "mapping.yaml").read_text().replace("day: day", "day: dya").replace("id: [desk", "id: [desc")
    )
    assert _run("check", folder, code=1).startswith(
        "ngo/help-requests/mapping.yaml:6: the schema has no `desc` there; use one of: desk"
    )


def test_a_path_that_is_none_is_wrong_use():
    with pytest.raises(WrongUse):
        _run("check", "/nowhere")


def test_list_names_feed_topic_and_types():
    rows = {row["feed"]: row for row in json.loads(_run("list", "--json"))}
    assert rows["ngo.help-requests"]["topic"] == "events.ngo.help-requests.v1"
    assert rows["landlord.rent-accounts"]["types"] == ["rent_arrears_reported", "rent_arrears_cleared"]


def test_try_gives_the_same_event_from_every_format(tmp_path):
    lines, container, raw, table = (tmp_path / name for name in ("a.jsonl", "b.avro", "c.avro", "d.csv"))
    lines.write_text(json.dumps(RECORD) + "\n")
    with container.open("wb") as target:
        fastavro.writer(target, _schema(), [RECORD])
    datum = io.BytesIO()
    fastavro.schemaless_writer(datum, _schema(), RECORD)
    raw.write_bytes(datum.getvalue())
    table.write_text(",".join(RECORD) + "\n" + ",".join(str(value) for value in RECORD.values()) + "\n")
    events = _lines(_run("try", "ngo.help-requests", lines, container, raw, table))
    assert len(events) == 4
    assert all(event == events[0] for event in events)
    assert events[0]["ids"] == [{"scheme": "national-number", "value": "85031512345"}]
    assert events[0]["attributes"] == {"topic": "debt"}


def test_try_understands_avros_own_json(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text(json.dumps({**RECORD, "nationalNumber": {"string": "85031512345"}}))
    assert _lines(_run("try", NGO, file))[0]["type"] == "help_sought"


def test_try_tells_each_rejection_with_its_place_and_reason(tmp_path):
    file = tmp_path / "a.jsonl"
    rows = [json.dumps(RECORD), "{", json.dumps({"desk": 1}), json.dumps({**RECORD, "nationalNumber": None})]
    file.write_text("\n".join(rows))
    found = _lines(_run("try", "ngo/help-requests", file, "--json", code=1))
    assert [(one.get("rejected"), one.get("line")) for one in found] == [
        (None, None),
        ("not-avro", 2),
        ("not-avro", 3),
        ("missing-person", 4),
    ]


@pytest.mark.parametrize("content", [b"Obj\x01", b"Obj\x01\x00\xff\xff", b"", b"\xff\xfe", b"[[[[", b"null"])
@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".avro"])
def test_try_survives_any_file(tmp_path, content, suffix):
    file = tmp_path / f"a{suffix}"
    file.write_bytes(content)
    result = CliRunner().invoke(app, ["try", "ngo.help-requests", str(file)])
    assert result.exit_code in (0, 1)
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_an_unknown_contract_names_those_there_are():
    with pytest.raises(WrongUse, match=r"ngo\.help-requests"):
        _run("try", "ngo.nothing", NGO / "samples" / "good.jsonl")


def test_a_broken_deployment_is_told_with_every_fault(tmp_path):
    (tmp_path / "deployment.yaml").write_text("name: x\n")
    with pytest.raises(UserError, match="lacks `time_zone`"):
        _run("list", "--deployment", tmp_path)
