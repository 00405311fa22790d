"""The types of AMQP 1.0 that Python has no word for. Where it has one, that is used: ``int`` is a long."""

from dataclasses import dataclass
from typing import Any, TypeAlias

Value: TypeAlias = Any


class UByte(int):
    """Unsigned, 8 bits."""


class UShort(int):
    """Unsigned, 16 bits."""


class UInt(int):
    """Unsigned, 32 bits."""


class ULong(int):
    """Unsigned, 64 bits."""


class Byte(int):
    """Signed, 8 bits."""


class Short(int):
    """Signed, 16 bits."""


class Int(int):
    """Signed, 32 bits."""


class Char(int):
    """One code point."""


class Timestamp(int):
    """Milliseconds since 1970."""


class Float(float):
    """32 bits."""


class Symbol(str):
    """A word of a protocol, in ASCII."""

    __slots__ = ()


class Decimal(bytes):
    """4, 8 or 16 bytes that are carried and never calculated with."""


class Array(list[Value]):
    """Values of one type."""


@dataclass(frozen=True, slots=True)
class Described:
    """A value with a descriptor that says what it means."""

    descriptor: Value
    value: Value
