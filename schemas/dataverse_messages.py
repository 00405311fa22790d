"""Which records a Dataverse message changes, and where it keeps them.

Most messages have a parameter ``Target``; the exceptions below are those of the SDK's message reference. Any other
message (a custom API) changes the record that the context itself names as primary, or none: its parameters are its
author's, and nothing is guessed from them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.dataverse_values import guid, items, pairs

_TARGET = frozenset({"Create", "Update", "Upsert", "Delete", "Assign", "Associate", "Disassociate", "Merge"})
_TARGETS = frozenset({"CreateMultiple", "UpdateMultiple", "UpsertMultiple", "DeleteMultiple"})
_REFERENCE = {"SetState": "EntityMoniker", "SetStateDynamicEntity": "EntityMoniker", "QualifyLead": "LeadId"}
# An activity tells of the closing; the record that was closed is a column of it.
_CLOSING = {
    "Close": {"IncidentResolution": "incidentid", "QuoteClose": "quoteid"},
    "Win": {"OpportunityClose": "opportunityid", "QuoteClose": "quoteid"},
    "Lose": {"OpportunityClose": "opportunityid", "QuoteClose": "quoteid"},
    "Cancel": {"OrderClose": "salesorderid"},
    "Fulfill": {"OrderClose": "salesorderid"},
}
_NO_TABLE = "none"


@dataclass(frozen=True, slots=True)
class NamedRecord:
    """A record that a message changed.

    Attributes:
        table: logical name as sent; ``None`` where the message names none.
        id: ``None`` where the message does not say which record of the table.
        entity: the ``Entity`` with the columns as sent, where there is one.
    """

    table: str | None
    id: str | None
    entity: Mapping[str, Any] | None = None


def primary_record(context: Mapping[str, Any]) -> NamedRecord:
    """The record that the context itself names."""
    table = context.get("PrimaryEntityName")
    return NamedRecord(
        table if isinstance(table, str) and table and table != _NO_TABLE else None, guid(context.get("PrimaryEntityId"))
    )


def is_deletion(message: str) -> bool:
    """Whether the records that the message names are gone afterwards."""
    return message in {"Delete", "DeleteMultiple"}


def names_several(message: str) -> bool:
    """Whether parameters alone name the records: without them, any record of the table may be meant."""
    return message in _TARGETS or message == "Merge"


def named_records(
    message: str, inputs: Mapping[str, Any], outputs: Mapping[str, Any], primary: NamedRecord
) -> Iterator[NamedRecord]:
    """The records that a message with these parameters changes: at least one, perhaps incomplete."""
    if message in _TARGETS:
        yield from _targets(inputs.get("Targets"), outputs, primary)
    elif message in _TARGET:
        yield _or_primary(_target(inputs.get("Target"), outputs), primary)
        if message == "Merge":  # the subordinate is deactivated and points to its new master
            yield NamedRecord(primary.table, guid(inputs.get("SubordinateId")))
        elif message in {"Associate", "Disassociate"}:  # either side may hold the lookup
            yield from (_record(related) for related in items(inputs.get("RelatedEntities")))
    elif message in _REFERENCE:
        yield _or_primary(_record(inputs.get(_REFERENCE[message])), primary)
    else:
        yield _or_primary(_closed(_CLOSING.get(message, {}), inputs), primary)


def _or_primary(record: NamedRecord, primary: NamedRecord) -> NamedRecord:
    return NamedRecord(record.table or primary.table, record.id or primary.id, record.entity)


def _record(value: Any) -> NamedRecord:
    """From an ``Entity`` or ``EntityReference``, which may lack any of its members."""
    if not isinstance(value, Mapping):
        return NamedRecord(None, None)
    table = value.get("LogicalName")
    return NamedRecord(
        table if isinstance(table, str) and table else None,
        guid(value.get("Id")),
        value if "Attributes" in value else None,
    )


def _target(value: Any, outputs: Mapping[str, Any]) -> NamedRecord:
    record = _record(value)
    new_id = _record(outputs.get("Target")).id or guid(outputs.get("id"))
    return NamedRecord(record.table, record.id or new_id, record.entity)


def _targets(collection: Any, outputs: Mapping[str, Any], primary: NamedRecord) -> Iterator[NamedRecord]:
    table = collection.get("EntityName") if isinstance(collection, Mapping) else None
    new_ids = items(outputs.get("Ids"))
    members = [_record(member) for member in items(collection)]
    for position, record in enumerate(members):
        new_id = guid(new_ids[position]) if position < len(new_ids) else None
        yield NamedRecord(record.table or table or primary.table, record.id or new_id, record.entity)
    if not members:
        yield NamedRecord(primary.table, None)


def _closed(closings: Mapping[str, str], inputs: Mapping[str, Any]) -> NamedRecord:
    for parameter, column in closings.items():
        activity = inputs.get(parameter)
        if isinstance(activity, Mapping):
            reference = pairs(activity.get("Attributes")).get(column)
            closed = _record(reference)
            return NamedRecord(closed.table or column.removesuffix("id"), closed.id or guid(reference))
    return NamedRecord(None, None)
