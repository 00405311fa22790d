"""Dataverse's rows: which columns to ask for, a row from the JSON that comes back, and JSON from values to write."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.row import ColumnKind, Row, Table, TableColumn, Value
from systems.odata import bare_literal, parse_time, text_literal

MODIFIED = "modifiedon"
_TARGET = "Microsoft.Dynamics.CRM.lookuplogicalname"
ANNOTATIONS = f'odata.include-annotations="{_TARGET}"'
"""What to prefer where the types of polymorphic lookups are wanted."""


@dataclass(frozen=True, slots=True)
class Columns:
    """What to read of one table and how to write it.

    Attributes:
        plain: readable columns that are no lookups.
        lookups: readable lookups.
        types: the pseudo columns ``<lookup>type``, each with its lookup.
        written: every column that may be written, by name.
    """

    key: str
    plain: tuple[str, ...]
    lookups: tuple[str, ...]
    types: Mapping[str, str]
    written: Mapping[str, TableColumn]

    @classmethod
    def of(cls, table: Table) -> "Columns":
        """The columns of ``table``."""
        lookups = {name for name, column in table.columns.items() if column.kind is ColumnKind.LOOKUP}
        types = {f"{name}type": name for name in lookups if f"{name}type" in table.columns}
        read = [name for name, column in table.columns.items() if column.readable and name not in types]
        return cls(
            key=table.key,
            plain=tuple(name for name in read if name not in lookups),
            lookups=tuple(name for name in read if name in lookups),
            types=types,
            written={name: column for name, column in table.columns.items() if name not in types},
        )

    @property
    def select(self) -> str:
        """The value of ``$select``."""
        lookups = map(lookup_property, dict.fromkeys([*self.lookups, *self.types.values()]))
        return ",".join(dict.fromkeys([self.key, *self.plain, *lookups, MODIFIED]))

    @property
    def prefer(self) -> list[str]:
        """What a request that reads rows must prefer."""
        return [ANNOTATIONS] if self.types else []

    def row(self, document: Mapping[str, Any]) -> Row:
        """The row in ``document``."""
        values: dict[str, Value] = {name: document.get(name) for name in self.plain}
        for name in self.lookups:
            target = document.get(lookup_property(name))
            values[name] = str(target).lower() if target is not None else None
        for name, lookup in self.types.items():
            values[name] = document.get(f"{lookup_property(lookup)}@{_TARGET}")
        return Row(
            id=str(document[self.key]).lower(),
            version=str(document.get("@odata.etag") or ""),
            modified_at=parse_time(document.get(MODIFIED)),
            values=values,
        )

    def document(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """The JSON that writes ``values``: lookups as a binding, null to clear it."""
        document: dict[str, Value] = {}
        for name, value in values.items():
            column = self.written.get(name)
            if column is None and name in self.types:
                continue
            if column is not None and column.kind is ColumnKind.LOOKUP:
                bound = f"/{column.target_set}({value})" if value is not None else None
                document[f"{column.navigation or name}@odata.bind"] = bound
            else:
                document[name] = value
        return document

    def equals(self, column: str, value: Value) -> str:
        """A filter for rows whose ``column`` is ``value``; Dataverse compares text ignoring case."""
        known = self.written.get(column)
        if known is not None and known.kind is ColumnKind.LOOKUP:
            column = lookup_property(column)
        is_id = column == self.key or (column.startswith("_") and column.endswith("_value"))
        literal = text_literal(value) if isinstance(value, str) and not is_id else bare_literal(value)
        return f"{column} eq {literal}"


def lookup_property(name: str) -> str:
    """The property under which a lookup is read and filtered."""
    return f"_{name}_value"
