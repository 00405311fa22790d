"""Writing rows by the rules of the platform: defaults, owners, derived columns, cascades, announcements."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

from systems.sandbox.dataverse import derived
from systems.sandbox.dataverse.columns import Column
from systems.sandbox.dataverse.errors import row_exists
from systems.sandbox.dataverse.keys import Keys
from systems.sandbox.dataverse.payload import Submitted, check_required
from systems.sandbox.dataverse.quirks import Quirks
from systems.sandbox.dataverse.tables import ACCOUNT, CONTACT, TableDefinition, referring
from systems.sandbox.exchange import User
from systems.sandbox.store import Record, Store, Table

Message: TypeAlias = Literal["Create", "Update", "Delete"]


@dataclass(frozen=True, slots=True)
class Change:
    """A committed change, as the event pipeline learns of it.

    Attributes:
        columns: those in the message's target: submitted or set by the platform; none for a delete.
        after: the row afterwards; before, for a delete.
        tag: the caller's, from the request's address.
        correlation_id: shared by all changes of one request.
    """

    message: Message
    table: TableDefinition
    record: Record
    columns: tuple[Column, ...]
    user: User
    tag: str
    correlation_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Caller:
    """Who writes, and how the write is marked."""

    user: User
    tag: str = ""
    correlation_id: str = ""
    silent: bool = False


Listener: TypeAlias = Callable[[Change], None]


class Rows:
    """The rows of one organization. Every method runs in a transaction of its own or the caller's."""

    def __init__(self, store: Store, quirks: Quirks, base_currency: str, root_unit: str, listener: Listener) -> None:
        self.store = store
        self.quirks = quirks
        self.keys = Keys(self.table, quirks)
        self.base_currency = base_currency
        self._root_unit = root_unit
        self._listener = listener

    def table(self, definition: TableDefinition) -> Table:
        return self.store.table(definition.name)

    def tombstones(self, definition: TableDefinition) -> Table:
        """Deleted rows: id and the version of the deletion."""
        return self.store.table(f"{definition.name}@deleted")

    def insert(self, definition: TableDefinition, record_id: str, submitted: Submitted, caller: Caller) -> Record:
        """A new row; an empty ``record_id`` takes the submitted one or a new one.

        Raises:
            ApiError: the platform refuses it.
        """
        with self.store.transaction():
            chosen = record_id or submitted.values.get(definition.key) or self.store.new_id()
            if self.table(definition).get(chosen) is not None:
                raise row_exists()
            row = definition.defaults | submitted.values | {definition.key: chosen}
            row |= derived.on_create(self, definition, row, submitted, caller.user, self._root_unit)
            check_required(definition, row)
            self.keys.check_unique(definition, chosen, row)
            now = self._now()
            row |= {"createdon": row["overriddencreatedon"] or now, "_createdby_value": caller.user.id}
            record = self._put(definition, chosen, row, caller.user, now)
            if self.tombstones(definition).get(chosen) is not None:
                self.tombstones(definition).remove(chosen)
            set_by_platform = (
                "createdon",
                "createdby",
                "modifiedon",
                "modifiedby",
                "ownerid",
                "statecode",
                "statuscode",
            )
            self._announce("Create", definition, record, submitted, set_by_platform, caller)
            return record

    def update(self, definition: TableDefinition, record: Record, submitted: Submitted, caller: Caller) -> Record:
        """The row afterwards. What is submitted counts as changed, even where it is as before.

        Raises:
            ApiError: the platform refuses it.
        """
        with self.store.transaction():
            row = {**record.values, **submitted.values, definition.key: record.id}
            row |= derived.on_update(self, definition, row, submitted)
            self.keys.check_unique(definition, record.id, row)
            after = self._put(definition, record.id, row, caller.user, self._now())
            self._announce("Update", definition, after, submitted, ("modifiedon", "modifiedby"), caller)
            return after

    def delete(self, definition: TableDefinition, record: Record, caller: Caller) -> None:
        """Delete a row; what refers to it loses the reference or, by relationship, goes along."""
        with self.store.transaction():
            for table, column in referring(definition.name):
                for other in self.table(table).equal(column.wire_name, record.id):
                    if other.id != record.id:
                        self._let_go(definition, table, column, other, caller)
            self.table(definition).remove(record.id)
            version = self.store.next_version()
            self.tombstones(definition).put(record.id, {"id": record.id, "versionnumber": version}, version)
            self._announce("Delete", definition, record, Submitted(), (), caller)

    def _let_go(
        self, deleted: TableDefinition, table: TableDefinition, column: Column, other: Record, caller: Caller
    ) -> None:
        parental = deleted is ACCOUNT and table is CONTACT and column.name == "parentcustomerid"
        if parental and self.quirks.contacts_of_deleted_account == "deleted":
            self.delete(table, other, caller)
        else:
            # Removing a link raises no event, but the row's version changes.
            freed = {**other.values, column.wire_name: None, column.target_property: None}
            self._put(table, other.id, freed, caller.user, self._now())

    def _put(
        self, definition: TableDefinition, record_id: str, row: Mapping[str, Any], user: User, now: datetime
    ) -> Record:
        version = self.store.next_version()
        stamped = {**row, "modifiedon": now, "_modifiedby_value": user.id, "versionnumber": version}
        return self.table(definition).put(record_id, stamped, version)

    def _now(self) -> datetime:
        return self.store.clock().replace(microsecond=0)

    def _announce(
        self,
        message: Message,
        definition: TableDefinition,
        record: Record,
        submitted: Submitted,
        set_by_platform: tuple[str, ...],
        caller: Caller,
    ) -> None:
        if caller.silent:
            return
        names = dict.fromkeys([*submitted.columns, *derived.names(definition, submitted), *set_by_platform])
        columns = tuple(definition.by_name[name] for name in names if name in definition.by_name)
        correlation_id = caller.correlation_id or str(uuid.uuid4())
        at = self.store.clock()
        change = Change(message, definition, record, columns, caller.user, caller.tag, correlation_id, at)
        self.store.after_commit(lambda: self._listener(change))
