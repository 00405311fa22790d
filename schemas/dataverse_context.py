"""Dataverse's RemoteExecutionContext in JSON, as service endpoints and webhooks post it, read as change events.

Any member may be missing: the platform drops the parameters of a message that is too large, versions differ, relays
drop ``__type`` (learn.microsoft.com, *Use webhooks*, *Azure integration*). What counts is which record was touched;
its columns are read for people only. The finance apps' data events are such contexts too, in an envelope of their own.
"""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas import timestamps
from schemas.change_event import ChangeEvent, ChangeKind
from schemas.dataverse_messages import NamedRecord, is_deletion, named_records, names_several, primary_record
from schemas.dataverse_values import guid, moment, pairs
from schemas.errors import DeadLetter
from schemas.system import System

_IDS = uuid.uuid5(uuid.NAMESPACE_URL, "twinrow:dataverse-context")
_MEMBERS = frozenset({"MessageName", "PrimaryEntityName", "PrimaryEntityId", "InputParameters"})


@dataclass(frozen=True, slots=True)
class ContextChange:
    """One change that a context tells of; ``entity`` holds the columns as sent, where the message has them."""

    event: ChangeEvent
    entity: Mapping[str, Any] | None


def is_context(document: Any) -> bool:
    """Whether a decoded JSON document is meant as a context, however faulty."""
    return isinstance(document, Mapping) and not _MEMBERS.isdisjoint(document)


def changes(document: Mapping[str, Any], *, received: datetime | None = None) -> list[ContextChange]:
    """What the context says has changed: mostly one record, several for Merge and the messages ending in Multiple.

    A message that must name several records but does not becomes one ``COLLECTION`` of its table.

    Args:
        received: stands in where the context does not say when its change happened.

    Raises:
        DeadLetter: ``incomplete_context``, ``foreign_context`` or ``no_record``.
    """
    message = document.get("MessageName")
    if not isinstance(message, str) or not message:
        raise DeadLetter("The Dataverse context has no MessageName: it was cut on its way.", code="incomplete_context")
    inputs, outputs = _parameters(document, "InputParameters"), _parameters(document, "OutputParameters")
    time = _time(document, inputs, received)
    origin, actor = _tag(document), guid(document.get("InitiatingUserId"))
    found: dict[tuple[str, str | None], ContextChange] = {}
    for record in named_records(message, inputs, outputs, primary_record(document)):
        table, record_id = _checked(message, record)
        event = ChangeEvent(
            id=_event_id(document, message, table, record_id, time),
            system=System.DATAVERSE,
            table=table,
            record_id=record_id,
            kind=_kind(message, record_id),
            time=time,
            origin=origin,
            actor=actor,
        )
        found.setdefault((table, record_id), ContextChange(event, record.entity))
    return list(found.values())


def _parameters(document: Mapping[str, Any], member: str) -> dict[str, Any]:
    value = document.get(member)
    if isinstance(value, Mapping):
        raise DeadLetter(
            f"{member} is an object where Dataverse sends a list of key and value: another tool has rewritten the "
            "context. Let the service endpoint post to Twinrow directly, in message format JSON.",
            code="foreign_context",
        )
    return pairs(value)


def _checked(message: str, record: NamedRecord) -> tuple[str, str | None]:
    if record.table and (record.id or names_several(message)):
        return record.table, record.id
    raise DeadLetter(
        f"The Dataverse message {message} names no record (table {record.table or 'none'}, id {record.id or 'none'}). "
        "Register the step on a message that changes rows: Create, Update, Delete.",
        code="no_record",
    )


def _kind(message: str, record_id: str | None) -> ChangeKind:
    if record_id is None:
        return ChangeKind.COLLECTION
    return ChangeKind.DELETED if is_deletion(message) else ChangeKind.MODIFIED


def _time(document: Mapping[str, Any], inputs: Mapping[str, Any], received: datetime | None) -> datetime:
    # Asynchronous steps write the server's local time into the milliseconds and its offset behind them: adding the
    # offset gives the moment that modifiedon has. Dates in columns are not written so.
    operation = moment(document.get("OperationCreatedOn"), add_offset=True)
    if time := operation or moment(document.get("EventTime")) or _modified_on(inputs.get("Target")) or received:
        return time
    raise DeadLetter(
        "The Dataverse context has no OperationCreatedOn: it was cut on its way.", code="incomplete_context"
    )


def _modified_on(target: Any) -> datetime | None:
    return moment(pairs(target.get("Attributes")).get("modifiedon")) if isinstance(target, Mapping) else None


def _tag(document: Mapping[str, Any]) -> str | None:
    """The ``tag`` of the request that did this itself.

    The contexts that led here may carry one too; then the change is somebody's reaction to that request (a plug-in's,
    on the same record or on another), and no echo of it.
    """
    tag = pairs(document.get("SharedVariables")).get("tag")
    return tag if isinstance(tag, str) and tag else None


def _lineage(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    context: Any = document
    while isinstance(context, Mapping):
        yield context
        context = context.get("ParentContext")


def _event_id(document: Mapping[str, Any], message: str, table: str, record_id: str | None, time: datetime) -> str:
    """Equal when the same job is posted again; OperationId alone is shared by all changes of one transaction."""
    operation = (str(document.get(member)) for member in ("OperationId", "RequestId", "EventId"))
    return str(uuid.uuid5(_IDS, "\n".join([*operation, message, table, record_id or "", timestamps.text(time)])))
