"""The options of choice columns, which may be added to and renamed while the system runs."""

import threading

from systems.sandbox.dataverse.columns import Column, Kind
from systems.sandbox.dataverse.errors import ApiError
from systems.sandbox.dataverse.tables import TABLES, TableDefinition

_FIRST_CUSTOM_VALUE = 192_350_000
"""Where option values of a solution publisher begin."""


class Choices:
    """Labels by option value, per column. Safe to call from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._labels = {
            (table.name, column.name): dict(column.options)
            for table in TABLES.values()
            for column in table.columns
            if column.kind is Kind.CHOICE
        }

    def options(self, table: str, column: str) -> dict[int, str]:
        """Labels by value.

        Raises:
            ApiError: there is no such choice column.
        """
        with self._lock:
            return dict(self._of(table, column))

    def label(self, table: str, column: str, value: int) -> str | None:
        """The label of one option."""
        with self._lock:
            return self._of(table, column).get(value)

    def insert(self, table: str, column: str, value: int | None, label: str) -> int:
        """Add an option, at a value of the publisher's own unless one is given.

        Raises:
            ApiError: the value is taken.
        """
        with self._lock:
            options = self._of(table, column)
            taken = [known for known in options if known >= _FIRST_CUSTOM_VALUE]
            chosen = value if value is not None else max(taken, default=_FIRST_CUSTOM_VALUE - 1) + 1
            if chosen in options:
                raise ApiError(400, "0x80048403", f"The option set value {chosen} is already in use.")
            options[chosen] = label
            return chosen

    def update(self, table: str, column: str, value: int, label: str) -> None:
        """Rename an option.

        Raises:
            ApiError: there is none of that value.
        """
        with self._lock:
            options = self._of(table, column)
            if value not in options:
                raise ApiError(400, "0x80048404", f"The option set value {value} does not exist.")
            options[value] = label

    def check(self, definition: TableDefinition, column: Column, value: int) -> None:
        """Refuse a value that is no option.

        Raises:
            ApiError: it is none.
        """
        options = self.options(definition.name, column.name)
        if value not in options:
            accepted = ",".join(str(known) for known in options)
            raise ApiError(
                400,
                "0x80044330",
                f"A validation error occurred. The value {value} of '{column.name}' on record of type "
                f"'{definition.name}' is outside the valid range. Accepted Values: {accepted}",
            )

    def _of(self, table: str, column: str) -> dict[int, str]:
        options = self._labels.get((table, column))
        if options is None:
            raise ApiError(404, "0x80040217", f"Could not find an attribute with the name {column} on {table}.")
        return options
