"""Everything on the platform's own topics survives the way to Avro and back."""

import io

import pytest
from fastavro import schemaless_reader, schemaless_writer
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.decisions import BoundEvent, Decision
from processors.events import Control, LifeEvent, Mark
from processors.offers.model import OfferRecord, Situation, SituationMark
from schemas.attributes import decode_attributes, encode_attributes
from schemas.avro import Unfit, read_schema
from schemas.codec import Unread, Unreadable, internal_codec
from schemas.heartbeats import internal_schema
from schemas.receipts import Receipt, ReceiptCounts, RejectedRecord
from schemas.records import MismatchedRecord, record_codec
from schemas.registry import FolderRegistry
from schemas.wire import HEADER_BYTES
from schemas.writing import Unwritable, record_writer

CODEC = internal_codec(FolderRegistry())
TYPES = [LifeEvent, Mark, Control, Decision, Situation, SituationMark, OfferRecord, Receipt]

st.register_type_strategy(int, st.integers(-(2**31), 2**31 - 1))
st.register_type_strategy(str, st.text(st.characters(exclude_categories=["Cs"]), max_size=20))


@pytest.mark.parametrize("type_", TYPES)
def test_every_value_survives(type_):
    @settings(max_examples=60)
    @given(st.from_type(type_))
    def survives(value):
        assert CODEC.decode(CODEC.encode(value)) == value

    survives()


@pytest.mark.parametrize("type_", TYPES)
def test_every_value_is_written_as_fastavro_writes_it(type_):
    schema = internal_schema(type_.__name__).raw

    @settings(max_examples=30)
    @given(st.from_type(type_))
    def same(value):
        written, again = CODEC.encode(value)[HEADER_BYTES:], io.BytesIO()
        schemaless_writer(again, schema, schemaless_reader(io.BytesIO(written), schema, None))
        assert again.getvalue() == written

    same()


@pytest.mark.parametrize("type_", ['"double"', '["string","null"]', '["null","string","long"]'])
def test_a_type_that_is_not_written_is_refused(type_):
    schema = read_schema(f'{{"type":"record","name":"Mark","fields":[{{"name":"feed","type":{type_}}}]}}')
    assert not isinstance(schema, Unfit)
    with pytest.raises(Unwritable):
        record_writer(schema)


@given(occurred_at=st.integers(-(2**63), 2**63 - 1))
def test_times_have_room(occurred_at):
    event = LifeEvent("i", "t", "p", "h", "a", "g", "g.c", occurred_at, 0, 2**62)
    assert CODEC.decode(CODEC.encode(event)) == event


def test_kinds_of_value_are_told_apart_by_number():
    assert len({CODEC.schema_id(type_) for type_ in TYPES}) == len(TYPES)


def test_nested_values_come_back_as_what_they_were():
    bound = BoundEvent("loss", "e", "e", "job_lost", "employment-service", 1, 2)
    receipt = Receipt(
        "a", "a.c", "t", 0, 1, 2, ReceiptCounts(rejected=1), 0, (RejectedRecord(1, None, "not-avro", "d"),), 3
    )
    decoded = CODEC.decode(CODEC.encode(receipt))
    assert isinstance(decoded, Receipt)
    assert isinstance(decoded.counts, ReceiptCounts)
    assert hash(bound) == hash(BoundEvent("loss", "e", "e", "job_lost", "employment-service", 1, 2))


@given(st.binary(max_size=200))
def test_any_bytes_give_a_value_or_say_why_not(encoded):
    assert isinstance(CODEC.decode(encoded), (*TYPES, Unreadable))


@given(type_=st.sampled_from(TYPES), body=st.binary(max_size=200))
def test_any_body_behind_a_known_number_gives_a_value_or_says_why_not(type_, body):
    encoded = b"\0" + CODEC.schema_id(type_).to_bytes(4, "big") + body
    assert isinstance(CODEC.decode(encoded), (type_, Unreadable))


def test_says_what_is_wrong_with_bytes():
    mark = CODEC.encode(Mark("f", 0, 1, 2))
    assert CODEC.decode(b"") == Unreadable(Unread.NOT_FRAMED)
    assert CODEC.decode(b"\0\xff\xff\xff\xff") == Unreadable(Unread.UNKNOWN_SCHEMA)
    assert CODEC.decode(mark[:-1]) == Unreadable(Unread.BROKEN)
    assert CODEC.decode(mark + b"\0") == Unreadable(Unread.BROKEN)


def test_a_class_and_a_schema_that_differ_are_refused():
    schema = read_schema('{"type":"record","name":"Mark","fields":[{"name":"feed","type":"string"}]}')
    assert not isinstance(schema, Unfit)
    with pytest.raises(MismatchedRecord, match="partition"):
        record_codec(Mark, schema)


VALUES = (
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)


@given(st.dictionaries(NAMES, VALUES, max_size=150))
def test_attributes_survive(attributes):
    assert decode_attributes(encode_attributes(attributes)) == attributes


@given(st.dictionaries(NAMES, VALUES, max_size=10))
def test_equal_attributes_give_equal_bytes(attributes):
    turned = dict(reversed(attributes.items()))
    assert encode_attributes(turned) == encode_attributes(attributes)
