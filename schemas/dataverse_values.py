"""Values as Dataverse's JSON writes them in a RemoteExecutionContext, read into plain ones for people.

Three things differ from ordinary JSON: most types come as objects told by ``__type`` (which some relays drop), relays
wrap even GUIDs and dates (``{"__type": "Guid:#System", "__value": …}``), and dates are ``/Date(ms)/`` or ISO 8601.
Milliseconds count from 1970 in UTC; an offset behind them is for display only (learn.microsoft.com, *Stand-alone JSON
serialization*). A choice of several options is a bare array of ``OptionSetValue``.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias

from schemas import timestamps

Plain: TypeAlias = bool | int | Decimal | str | list["Plain"] | dict[str, "Plain"] | None
"""A value as :mod:`schemas.json_codec` writes it."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DATE = re.compile(r"/Date\((?P<ms>-?\d+)(?P<offset>[+-]\d{4})?\)/")
_GUID = re.compile(r"\{?(?P<guid>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\}?", re.IGNORECASE)
_NO_GUID = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class SentColumn:
    """A column that a message carries.

    Attributes:
        type: as the sender typed it (``Money``, ``EntityReference``); for bare JSON its type in plain words.
        value: normalised: amounts as decimals, choices as numbers, references as ``table(id)``, dates as RFC 3339 in
            UTC, GUIDs in lower case. ``None`` is a cleared column.
    """

    name: str
    type: str
    value: Plain


def columns(entity: Mapping[str, Any]) -> list[SentColumn]:
    """The columns of an ``Entity`` in the sender's order."""
    return [SentColumn(name, *read(value)) for name, value in pairs(entity.get("Attributes")).items()]


def pairs(members: Any) -> dict[str, Any]:
    """A list of ``{"key": …, "value": …}`` as a dictionary; anything else in the list is left out."""
    if not isinstance(members, list):
        return {}
    return {
        member["key"]: member.get("value")
        for member in members
        if isinstance(member, Mapping) and isinstance(member.get("key"), str)
    }


def items(collection: Any) -> list[Any]:
    """The members of an ``EntityCollection``, or of the bare array that reference collections are."""
    unwrapped = collection.get("Entities") if isinstance(collection, Mapping) else collection
    return unwrapped if isinstance(unwrapped, list) else []


def guid(value: Any) -> str | None:
    """A GUID in lower case, bare, braced or wrapped; ``None`` for the zero GUID and for anything else."""
    unwrapped = value.get("__value") if isinstance(value, Mapping) else value
    found = _GUID.fullmatch(unwrapped) if isinstance(unwrapped, str) else None
    lower = found["guid"].lower() if found else _NO_GUID
    return None if lower == _NO_GUID else lower


def moment(value: Any, *, add_offset: bool = False) -> datetime | None:
    """A date with time in UTC, bare or wrapped; ``None`` for anything else.

    Args:
        add_offset: the milliseconds of ``/Date(ms±hhmm)/`` are local time written as if it were UTC.
    """
    unwrapped = value.get("__value") if isinstance(value, Mapping) else value
    if not isinstance(unwrapped, str):
        return None
    date = _DATE.fullmatch(unwrapped)
    try:
        if not date:
            return timestamps.parse(unwrapped)
        offset = _offset(date["offset"]) if add_offset and date["offset"] else timedelta()
        return _EPOCH + timedelta(milliseconds=int(date["ms"])) + offset
    except (ValueError, OverflowError):
        return None


def read(value: Any) -> tuple[str, Plain]:
    """The type as sent, and the normalised value."""
    match value:
        case None:
            return "null", None
        case bool():
            return "boolean", value
        case int():
            return "integer", value
        case Decimal():
            return "decimal", value
        case str():
            return _read_text(value)
        case list():
            read_items = [read(item) for item in value]
            choices = bool(read_items) and all(type_ == "OptionSetValue" for type_, _ in read_items)
            return "OptionSetValueCollection" if choices else "array", [plain for _, plain in read_items]
        case _:
            type_ = _type_of(value)
            return type_, _read_object(type_, value)


def _read_text(text: str) -> tuple[str, Plain]:
    if _GUID.fullmatch(text):
        return "Guid", text.strip("{}").lower()
    instant = moment(text)
    return ("string", text) if instant is None else ("DateTime", timestamps.text(instant))


def _type_of(value: Mapping[str, Any]) -> str:
    """The name before the colon of ``__type``; without one, what the members tell."""
    declared = value.get("__type")
    if isinstance(declared, str) and declared:
        return declared.partition(":")[0]
    members: Iterable[tuple[str, str]] = (
        ("Attributes", "Entity"),
        ("Entities", "EntityCollection"),
        ("LogicalName", "EntityReference"),
        ("AttributeLogicalName", "AliasedValue"),
        ("CanBeChanged", "BooleanManagedProperty"),
    )
    return next((type_ for member, type_ in members if member in value), "object")


def _read_object(type_: str, value: Mapping[str, Any]) -> Plain:
    match type_:
        case "Money":
            amount = value.get("Value")
            return Decimal(amount) if isinstance(amount, int) else read(amount)[1]
        case "EntityReference":
            return _reference(value)
        case "Entity":
            return {column.name: column.value for column in columns(value)}
        case "EntityCollection":
            return [read(entity)[1] for entity in items(value)]
        case _ if "__value" in value:
            return read(value["__value"])[1]
        case _ if "Value" in value:  # OptionSetValue, BooleanManagedProperty, AliasedValue, and whatever comes next
            return read(value["Value"])[1]
        case _:
            return {name: read(member)[1] for name, member in value.items() if name != "__type"}


def _reference(value: Mapping[str, Any]) -> str:
    keys = ",".join(f"{name}={read(key)[1]}" for name, key in pairs(value.get("KeyAttributes")).items())
    return f"{value.get('LogicalName')}({guid(value.get('Id')) or keys})"


def _offset(text: str) -> timedelta:
    size = timedelta(hours=int(text[1:3]), minutes=int(text[3:5]))
    return -size if text[0] == "-" else size
