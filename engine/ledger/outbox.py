"""Events that a ledger transaction decided on and that a topic has yet to acknowledge.

A released child, a pulled parent, a follow-up, a retry that is due: each becomes an ordinary event of its record, on
the record's own partition, so that it keeps its place among the record's other changes and one worker runs it. The
event is in the ledger before it is published, and leaves it once the topic has acknowledged it; published twice it
does no harm.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, select

from engine.ledger import many_rows
from engine.ledger.models import OutboxModel, table_of
from engine.ledger.one_of import one_of
from schemas.change_event import ChangeEvent, ChangeKind
from schemas.system import System

_TABLE = table_of(OutboxModel)
_REMOVE = delete(_TABLE).where(one_of(_TABLE.c.id, "ids"))


def add(connection: Connection, events: Sequence[ChangeEvent], at: datetime) -> None:
    """Add events to publish."""
    many_rows.insert(connection, _TABLE, [{"id": event.id, "event": _document(event), "at": at} for event in events])


def remove(connection: Connection, ids: Iterable[str]) -> None:
    """These are acknowledged."""
    wanted = list(ids)
    if wanted:
        connection.execute(_REMOVE, {"ids": wanted})


def left_over(connection: Connection, before: datetime, limit: int) -> list[ChangeEvent]:
    """Events that nobody published soon after their transaction: their worker died in between."""
    statement = select(_TABLE.c.event).where(_TABLE.c.at < before).order_by(_TABLE.c.at).limit(limit)
    return [_event(document) for document in connection.execute(statement).scalars()]


def _document(event: ChangeEvent) -> dict[str, str | None]:
    return {
        "id": event.id,
        "system": event.system.value,
        "table": event.table,
        "record_id": event.record_id,
        "kind": event.kind.value,
        "time": event.time.isoformat(),
        "run_id": event.run_id,
    }


def _event(document: dict[str, str]) -> ChangeEvent:
    return ChangeEvent(
        id=document["id"],
        system=System(document["system"]),
        table=document["table"],
        record_id=document["record_id"],
        kind=ChangeKind(document["kind"]),
        time=datetime.fromisoformat(document["time"]),
        run_id=document["run_id"],
    )
