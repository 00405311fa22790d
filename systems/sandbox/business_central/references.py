"""References between rows: checked when written, carried along when the row they name is renamed or deleted."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from systems.sandbox.business_central.columns import NO_GUID
from systems.sandbox.business_central.errors import dialog, invalid_relation
from systems.sandbox.business_central.tables import CONTACT, TABLES, Reference, TableDefinition, referring
from systems.sandbox.store import Record, Table, Values

TableOf: TypeAlias = Callable[[TableDefinition], Table]


@dataclass(frozen=True, slots=True)
class References:
    """What rows may refer to. Blank currencies are shown as ``local_currency``."""

    table: TableOf
    local_currency: str

    def resolve(self, definition: TableDefinition, row: Values, submitted: Values) -> dict[str, Any]:
        """The columns of every reference that ``submitted`` touches, both of a pair agreeing.

        Raises:
            ApiError: a row that does not exist is named, or id and code name different rows.
        """
        resolved: dict[str, Any] = {}
        for reference in definition.references:
            if reference.id_column and reference.code_column:
                resolved.update(self._pair(reference, submitted))
            elif reference.id_column in submitted:
                self._by_id(reference, submitted[reference.id_column])
            elif submitted.get(reference.code_column):
                self._check_code(definition, reference, row, submitted[reference.code_column])
        return resolved

    def blank(self, definition: TableDefinition) -> dict[str, Any]:
        """What references of a new row show before anything is set."""
        return {ref.code_column: self.local_currency for ref in definition.references if ref.local_currency}

    def by_key(self, definition: TableDefinition, value: str) -> Record | None:
        """The row with that primary key."""
        return next(iter(self.table(definition).equal(definition.key, value)), None)

    def users(self, target: TableDefinition, record: Record) -> Iterator[tuple[TableDefinition, Record, Reference]]:
        """Every row that refers to ``record``."""
        for definition, reference in referring(target.name):
            if reference.id_column:
                found = self.table(definition).equal(reference.id_column, record.id)
            else:
                found = self.table(definition).equal(reference.code_column, record.values[target.key])
            for user in found:
                yield definition, user, reference

    def _pair(self, reference: Reference, submitted: Values) -> dict[str, Any]:
        given_id = submitted.get(reference.id_column)
        given_code = submitted.get(reference.code_column)
        if given_id is None and given_code is None:
            return {}
        target = None if given_id in (None, NO_GUID) else self._by_id(reference, given_id)
        definition = TABLES[reference.target]
        if given_code is not None:
            local = reference.local_currency and given_code == self.local_currency
            wanted = "" if local else given_code
            if target is not None and target.values[definition.key] != wanted:
                kind = definition.caption
                raise dialog(f"The {kind.lower()} values do not match to a specific {kind}.")
            if target is None and wanted:
                target = self.by_key(definition, wanted)
                if target is None:
                    raise dialog(f'The "{reference.code_column}" does not match to a {definition.caption}.')
        nothing = self.local_currency if reference.local_currency else ""
        return {
            reference.id_column: NO_GUID if target is None else target.id,
            reference.code_column: nothing if target is None else target.values[definition.key],
        }

    def _by_id(self, reference: Reference, record_id: Any) -> Record | None:
        target = self.table(TABLES[reference.target]).get(record_id)
        if target is None and record_id != NO_GUID:
            raise dialog(f'The "{reference.id_column}" does not match to a {TABLES[reference.target].caption}.')
        return target

    def _check_code(self, definition: TableDefinition, reference: Reference, row: Values, value: str) -> None:
        target = TABLES[reference.target]
        found = self.by_key(target, value)
        if found is None or (target is CONTACT and found.values["type"] != "Company"):
            key = f"{definition.key}='{row[definition.key]}'"
            raise invalid_relation(reference.code_column, definition.caption, key, target.caption, value)


def without(reference: Reference, values: Mapping[str, Any]) -> dict[str, Any]:
    """``values`` with the reference emptied, as after the deletion of the row it names."""
    changes: dict[str, Any] = {}
    if reference.id_column:
        changes[reference.id_column] = NO_GUID
    if reference.code_column:
        changes[reference.code_column] = ""
    if reference.code_column == "companyNumber":
        changes |= {"companyName": "", "contactBusinessRelation": "None"}
    return {**values, **changes}
