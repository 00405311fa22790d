"""Which row an address names: by id, or by an alternate key."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import unquote

from systems.sandbox.dataverse.columns import Kind
from systems.sandbox.dataverse.errors import ApiError, key_violated, row_not_found, segment_not_found
from systems.sandbox.dataverse.quirks import Quirks
from systems.sandbox.dataverse.tables import BY_SET, TableDefinition
from systems.sandbox.store import Record, Table, Values

TableOf: TypeAlias = Callable[[TableDefinition], Table]

_REFERENCE = re.compile(r"(?:.*/)?(?P<set>\w+)\((?P<key>[^()]*)\)")
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_PAIR = re.compile(r"(?P<name>\w+)=(?:'(?P<text>(?:[^']|'')*)'|(?P<bare>[^,']+))(?:,|$)")


@dataclass(frozen=True, slots=True)
class RowKey:
    """A row by id, or, with an empty id, by the values of an alternate key."""

    definition: TableDefinition
    id: str
    values: tuple[tuple[str, Any], ...] = ()


class Keys:
    """Finds rows by keys, and keeps alternate keys unique."""

    def __init__(self, table: TableOf, quirks: Quirks) -> None:
        self._table = table
        self._defined = quirks.alternate_keys

    def parse(self, definition: TableDefinition, key: str) -> RowKey:
        """The row that the text in parentheses names.

        Raises:
            ApiError: the text is no key of the table.
        """
        if _GUID.fullmatch(key):
            return RowKey(definition, key.lower())
        values = tuple((match["name"], _value(match)) for match in _PAIR.finditer(key))
        names = tuple(name for name, _ in values)
        if not values or not any(set(names) == set(defined) for defined in self._columns(definition)):
            message = (
                f"The key in the request URI is not valid for resource 'Microsoft.Dynamics.CRM.{definition.name}'."
            )
            raise ApiError(400, "0x80060888", message)
        return RowKey(definition, "", values)

    def parse_reference(self, text: str) -> RowKey:
        """The row that a bound address names: ``/contacts(…)``, absolute, or relative.

        Raises:
            ApiError: the text is no address of a row.
        """
        match = _REFERENCE.fullmatch(unquote(text))
        if match is None:
            raise ApiError(400, "0x80048d19", f"Invalid resource path '{text}'.")
        definition = BY_SET.get(match["set"])
        if definition is None:
            raise segment_not_found(match["set"])
        return self.parse(definition, match["key"])

    def find(self, key: RowKey) -> Record | None:
        """The row of that key."""
        table = self._table(key.definition)
        if key.id:
            return table.get(key.id)
        first, value = key.values[0]
        found = (
            record
            for record in table.equal(first, value)
            if all(_same(record.values.get(name), wanted) for name, wanted in key.values)
        )
        return next(found, None)

    def existing(self, key: RowKey) -> Record:
        """The row of that key.

        Raises:
            ApiError: there is none.
        """
        record = self.find(key)
        if record is None:
            named = key.id or ", ".join(f"{name}={value}" for name, value in key.values)
            raise row_not_found(key.definition.name, named)
        return record

    def check_unique(self, definition: TableDefinition, record_id: str, row: Values) -> None:
        """Refuse a row that has the alternate key of another one; a key with an empty column is not compared.

        Raises:
            ApiError: it has.
        """
        for columns in self._columns(definition):
            values = tuple((column, row.get(column)) for column in columns)
            if any(value is None for _, value in values):
                continue
            other = self.find(RowKey(definition, "", values))
            if other is not None and other.id != record_id:
                raise key_violated("_".join(columns), ", ".join(columns))

    def _columns(self, definition: TableDefinition) -> Sequence[tuple[str, ...]]:
        lookups = {column.name: column.wire_name for column in definition.columns if column.kind is Kind.LOOKUP}
        defined = self._defined.get(definition.name, ())
        return [tuple(lookups.get(name, name) for name in columns) for columns in defined]


def _value(match: re.Match[str]) -> Any:
    if match["text"] is not None:
        return match["text"].replace("''", "'")
    return int(match["bare"]) if match["bare"].isdigit() else match["bare"].lower()


def _same(left: Any, right: Any) -> bool:
    return bool(left.lower() == right.lower() if isinstance(left, str) and isinstance(right, str) else left == right)
