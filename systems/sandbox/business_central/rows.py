"""Writing rows by the rules of the application: cleaning, numbering, keys, references, side effects, announcements."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

from systems.sandbox.business_central import contact_rules
from systems.sandbox.business_central.errors import ApiError, dialog, read_only, unknown_property
from systems.sandbox.business_central.pages import ID, MODIFIED
from systems.sandbox.business_central.quirks import Quirks
from systems.sandbox.business_central.references import References, without
from systems.sandbox.business_central.tables import CURRENCY, SALESPERSON, TableDefinition
from systems.sandbox.exchange import User
from systems.sandbox.store import Record, Store, Table, Values

ChangeKind: TypeAlias = Literal["created", "updated", "deleted"]


@dataclass(frozen=True, slots=True)
class Change:
    """A committed change, as webhooks learn of it."""

    table: TableDefinition
    kind: ChangeKind
    record_id: str
    at: datetime


Listener: TypeAlias = Callable[[Change], None]


class Rows:
    """The rows of one company. Every method runs in a transaction of its own or the caller's."""

    def __init__(self, store: Store, quirks: Quirks, local_currency: str, listener: Listener) -> None:
        self.store = store
        self.quirks = quirks
        self.references = References(self.table, local_currency)
        self._listener = listener
        self._last_number: dict[str, int] = {}

    def table(self, definition: TableDefinition) -> Table:
        return self.store.table(definition.name)

    def insert(self, definition: TableDefinition, submitted: Values, user: User) -> Record:
        """A new row from what a caller submitted.

        Raises:
            ApiError: the application refuses it.
        """
        with self.store.transaction():
            given_id = submitted.get(ID.name)
            if given_id is not None and not self.quirks.client_ids:
                raise read_only(ID.name)
            cleaned = self._cleaned(definition, {name: value for name, value in submitted.items() if name != ID.name})
            row = definition.blank | self.references.blank(definition) | cleaned
            row[definition.key] = row[definition.key] or self._next_number(definition)
            self._check_key(definition, row[definition.key])
            row |= self.references.resolve(definition, row, cleaned)
            row |= contact_rules.derived(self, definition, row, cleaned)
            for column in definition.required:
                if not row[column.name].strip():
                    raise dialog(f'A "{column.name}" must be provided.')
            record_id = self.store.new_id() if given_id is None else ID.clean(given_id)
            if self.table(definition).get(record_id) is not None:
                raise self._exists(definition, f"$systemId='{record_id}'")
            record = self.put(definition, record_id, row, user, "created")
            contact_rules.inserted(self, definition, record, user)
            return record

    def update(self, definition: TableDefinition, record: Record, submitted: Values, user: User) -> Record:
        """The row afterwards; the same record, version and modification time where nothing changes.

        Raises:
            ApiError: the application refuses it.
        """
        with self.store.transaction():
            if ID.name in submitted:
                raise read_only(ID.name)
            cleaned = self._cleaned(definition, submitted)
            for column in definition.required:
                if column.name in cleaned and not cleaned[column.name].strip():
                    raise dialog(f'The blank "{column.name}" is not allowed.')
            row = {**record.values, **cleaned}
            renamed = row[definition.key] != record.values[definition.key]
            if renamed:
                self._check_key(definition, row[definition.key])
            row |= self.references.resolve(definition, row, cleaned)
            row |= contact_rules.derived(self, definition, row, cleaned)
            if row == record.values:
                return record
            if renamed:
                self._rename_references(definition, record, row[definition.key])
            after = self.put(definition, record.id, row, user, "updated", renamed=renamed)
            contact_rules.updated(self, definition, record, after, user)
            return after

    def delete(self, definition: TableDefinition, record: Record, user: User) -> None:
        """Delete a row and empty the references to it.

        Raises:
            ApiError: the application refuses it.
        """
        with self.store.transaction():
            for table, other, reference in list(self.references.users(definition, record)):
                if definition is CURRENCY:
                    code = record.values[CURRENCY.key]
                    raise dialog(f"You cannot delete Currency {code} because it is used in {table.caption}.")
                if other.id != record.id and definition is not SALESPERSON:
                    self.table(table).put(other.id, without(reference, other.values))
            self.table(definition).remove(record.id)
            self._announce(definition, "deleted", record.id, self._now())
            contact_rules.deleted(self, definition, record, user)

    def put(
        self,
        definition: TableDefinition,
        record_id: str,
        row: Mapping[str, Any],
        user: User,
        kind: ChangeKind,
        *,
        renamed: bool = False,
    ) -> Record:
        """Store a complete row as a change of now by ``user``, and announce it."""
        now = self._now()
        stamped = {**row, ID.name: record_id, MODIFIED.name: now, "systemModifiedBy": user.id}
        record = self.table(definition).put(record_id, stamped)
        if renamed and self.quirks.rename_is_delete_and_create:
            self._announce(definition, "deleted", record_id, now)
            self._announce(definition, "created", record_id, now)
        else:
            self._announce(definition, kind, record_id, now)
        return record

    def _now(self) -> datetime:
        now = self.store.clock()
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def _announce(self, definition: TableDefinition, kind: ChangeKind, record_id: str, at: datetime) -> None:
        change = Change(definition, kind, record_id, at)
        self.store.after_commit(lambda: self._listener(change))

    def _cleaned(self, definition: TableDefinition, submitted: Values) -> dict[str, Any]:
        cleaned: dict[str, Any] = {}
        for name, value in submitted.items():
            column = definition.by_name.get(name)
            if column is None:
                raise read_only(name) if name == MODIFIED.name else unknown_property(name, definition.name)
            if column.read_only:
                raise read_only(name)
            cleaned[name] = column.clean(value)
        return cleaned

    def _next_number(self, definition: TableDefinition) -> str:
        if not definition.series:
            raise ApiError(
                400,
                "Application_FieldValidationException",
                f"{definition.key.capitalize()} must have a value in {definition.caption}: "
                f"{definition.key.capitalize()}=. It cannot be zero or empty.",
            )
        number = self._last_number.get(definition.name, 0)
        while True:
            number += 1
            self._last_number[definition.name] = number
            text = f"{definition.series}{number:06}"
            if self.references.by_key(definition, text) is None:
                return text

    def _check_key(self, definition: TableDefinition, value: str) -> None:
        if self.references.by_key(definition, value) is not None:
            raise self._exists(definition, f"{'No.' if definition.key == 'number' else 'Code'}='{value}'")

    def _exists(self, definition: TableDefinition, key: str) -> ApiError:
        return ApiError(
            self.quirks.duplicate_key_status,
            "Internal_EntityWithSameKeyExists",
            f"The {definition.caption} already exists. Identification fields and values: {key}",
        )

    def _rename_references(self, definition: TableDefinition, record: Record, key: str) -> None:
        """Rows that name the key get the new one: their etag changes, their modification time does not."""
        for table, other, reference in list(self.references.users(definition, record)):
            if reference.code_column and other.id != record.id:
                self.table(table).put(other.id, {**other.values, reference.code_column: key})
