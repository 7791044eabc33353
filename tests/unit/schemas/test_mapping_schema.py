"""The JSON Schema for editors knows exactly the fields the loader knows."""

import json
import re
from pathlib import Path

import infra
from schemas import mapping

SCHEMA = json.loads((Path(mapping.__file__).parent / "mapping.schema.json").read_text())
DEFS = SCHEMA["$defs"]


def test_fields_are_those_the_loader_knows():
    value = DEFS["value"]["oneOf"][1]
    assert set(SCHEMA["properties"]) == {*mapping.TOP_REQUIRED, *mapping.TOP_OPTIONAL}
    assert SCHEMA["required"] == list(mapping.TOP_REQUIRED)
    assert set(DEFS["event"]["properties"]) == {*mapping.EVENT_REQUIRED, *mapping.EVENT_OPTIONAL}
    assert DEFS["event"]["required"] == list(mapping.EVENT_REQUIRED)
    assert set(DEFS["person"]["properties"]) == {*mapping.PERSON_REQUIRED, *mapping.PERSON_OPTIONAL}
    assert DEFS["person"]["required"] == list(mapping.PERSON_REQUIRED)
    assert set(value["properties"]) == set(mapping.VALUE_FIELDS)
    assert set(SCHEMA["properties"]["contact"]["properties"]) == set(mapping.CONTACT_FIELDS)


def test_the_pattern_of_paths_takes_every_shipped_path():
    pattern = re.compile(DEFS["path"]["pattern"])
    contracts = Path(infra.__file__).parent / "demo" / "contracts"
    for file in contracts.glob("*/*/mapping.yaml"):
        for path in re.findall(r'path: "?([^",}\n\[]+(?:\[[^\]]*\])?[^",}\n]*)', file.read_text()):
            assert path.startswith("[") or pattern.match(path.strip()), path
