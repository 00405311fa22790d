"""Business Central's rows: which columns to ask for, and a row from the JSON that comes back."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas import timestamps
from schemas.row import Row, Table, Value
from systems.edm import EntityType
from systems.odata import bare_literal, parse_time, text_literal

MODIFIED_COLUMNS = ("lastModifiedDateTime", "systemModifiedAt")
"""What API pages call the time of a row's last change, the usual name first."""

_RELATED = re.compile(r"(\w+)\[(\w+)=([^\]]*)\]/(\w+)")


@dataclass(frozen=True, slots=True)
class RelatedColumn:
    """A column of the first related row whose ``column`` is ``value``: ``navigation[column=value]/name``."""

    navigation: str
    column: str
    value: str
    name: str

    @classmethod
    def parse(cls, name: str) -> "RelatedColumn | None":
        """The related column that a column name spells; ``None`` for one of the table's own."""
        match = _RELATED.fullmatch(name)
        return cls(*match.groups()) if match else None

    def value_in(self, document: Mapping[str, Any]) -> Value:
        """Its value in a row that was read with the navigation expanded; ``None`` where no related row fits."""
        related = document.get(self.navigation) or []
        rows: Iterable[Mapping[str, Any]] = [related] if isinstance(related, dict) else related
        value: Value = next((row.get(self.name) for row in rows if str(row.get(self.column)) == self.value), None)
        return value


@dataclass(frozen=True, slots=True)
class Columns:
    """What to read of one table, and how to read it.

    Attributes:
        own: the table's own readable columns.
        related: readable columns of related rows, by the name the mapping gives them.
        modified: the column with the time of the last change; ``None`` where the table has none.
        modified_type: its type: some pages give a date alone.
    """

    key: str
    own: tuple[str, ...]
    related: Mapping[str, RelatedColumn]
    modified: str | None
    modified_type: str

    @classmethod
    def of(cls, table: Table, described: EntityType) -> "Columns":
        """The columns of ``table``, as the service describes its rows."""
        own: list[str] = []
        related: dict[str, RelatedColumn] = {}
        for name, column in table.columns.items():
            if not column.readable:
                continue
            if found := RelatedColumn.parse(name):
                related[name] = found
            else:
                own.append(name)
        modified = next((name for name in MODIFIED_COLUMNS if name in described.columns), None)
        return cls(table.key, tuple(own), related, modified, described.columns.get(modified or "", ""))

    @property
    def select(self) -> str:
        """The value of ``$select``."""
        return ",".join(dict.fromkeys([self.key, *self.own, *([self.modified] if self.modified else [])]))

    @property
    def expand(self) -> str:
        """The value of ``$expand``; empty when nothing related is read."""
        return ",".join(dict.fromkeys(column.navigation for column in self.related.values()))

    def since(self, moment: datetime) -> dict[str, str]:
        """Query options for the rows changed at ``moment`` or later, oldest first; none where that cannot be told."""
        if self.modified is None:
            return {}
        milliseconds = moment.microsecond // 1000
        start = timestamps.text(moment.replace(microsecond=milliseconds * 1000))
        if self.modified_type == "Edm.Date":
            start = start.partition("T")[0]
        return {"filter": f"{self.modified} ge {start}", "orderby": f"{self.modified},{self.key}"}

    def row(self, document: Mapping[str, Any]) -> Row:
        """The row in ``document``."""
        values: dict[str, Value] = {name: document.get(name) for name in self.own}
        values.update((name, column.value_in(document)) for name, column in self.related.items())
        return Row(
            id=str(document[self.key]).lower(),
            version=str(document.get("@odata.etag") or ""),
            modified_at=parse_time(document.get(self.modified)) if self.modified else None,
            values=values,
        )


def equals(column: str, value: Value, edm_type: str) -> str:
    """A filter for rows whose ``column`` is ``value``; text ignoring case.

    Business Central compares text exactly, hence ``tolower``. Its blank text is ``''``, never null. An option is text
    to us but a type of its own to the service, and has no lower case.
    """
    if edm_type == "Edm.String":
        return f"tolower({column}) eq {text_literal(str(value or '').lower())}"
    if isinstance(value, str) and not edm_type.startswith("Edm."):
        return f"{column} eq {text_literal(value)}"
    return f"{column} eq {bare_literal(value)}"
