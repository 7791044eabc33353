"""A foreign contract, unchanged: Norway's `leesah` goes through with a mapping and no code."""

import os
import shutil
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.events import ChangeKind
from schemas.contract import Contract, load_contract
from schemas.files import read_entries
from schemas.outcomes import Mapped, Rejection, RejectionReason
from schemas.publishing import publish_record, register_contract
from schemas.reading import intake_record
from schemas.registry import FolderRegistry
from schemas.samples import NOW
from schemas.wire import frame

EXAMPLES = Path(os.environ.get("HEADWATER_EXAMPLES", Path(__file__).parents[2].parent / "shared" / "examples"))
LEESAH = EXAMPLES / "leesah"
pytestmark = pytest.mark.skipif(not LEESAH.is_dir(), reason="the examples are not here")


@pytest.fixture(scope="module")
def contract(tmp_path_factory) -> Contract:
    folder = tmp_path_factory.mktemp("contracts") / "population-register" / "leesah"
    folder.mkdir(parents=True)
    shutil.copy(LEESAH / "Personhendelse.avsc", folder / "leesah.avsc")
    shutil.copy(Path(__file__).parent / "leesah" / "mapping.yaml", folder)
    loaded = load_contract(folder)
    assert isinstance(loaded, Contract), loaded
    return loaded


def _through(contract: Contract, record: dict) -> Mapped | Rejection:
    registry = FolderRegistry()
    register_contract(contract, registry)
    key, value, headers = publish_record(contract, registry, record)
    outcome = intake_record(contract, registry, key, value, headers, NOW)
    assert isinstance(outcome, Mapped | Rejection)
    return outcome


def _record(**parts: object) -> dict:
    none = dict.fromkeys(("doedfoedtBarn", "doedsfall", "falskIdentitet", "foedselsdato", "utflyttingFraNorge"))
    return {
        "hendelseId": "e-1",
        "personidenter": ["01020312345", "2099887766554"],
        "master": "FREG",
        "opprettet": 1_767_600_000_000,
        "opplysningstype": "DOEDSFALL_V1",
        "endringstype": "OPPRETTET",
        "tidligereHendelseId": None,
        **none,
        **parts,
    }


def test_random_records_are_read_and_refused_with_a_reason(contract):
    registry = FolderRegistry()
    schema_id = register_contract(contract, registry)
    reasons = []
    for entry in read_entries(LEESAH / "random-records.jsonl", contract.schema):
        assert isinstance(entry.datum, bytes)
        outcome = intake_record(contract, registry, b"k", frame(schema_id, entry.datum), (), NOW)
        assert isinstance(outcome, Rejection)
        reasons.append(outcome.reason)
    assert reasons == [RejectionReason.UNKNOWN_TYPE] * 3


def test_a_death_has_every_identifier(contract):
    outcome = _through(contract, _record(doedsfall={"doedsdato": date(2026, 1, 4)}))
    assert isinstance(outcome, Mapped)
    (event,) = outcome.events
    assert (event.type, event.role, event.change) == ("died", "deceased", ChangeKind.CREATED)
    assert event.person_ids == (("folkeregisterident", "01020312345"), ("folkeregisterident", "2099887766554"))
    assert event.occurred_at == 1_767_481_200_000  # 4 January 2026, 00:00 in Brussels


def test_an_annulment_without_content_names_the_event_it_annuls(contract):
    created = _through(contract, _record(doedsfall={"doedsdato": date(2026, 1, 4)}))
    annulled = _through(contract, _record(hendelseId="e-2", endringstype="ANNULLERT", tidligereHendelseId="e-1"))
    assert isinstance(created, Mapped)
    assert isinstance(annulled, Mapped)
    assert annulled.events[0].replaces == created.events[0].id


def test_types_nobody_asked_for_are_nobodys_event(contract):
    outcome = _through(contract, _record(opplysningstype="FALSK_IDENTITET_V1", falskIdentitet={"erFalsk": True}))
    assert outcome == Mapped(())


@given(
    identifiers=st.lists(st.from_regex(r"[0-9]{11}", fullmatch=True), min_size=1, max_size=4),
    day=st.dates(date(1901, 1, 1), date(2026, 1, 1)),
    kind=st.sampled_from(["OPPRETTET", "KORRIGERT", "ANNULLERT"]),
    content=st.sampled_from(
        [("DOEDSFALL_V1", "doedsfall", "doedsdato"), ("FOEDSELSDATO_V1", "foedselsdato", "foedselsdato")]
    ),
)
def test_valid_records_always_map(contract, identifiers, day, kind, content):
    type_, part, name = content
    inner = {"foedselsaar": day.year} if part == "foedselsdato" else {}
    earlier = None if kind == "OPPRETTET" else "e-0"
    record = _record(
        personidenter=identifiers,
        opplysningstype=type_,
        endringstype=kind,
        tidligereHendelseId=earlier,
        **{part: {name: day, **inner}},
    )
    outcome = _through(contract, record)
    assert isinstance(outcome, Mapped)
    assert [value for _, value in outcome.events[0].person_ids] == identifiers
