"""AMQP values to bytes and back."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.servicebus.amqp.codec import DecodeError, decode, encode
from tests.servicebus.amqp.performatives import Attach, Flow, Source, composite, encode_composite
from tests.servicebus.amqp.types import (
    Array,
    Byte,
    Char,
    Described,
    Float,
    Int,
    Short,
    Symbol,
    Timestamp,
    UByte,
    UInt,
    ULong,
    UShort,
    Value,
)


def _integers(kind: type[int], bits: int, *, signed: bool) -> st.SearchStrategy[int]:
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return st.integers(low, high).map(kind)


_simple = st.one_of(
    st.none(),
    st.booleans(),
    _integers(UByte, 8, signed=False),
    _integers(UShort, 16, signed=False),
    _integers(UInt, 32, signed=False),
    _integers(ULong, 64, signed=False),
    _integers(Byte, 8, signed=True),
    _integers(Short, 16, signed=True),
    _integers(Int, 32, signed=True),
    _integers(int, 64, signed=True),
    _integers(Timestamp, 64, signed=True),
    st.integers(0, 0x10FFFF).map(Char),
    st.floats(allow_nan=False),
    st.floats(allow_nan=False, width=32).map(Float),
    st.uuids(),
    st.binary(max_size=300),
    st.text(max_size=300),
    st.text(st.characters(max_codepoint=127), max_size=300).map(Symbol),
)
_keys = st.one_of(st.text(max_size=9), st.text(st.characters(max_codepoint=127), max_size=9).map(Symbol))
_values = st.recursive(
    _simple,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.dictionaries(_keys, inner, max_size=5),
        st.builds(Described, _integers(ULong, 64, signed=False), inner),
        st.lists(st.integers(-(2**63), 2**63 - 1), max_size=40).map(Array),
        st.lists(st.uuids(), max_size=20).map(Array),
        st.lists(st.text(max_size=9), max_size=9).map(Array),
    ),
    max_leaves=20,
)


def _types(value: Value) -> Value:
    """A value's types, all the way down: equality says that 1 and True are the same."""
    match value:
        case dict():
            return {key: (type(key), _types(item)) for key, item in value.items()}
        case list():
            return type(value), [_types(item) for item in value]
        case Described():
            return _types(value.descriptor), _types(value.value)
    return type(value)


@given(_values)
def test_what_is_encoded_is_decoded_with_its_types(value: Value) -> None:
    decoded = decode(encode(value))
    assert decoded == value
    assert _types(decoded) == _types(value)


@given(_values.map(encode), st.data())
def test_what_is_cut_short_is_an_error(data: bytes, draw: st.DataObject) -> None:
    cut = data[: draw.draw(st.integers(0, len(data) - 1))]
    with pytest.raises(DecodeError):
        decode(cut)


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (None, "40"),
        (UInt(0), "43"),
        (UInt(255), "52ff"),
        (UInt(256), "7000000100"),
        (-1, "55ff"),
        ("é", "a102c3a9"),
        (Symbol("AMQP"), "a304414d5150"),
        ([], "45"),
        ([True, None], "c0 03 02 41 40"),
        ({"a": UByte(1)}, "c1 06 02 a1 01 61 50 01"),
        (uuid.UUID(int=1), "98" + "00" * 15 + "01"),
        (Described(ULong(0x24), []), "005324 45"),
    ],
)
def test_bytes_are_those_of_the_standard(value: Value, data: str) -> None:
    assert encode(value) == bytes.fromhex(data)


@pytest.mark.parametrize(
    "frame", [Flow(link_credit=UInt(3), drain=True), Attach("link", UInt(1), role=True, source=Source("q"))]
)
def test_composites_come_back_with_their_fields(frame: Flow | Attach) -> None:
    assert composite(decode(encode_composite(frame))) == frame


def test_what_has_no_type_is_refused() -> None:
    with pytest.raises(TypeError, match="no type for complex"):
        encode(1j)
