"""Column types of Dataverse: what a value may be, and how it is stored and shown."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeAlias

from systems.sandbox.dataverse.errors import ApiError, bad_payload, too_long
from systems.sandbox.text_length import text_length


class Kind(StrEnum):
    """A column's type, by its name in ``$metadata``; ``CHOICE``, ``MONEY`` and ``LOOKUP`` have others there."""

    STRING = "Edm.String"
    INTEGER = "Edm.Int32"
    BIGINT = "Edm.Int64"
    DECIMAL = "Edm.Decimal"
    BOOLEAN = "Edm.Boolean"
    TIME = "Edm.DateTimeOffset"
    GUID = "Edm.Guid"
    MONEY = "Money"
    CHOICE = "Choice"
    LOOKUP = "Lookup"


@dataclass(frozen=True, slots=True)
class Target:
    """A table that a lookup may point to, and the navigation property to bind it by."""

    table: str
    navigation: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Attributes:
        length: the most characters that a text may have.
        targets: of a lookup; more than one makes it polymorphic.
        options: of a choice, by number.
        default: of a new row.
        on_create: whether a value may be given for a new row.
        on_update: whether it may be changed.
        required: whether a new row needs a value.
    """

    name: str
    kind: Kind = Kind.STRING
    length: int = 0
    targets: tuple[Target, ...] = ()
    options: tuple[tuple[int, str], ...] = ()
    default: Any = None
    on_create: bool = True
    on_update: bool = True
    required: bool = False

    @property
    def wire_name(self) -> str:
        """Its name in answers and filters."""
        return f"_{self.name}_value" if self.kind is Kind.LOOKUP else self.name

    @property
    def target_property(self) -> str:
        """Where a row keeps which table its lookup points to."""
        return f"{self.name}@target"

    def clean(self, value: object) -> Any:
        """``value`` from JSON as it is stored; ``None`` clears.

        Raises:
            ApiError: the value does not fit the column.
        """
        return None if value is None else _CLEANERS[self.kind](self, value)

    def shown(self, value: Any) -> Any:
        """A stored value as JSON carries it."""
        return wire_time(value) if isinstance(value, datetime) else value


def wire_time(moment: datetime) -> str:
    """UTC in whole seconds: ``2026-11-22T10:00:00Z``."""
    return moment.isoformat(timespec="seconds").removesuffix("+00:00") + "Z"


def _text(column: Column, value: object) -> str | None:
    if not isinstance(value, str):
        raise bad_payload(f"Cannot convert the literal '{value}' of '{column.name}' to the expected type 'Edm.String'.")
    if column.length and text_length(value) > column.length:
        raise too_long(column.name, column.length)
    return value or None


def _integer(column: Column, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise bad_payload(f"Cannot convert the literal '{value}' of '{column.name}' to the expected type 'Edm.Int32'.")
    return value


def _decimal(column: Column, value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        message = f"Cannot convert the literal '{value}' of '{column.name}' to the expected type 'Edm.Decimal'."
        raise bad_payload(message)
    return Decimal(value)


def _boolean(column: Column, value: object) -> bool:
    if not isinstance(value, bool):
        message = f"Cannot convert the literal '{value}' of '{column.name}' to the expected type 'Edm.Boolean'."
        raise bad_payload(message)
    return value


def _time(column: Column, value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError as error:
        message = f"Cannot convert the literal '{value}' of '{column.name}' to 'Edm.DateTimeOffset'."
        raise bad_payload(message) from error
    return moment.astimezone(UTC).replace(microsecond=0)


def _guid(column: Column, value: object) -> str:
    try:
        return str(uuid.UUID(value if isinstance(value, str) else ""))
    except ValueError as error:
        message = f"Cannot convert the literal '{value}' of '{column.name}' to the expected type 'Edm.Guid'."
        raise bad_payload(message) from error


def _lookup(column: Column, value: object) -> Any:
    raise ApiError(
        400,
        "0x80048d19",
        f"CRM do not support direct update of Entity Reference properties ('{column.wire_name}' = {value!r}), "
        "Use Navigation properties instead.",
    )


_Cleaner: TypeAlias = Callable[[Column, object], Any]
_CLEANERS: dict[Kind, _Cleaner] = {
    Kind.STRING: _text,
    Kind.INTEGER: _integer,
    Kind.BIGINT: _integer,
    Kind.CHOICE: _integer,
    Kind.DECIMAL: _decimal,
    Kind.MONEY: _decimal,
    Kind.BOOLEAN: _boolean,
    Kind.TIME: _time,
    Kind.GUID: _guid,
    Kind.LOOKUP: _lookup,
}
