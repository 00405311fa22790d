"""Column types of Business Central: what a value may be, and how the server changes it before storing."""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any, TypeAlias

from systems.sandbox.business_central.errors import ApiError, bad_request
from systems.sandbox.text_length import text_length

NO_GUID = "00000000-0000-0000-0000-000000000000"


class Kind(StrEnum):
    """A column's type, by its name in ``$metadata``; ``CODE`` and ``OPTION`` are strings there too."""

    TEXT = "Edm.String"
    CODE = "Code"
    OPTION = "Option"
    GUID = "Edm.Guid"
    BOOLEAN = "Edm.Boolean"
    DECIMAL = "Edm.Decimal"
    DATE = "Edm.Date"
    TIME = "Edm.DateTimeOffset"


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Attributes:
        length: the most characters that a text may have.
        options: the members of an option, as text; the first is the default.
        read_only: set by the server alone.
        required: must not be blank.
    """

    name: str
    kind: Kind = Kind.TEXT
    length: int = 0
    options: tuple[str, ...] = ()
    read_only: bool = False
    required: bool = False

    @property
    def blank(self) -> Any:
        """What an empty column holds; the system has no null."""
        return self.options[0] if self.options else _BLANKS[self.kind]

    def clean(self, value: object) -> Any:
        """``value`` from JSON as it is stored; ``None`` clears.

        Raises:
            ApiError: the value does not fit the column.
        """
        return self.blank if value is None else _CLEANERS[self.kind](self, value)

    def shown(self, value: Any, *, encoded_options: bool = True) -> Any:
        """A stored value as JSON carries it."""
        if self.kind is Kind.TIME:
            return wire_time(value)
        if self.kind is Kind.OPTION and encoded_options:
            return encode_member(value)
        return value


def text(name: str, length: int, *, required: bool = False, read_only: bool = False) -> Column:
    return Column(name, Kind.TEXT, length, required=required, read_only=read_only)


def code(name: str, length: int, *, read_only: bool = False) -> Column:
    return Column(name, Kind.CODE, length, read_only=read_only)


def option(name: str, *members: str, read_only: bool = False) -> Column:
    return Column(name, Kind.OPTION, options=members, read_only=read_only)


def guid(name: str, *, read_only: bool = False) -> Column:
    return Column(name, Kind.GUID, read_only=read_only)


def number(name: str, *, read_only: bool = False) -> Column:
    return Column(name, Kind.DECIMAL, read_only=read_only)


def flag(name: str) -> Column:
    return Column(name, Kind.BOOLEAN)


def wire_time(moment: datetime) -> str:
    """UTC with milliseconds, trailing zeros dropped as the server does: ``2026-11-22T10:00:00.12Z``."""
    whole, _, fraction = moment.isoformat(timespec="milliseconds").removesuffix("+00:00").partition(".")
    significant = fraction.rstrip("0")
    return f"{whole}.{significant}Z" if significant else f"{whole}Z"


@lru_cache
def encode_member(member: str) -> str:
    """An option member as an OData name: ``" "`` is ``_x0020_``, ``Non-Inventory`` is ``Non_x002D_Inventory``."""
    return re.sub(r"\W", lambda match: f"_x{ord(match.group()):04X}_", member)


def decode_member(name: str) -> str:
    return re.sub(r"_x([0-9A-Fa-f]{4})_", lambda match: chr(int(match.group(1), 16)), name)


def _text(column: Column, value: object) -> str:
    if not isinstance(value, str):
        raise bad_request(f"Cannot convert the literal '{value}' of property '{column.name}' to the type 'Edm.String'.")
    if column.length and text_length(value) > column.length:
        raise ApiError(
            400,
            "Application_StringExceededLength",
            f"The length of the string is {text_length(value)}, but it must be less than or equal to {column.length}"
            f" characters. Value: {value}",
        )
    return value


def _code(column: Column, value: object) -> str:
    return _text(column, value.strip().upper() if isinstance(value, str) else value)


def _option(column: Column, value: object) -> str:
    member = decode_member(value) if isinstance(value, str) else str(value)
    found = next((option for option in column.options if option.strip().lower() == member.strip().lower()), None)
    if found is None:
        existing = ",".join(column.options)
        raise ApiError(400, "Unknown", f"'{member}' is not an option. The existing options are: {existing}")
    return found


def _guid(column: Column, value: object) -> str:
    try:
        return str(uuid.UUID(value if isinstance(value, str) else ""))
    except ValueError as error:
        message = f"Invalid format of GUID string '{value}' in '{column.name}'."
        raise ApiError(400, "Application_InvalidGUID", message) from error


def _boolean(column: Column, value: object) -> bool:
    if not isinstance(value, bool):
        raise bad_request(
            f"Cannot convert the literal '{value}' of property '{column.name}' to the type 'Edm.Boolean'."
        )
    return value


def _decimal(column: Column, value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise bad_request(
            f"Cannot convert the literal '{value}' of property '{column.name}' to the type 'Edm.Decimal'."
        )
    return Decimal(value)


def _date(column: Column, value: object) -> str:
    try:
        return date.fromisoformat(value if isinstance(value, str) else "").isoformat()
    except ValueError as error:
        message = f"Cannot convert the literal '{value}' of property '{column.name}' to the type 'Edm.Date'."
        raise bad_request(message) from error


def _time(column: Column, value: object) -> datetime:
    try:
        return datetime.fromisoformat(value if isinstance(value, str) else "").astimezone(UTC)
    except ValueError as error:
        message = f"Cannot convert the literal '{value}' of property '{column.name}' to 'Edm.DateTimeOffset'."
        raise bad_request(message) from error


_Cleaner: TypeAlias = Callable[[Column, object], Any]
_CLEANERS: dict[Kind, _Cleaner] = {
    Kind.TEXT: _text,
    Kind.CODE: _code,
    Kind.OPTION: _option,
    Kind.GUID: _guid,
    Kind.BOOLEAN: _boolean,
    Kind.DECIMAL: _decimal,
    Kind.DATE: _date,
    Kind.TIME: _time,
}
_BLANKS: dict[Kind, Any] = {
    Kind.TEXT: "",
    Kind.CODE: "",
    Kind.OPTION: "",
    Kind.GUID: NO_GUID,
    Kind.BOOLEAN: False,
    Kind.DECIMAL: Decimal(0),
    Kind.DATE: "0001-01-01",
    Kind.TIME: datetime(1, 1, 1, tzinfo=UTC),
}
