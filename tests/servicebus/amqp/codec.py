"""Values to bytes and back. Decoding keeps every type, so that what is encoded again means the same."""

import struct
import uuid
from collections.abc import Callable

from tests.servicebus.amqp.types import (
    Array,
    Byte,
    Char,
    Decimal,
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

Buffer = bytes | bytearray | memoryview


class DecodeError(ValueError):
    """The bytes are no AMQP value."""


def encode(value: Value) -> bytes:
    """The bytes of ``value``.

    Raises:
        TypeError: AMQP has no type for it.
    """
    out = bytearray()
    encode_into(out, value)
    return bytes(out)


def encode_into(out: bytearray, value: Value) -> None:
    """Append the bytes of ``value``."""
    try:
        write = _WRITERS[type(value)]
    except KeyError:
        raise TypeError(f"AMQP has no type for {type(value).__name__}") from None
    write(out, value)


def decode(data: Buffer) -> Value:
    """The only value in ``data``."""
    value, _ = decode_at(data, 0)
    return value


def decode_at(data: Buffer, at: int) -> tuple[Value, int]:
    """The value that begins at an offset, and the offset behind it.

    Raises:
        DecodeError: there is none.
    """
    try:
        code = data[at]
        if code == 0x00:
            descriptor, at = decode_at(data, at + 1)
            value, at = decode_at(data, at)
            return Described(descriptor, value), at
        return _READERS[code](data, at + 1)
    except (IndexError, KeyError, struct.error, UnicodeDecodeError) as error:
        raise DecodeError(f"no AMQP value at byte {at}: {error!r}") from error


def _fixed(code: int, layout: str) -> Callable[[bytearray, Value], None]:
    packed = struct.Struct(f">B{layout}")

    def write(out: bytearray, value: Value) -> None:
        out += packed.pack(code, value)

    return write


def _small(
    zero: int | None, small: int, large: Callable[[bytearray, Value], None]
) -> Callable[[bytearray, Value], None]:
    """Integers, of which small ones take fewer bytes; ``zero`` is the code of zero for unsigned ones."""
    low, high = (0, 255) if zero is not None else (-128, 127)

    def write(out: bytearray, value: Value) -> None:
        if value == 0 and zero is not None:
            out.append(zero)
        elif low <= value <= high:
            out.append(small)
            out.append(value & 0xFF)
        else:
            large(out, value)

    return write


def _write_variable(out: bytearray, code: int, data: bytes) -> None:
    size = len(data)
    if size < 256:
        out.append(code)
        out.append(size)
    else:
        out.append(code + 0x10)
        out += size.to_bytes(4)
    out += data


def _write_compound(out: bytearray, code: int, count: int, data: bytes | bytearray) -> None:
    if len(data) < 255 and count < 256:
        out.append(code)
        out.append(len(data) + 1)
        out.append(count)
    else:
        out.append(code + 0x10)
        out += (len(data) + 4).to_bytes(4)
        out += count.to_bytes(4)
    out += data


def _write_list(out: bytearray, value: Value) -> None:
    if not value:
        out.append(0x45)
        return
    data = bytearray()
    for item in value:
        encode_into(data, item)
    _write_compound(out, 0xC0, len(value), data)


def _write_map(out: bytearray, value: Value) -> None:
    data = bytearray()
    for key, item in value.items():
        encode_into(data, key)
        encode_into(data, item)
    _write_compound(out, 0xC1, 2 * len(value), data)


_ARRAY_ITEMS: dict[type, tuple[int, Callable[[Value], bytes]]] = {
    int: (0x81, lambda value: struct.pack(">q", value)),
    Timestamp: (0x83, lambda value: struct.pack(">q", value)),
    uuid.UUID: (0x98, lambda value: bytes(value.bytes)),
    str: (0xB1, lambda value: struct.pack(">I", len(value.encode())) + value.encode()),
    Symbol: (0xB3, lambda value: struct.pack(">I", len(value)) + value.encode("ascii")),
}


def _write_array(out: bytearray, value: Value) -> None:
    if not value:
        _write_compound(out, 0xE0, 0, b"\x40")
        return
    code, item_bytes = _ARRAY_ITEMS[type(value[0])]
    _write_compound(out, 0xE0, len(value), bytes([code]) + b"".join(map(item_bytes, value)))


def _write_described(out: bytearray, value: Value) -> None:
    out.append(0x00)
    encode_into(out, value.descriptor)
    encode_into(out, value.value)


def _write_decimal(out: bytearray, value: Value) -> None:
    out.append({4: 0x74, 8: 0x84, 16: 0x94}[len(value)])
    out += value


_WRITERS: dict[type, Callable[[bytearray, Value], None]] = {
    type(None): lambda out, _: out.append(0x40),
    bool: lambda out, value: out.append(0x41 if value else 0x42),
    UByte: _fixed(0x50, "B"),
    UShort: _fixed(0x60, "H"),
    UInt: _small(0x43, 0x52, _fixed(0x70, "I")),
    ULong: _small(0x44, 0x53, _fixed(0x80, "Q")),
    Byte: _fixed(0x51, "b"),
    Short: _fixed(0x61, "h"),
    Int: _small(None, 0x54, _fixed(0x71, "i")),
    int: _small(None, 0x55, _fixed(0x81, "q")),
    Float: _fixed(0x72, "f"),
    float: _fixed(0x82, "d"),
    Char: _fixed(0x73, "I"),
    Timestamp: _fixed(0x83, "q"),
    Decimal: _write_decimal,
    uuid.UUID: lambda out, value: out.extend(b"\x98" + value.bytes),
    bytes: lambda out, value: _write_variable(out, 0xA0, value),
    str: lambda out, value: _write_variable(out, 0xA1, value.encode()),
    Symbol: lambda out, value: _write_variable(out, 0xA3, value.encode("ascii")),
    list: _write_list,
    dict: _write_map,
    Array: _write_array,
    Described: _write_described,
}

_Reader = Callable[[Buffer, int], tuple[Value, int]]


def _constant(value: Value) -> _Reader:
    return lambda _, at: (value, at)


def _number(layout: str, kind: Callable[[Value], Value]) -> _Reader:
    packed = struct.Struct(f">{layout}")
    size = packed.size
    return lambda data, at: (kind(packed.unpack_from(data, at)[0]), at + size)


def _variable(width: int, kind: Callable[[bytes], Value]) -> _Reader:
    def read(data: Buffer, at: int) -> tuple[Value, int]:
        size = int.from_bytes(_slice(data, at, width))
        return kind(_slice(data, at + width, size)), at + width + size

    return read


def _raw(size: int, kind: Callable[[bytes], Value]) -> _Reader:
    return lambda data, at: (kind(_slice(data, at, size)), at + size)


def _slice(data: Buffer, at: int, size: int) -> bytes:
    end = at + size
    if end > len(data):
        raise IndexError("the value ends behind the data")
    return bytes(data[at:end])


def _list(width: int) -> _Reader:
    def read(data: Buffer, at: int) -> tuple[Value, int]:
        count = int.from_bytes(_slice(data, at + width, width))
        at += 2 * width
        values = []
        for _ in range(count):
            value, at = decode_at(data, at)
            values.append(value)
        return values, at

    return read


def _map(width: int) -> _Reader:
    read_list = _list(width)

    def read(data: Buffer, at: int) -> tuple[Value, int]:
        values, at = read_list(data, at)
        return dict(zip(values[::2], values[1::2], strict=True)), at

    return read


def _array(width: int) -> _Reader:
    def read(data: Buffer, at: int) -> tuple[Value, int]:
        count = int.from_bytes(_slice(data, at + width, width))
        at += 2 * width
        descriptor = None
        if described := data[at] == 0x00:
            descriptor, at = decode_at(data, at + 1)
        read_item = _READERS[data[at]]
        at += 1
        values = Array()
        for _ in range(count):
            value, at = read_item(data, at)
            values.append(Described(descriptor, value) if described else value)
        return values, at

    return read


def _uuid(data: bytes) -> uuid.UUID:
    return uuid.UUID(bytes=data)


def _text(data: bytes) -> str:
    return data.decode()


def _symbol(data: bytes) -> Symbol:
    return Symbol(data.decode("ascii"))


_READERS: dict[int, _Reader] = {
    0x40: _constant(None),
    0x41: _constant(True),
    0x42: _constant(False),
    0x43: _constant(UInt(0)),
    0x44: _constant(ULong(0)),
    0x45: lambda _, at: ([], at),
    0x50: _number("B", UByte),
    0x51: _number("b", Byte),
    0x52: _number("B", UInt),
    0x53: _number("B", ULong),
    0x54: _number("b", Int),
    0x55: _number("b", int),
    0x56: _number("B", bool),
    0x60: _number("H", UShort),
    0x61: _number("h", Short),
    0x70: _number("I", UInt),
    0x71: _number("i", Int),
    0x72: _number("f", Float),
    0x73: _number("I", Char),
    0x74: _raw(4, Decimal),
    0x80: _number("Q", ULong),
    0x81: _number("q", int),
    0x82: _number("d", float),
    0x83: _number("q", Timestamp),
    0x84: _raw(8, Decimal),
    0x94: _raw(16, Decimal),
    0x98: _raw(16, _uuid),
    0xA0: _variable(1, bytes),
    0xA1: _variable(1, _text),
    0xA3: _variable(1, _symbol),
    0xB0: _variable(4, bytes),
    0xB1: _variable(4, _text),
    0xB3: _variable(4, _symbol),
    0xC0: _list(1),
    0xC1: _map(1),
    0xD0: _list(4),
    0xD1: _map(4),
    0xE0: _array(1),
    0xF0: _array(4),
}
