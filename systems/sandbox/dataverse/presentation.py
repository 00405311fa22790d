"""Rows as the API shows them."""

from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any

from systems.sandbox.dataverse.choices import Choices
from systems.sandbox.dataverse.columns import Column, Kind
from systems.sandbox.dataverse.errors import bad_request
from systems.sandbox.dataverse.tables import TABLES, TableDefinition
from systems.sandbox.store import Record, Table

FORMATTED = "OData.Community.Display.V1.FormattedValue"
TARGET = "Microsoft.Dynamics.CRM.lookuplogicalname"
NAVIGATION = "Microsoft.Dynamics.CRM.associatednavigationproperty"


def etag(version: int) -> str:
    return f'W/"{version}"'


class Presentation:
    """Turns rows into JSON."""

    def __init__(self, table: Callable[[TableDefinition], Table], choices: Choices) -> None:
        self._table = table
        self._choices = choices

    def shown(
        self,
        definition: TableDefinition,
        record: Record,
        columns: Sequence[Column],
        annotations: Sequence[str] = (),
    ) -> dict[str, Any]:
        """A row with these columns, etag first."""
        document: dict[str, Any] = {"@odata.etag": etag(record.version)}
        for column in columns:
            value = record.values.get(column.wire_name)
            if annotations and value is not None:
                document |= self._annotated(definition, column, record, annotations)
            document[column.wire_name] = column.shown(value)
        return document

    def _annotated(
        self, definition: TableDefinition, column: Column, record: Record, wanted: Sequence[str]
    ) -> dict[str, Any]:
        value = record.values[column.wire_name]
        found: dict[str, Any] = {}
        match column.kind:
            case Kind.LOOKUP:
                target = record.values.get(column.target_property) or column.targets[0].table
                navigation = next(known.navigation for known in column.targets if known.table == target)
                found = {TARGET: target, NAVIGATION: navigation, FORMATTED: self._name(target, value)}
            case Kind.CHOICE:
                found = {FORMATTED: self._choices.label(definition.name, column.name, value)}
            case Kind.BOOLEAN:
                found = {FORMATTED: "Yes" if value else "No"}
            case Kind.MONEY | Kind.DECIMAL | Kind.INTEGER | Kind.BIGINT | Kind.TIME:
                found = {FORMATTED: str(column.shown(value))}
            case _:
                return {}
        return {
            f"{column.wire_name}@{name}": text
            for name, text in found.items()
            if text is not None and any(fnmatchcase(name, pattern) for pattern in wanted)
        }

    def _name(self, target: str, record_id: str) -> str | None:
        definition = TABLES[target]
        record = self._table(definition).get(record_id)
        return None if record is None else record.values.get(definition.primary_name)


def selected(definition: TableDefinition, select: Iterable[str]) -> Sequence[Column]:
    """The columns that an answer has: all if none is selected; the key always, and with money its currency.

    Raises:
        ApiError: a selected column is unknown.
    """
    if not select:
        return definition.columns
    names: dict[str, None] = {}
    for name in select:
        if name not in definition.by_property:
            raise bad_request(
                f"Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{definition.name}'."
            )
        names[name] = None
        if definition.by_property[name].kind is Kind.MONEY:
            names["_transactioncurrencyid_value"] = None
    names[definition.key] = None
    return [definition.by_property[name] for name in names]
