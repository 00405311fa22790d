"""What a request submits for a row: columns checked by type, lookups by the navigation property that binds them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from systems.sandbox.dataverse.choices import Choices
from systems.sandbox.dataverse.columns import Column, Kind
from systems.sandbox.dataverse.errors import ApiError, bad_payload, row_not_found
from systems.sandbox.dataverse.keys import Keys
from systems.sandbox.dataverse.tables import TableDefinition
from systems.sandbox.store import Values

_BIND = "@odata.bind"


@dataclass(slots=True)
class Submitted:
    """Columns to be written.

    Attributes:
        values: by property, as rows store them.
        columns: the same columns by logical name, in the order they were sent.
    """

    values: dict[str, Any] = field(default_factory=dict)
    columns: dict[str, Column] = field(default_factory=dict)

    def set(self, column: Column, value: Any, target: str | None = None) -> None:
        self.columns[column.name] = column
        self.values[column.wire_name] = value
        if column.targets:
            self.values[column.target_property] = target


class PayloadReader:
    """Reads bodies for one system."""

    def __init__(self, keys: Keys, choices: Choices) -> None:
        self._keys = keys
        self._choices = choices

    def read(self, definition: TableDefinition, body: Mapping[str, Any], *, creating: bool) -> Submitted:
        """The columns in ``body``. What may not be written is left out, as the platform does.

        Raises:
            ApiError: a property is unknown, a value does not fit, or a bound row does not exist.
        """
        submitted = Submitted()
        for name, value in body.items():
            if name.endswith(_BIND):
                self._bind(definition, submitted, name.removesuffix(_BIND), value)
            elif "@" not in name:
                self._set(definition, submitted, name, value, creating=creating)
        return submitted

    def bind(self, definition: TableDefinition, navigation: str, reference: str | None) -> Submitted:
        """One lookup, bound to ``reference`` or emptied.

        Raises:
            ApiError: as :meth:`read`.
        """
        submitted = Submitted()
        self._bind(definition, submitted, navigation, reference)
        return submitted

    def _set(self, definition: TableDefinition, submitted: Submitted, name: str, value: Any, *, creating: bool) -> None:
        column = definition.by_property.get(name)
        if column is None:
            if name in definition.by_navigation:
                raise ApiError(501, "0x80048d19", f"Deep insert through '{name}' is not supported here.")
            raise bad_payload(
                f"The property '{name}' does not exist on type 'Microsoft.Dynamics.CRM.{definition.name}'."
            )
        cleaned = column.clean(value)
        if column.kind is Kind.CHOICE and cleaned is not None:
            self._choices.check(definition, column, cleaned)
        if column.on_create if creating else column.on_update:
            submitted.set(column, cleaned)

    def _bind(self, definition: TableDefinition, submitted: Submitted, navigation: str, reference: Any) -> None:
        found = definition.by_navigation.get(navigation)
        if found is None:
            raise bad_payload(
                f"An undeclared property '{navigation}' which only has property annotations in the payload but no "
                "property value was found in the payload."
            )
        column, _ = found
        if reference is None:
            submitted.set(column, None)
            return
        if not isinstance(reference, str):
            raise bad_payload(f"The value of '{navigation}{_BIND}' must be an address.")
        key = self._keys.parse_reference(reference)
        allowed = {target.table for target in column.targets if target.navigation == navigation}
        if key.definition.name not in allowed:
            raise bad_payload(f"'{navigation}' cannot be bound to the entity set '{key.definition.set_name}'.")
        record = self._keys.find(key)
        if record is None:
            raise row_not_found(key.definition.name, key.id or reference)
        submitted.set(column, record.id, key.definition.name)


def check_required(definition: TableDefinition, row: Values) -> None:
    """Refuse a new row that lacks what the platform needs.

    Raises:
        ApiError: a required column is empty.
    """
    for column in definition.columns:
        if column.required and row.get(column.wire_name) is None:
            message = f"The '{column.name}' attribute of '{definition.name}' is required and cannot be empty."
            raise ApiError(400, "0x80040203", message)
