"""One form for values of both systems, so that equal means equal.

The two systems store the same thing differently: blank text is ``""`` in Business Central and ``null`` in Dataverse,
codes are upper-cased, option names come OData-encoded (``_x0020_``), numbers have no null in Business Central, and the
shorter column cuts the text. A canonical value is compared, hashed and kept as base snapshot; it is turned back into a
system's own form only to be written.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation

from schemas.errors import Skip
from schemas.mapping import Column, ColumnType
from schemas.row import Value
from schemas.system import System

_ENCODED_CHARACTER = re.compile(r"_x([0-9A-Fa-f]{4})_")
_EMPTY_DATE = "0001-01-01"
_UNKNOWN_OPTION = "?"


def decode_option(name: str) -> str:
    """An option's name without its OData encoding: ``Not_x0020_Started`` → ``Not Started``; a blank gives ``""``."""
    return _ENCODED_CHARACTER.sub(lambda match: chr(int(match[1], 16)), name).strip()


def canonical_reader(column: Column, system: System) -> Callable[[Value], Value]:
    """The function that turns ``column``'s value as ``system`` sends it into canonical form.

    The function raises :class:`~schemas.errors.Skip` where the value does not fit the column's type.
    """
    read = _READERS[column.type]
    if column.type is ColumnType.CHOICE and column.values is not None:
        return _choice_reader(column.values, system)
    if column.length is not None:
        limit = min(column.length.business_central, column.length.dataverse)
        return lambda value: _cut(read(value), limit)
    return read


def canonical_writer(column: Column, system: System) -> Callable[[Value], Value]:
    """The function that turns a canonical value into what ``system`` takes."""
    if column.type is ColumnType.CHOICE and column.values is not None:
        return _choice_writer(column.name, column.values, system)
    if system is System.BUSINESS_CENTRAL:
        blank_value = _BUSINESS_CENTRAL_BLANKS.get(column.type, "")
        return lambda value: blank_value if value is None else value
    return lambda value: value


def same_text(value: Value) -> Value:
    """For matching: how a value compares when case does not count."""
    return value.casefold() if isinstance(value, str) else value


def _choice_reader(values: dict[str, int | str], system: System) -> Callable[[Value], Value]:
    """Options that have one counterpart in Dataverse are one value, named by the first of them that has a name."""
    named: dict[str, str | None] = {}
    for name, option in values.items():
        named[str(option)] = named.get(str(option)) or decode_option(name) or None
    if system is System.DATAVERSE:
        return lambda value: None if value is None else named.get(str(value), f"{_UNKNOWN_OPTION}{value}")
    options = {decode_option(name): named[str(option)] for name, option in values.items()}

    def read(value: Value) -> Value:
        name = "" if value is None else decode_option(str(value))
        return options.get(name, name or None)

    return read


def _choice_writer(column: str, values: dict[str, int | str], system: System) -> Callable[[Value], Value]:
    options = {decode_option(name): option for name, option in values.items()}

    def write(value: Value) -> Value:
        if value is None:
            return options.get("") if system is System.DATAVERSE else ""
        if value not in options:
            option = str(value).removeprefix(_UNKNOWN_OPTION)
            text = f"column {column}: option {option!r} has no counterpart; add it to the mapping's values"
            raise Skip(text, code="unknown_option")
        return options[str(value)] if system is System.DATAVERSE else value

    return write


def _cut(value: Value, limit: int) -> Value:
    """Both systems count UTF-16 code units; a character that has two of them is kept whole or left out."""
    if not isinstance(value, str):
        return value
    units = value.encode("utf-16-le", "surrogatepass")
    kept = value if len(units) <= 2 * limit else units[: 2 * limit].decode("utf-16-le", "ignore")
    return kept.rstrip() or None


def _read_text(value: Value) -> Value:
    if value is None:
        return None
    return str(value).rstrip() or None


def _read_code(value: Value) -> Value:
    return None if value is None else str(value).strip().upper() or None


def _read_choice(value: Value) -> Value:
    return None if value is None else decode_option(str(value)) or None


def _read_decimal(value: Value) -> Value:
    if value is None or value == "":
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation as error:
        raise Skip(f"{value!r} is not a number") from error
    if not number.is_finite():
        raise Skip(f"{value!r} is not a number")
    # Business Central has no null numbers, so that zero and blank are one value. Digits stay as they were sent:
    # decimals of equal value compare equal whatever their trailing zeros.
    return number or None


def _read_integer(value: Value) -> Value:
    number = _read_decimal(value)
    if number is None:
        return None
    if not isinstance(number, Decimal) or number != number.to_integral_value():
        raise Skip(f"{value!r} is not a whole number")
    return int(number)


def _read_boolean(value: Value) -> Value:
    if isinstance(value, str):
        value = value.lower() == "true"
    return True if value else None


def _read_date(value: Value) -> Value:
    text = _read_text(value)
    if text is None or str(text).startswith(_EMPTY_DATE):
        return None
    try:
        return date.fromisoformat(str(text)[:10]).isoformat()
    except ValueError as error:
        raise Skip(f"{value!r} is not a date") from error


def _read_datetime(value: Value) -> Value:
    text = _read_text(value)
    if text is None or str(text).startswith(_EMPTY_DATE):
        return None
    try:
        moment = datetime.fromisoformat(str(text))
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Skip(f"{value!r} is not a date and time") from error
    return moment.replace(microsecond=0).isoformat().replace("+00:00", "Z")


_READERS: dict[ColumnType, Callable[[Value], Value]] = {
    ColumnType.TEXT: _read_text,
    ColumnType.CODE: _read_code,
    ColumnType.INTEGER: _read_integer,
    ColumnType.DECIMAL: _read_decimal,
    ColumnType.BOOLEAN: _read_boolean,
    ColumnType.DATE: _read_date,
    ColumnType.DATETIME: _read_datetime,
    ColumnType.CHOICE: _read_choice,
}

_BUSINESS_CENTRAL_BLANKS: dict[ColumnType, Value] = {
    ColumnType.INTEGER: 0,
    ColumnType.DECIMAL: 0,
    ColumnType.BOOLEAN: False,
    ColumnType.DATE: "0001-01-01",
    ColumnType.DATETIME: "0001-01-01T00:00:00Z",
}
