"""Intents: rows about to be created on the other side.

An intent is in the ledger before the row is posted, and leaves it in the transaction that couples the row. Whoever
finds an intent of an earlier attempt does not know whether its row exists, and looks before creating another. Whoever
meets an uncoupled row that an intent describes knows whose it is, and waits for the coupling.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, union_all

from engine.ledger import many_rows
from engine.ledger.models import IntentModel, table_of
from engine.ledger.record_keys import by_lane, of_lane, values_of
from schemas.operations import OperationKey
from schemas.row import Value
from schemas.system import Direction

_TABLE = table_of(IntentModel)

# Statements of the hot path are made once: making one costs more than running it.
_ALL = select(_TABLE).where(_TABLE.c.mapping == bindparam("at_mapping"), _TABLE.c.direction == bindparam("direction"))
_LOAD = union_all(select(_TABLE).where(of_lane(_TABLE)), _ALL)
_OUTSTANDING = select(_TABLE.c.mapping, _TABLE.c.direction, _TABLE.c.record_id).where(of_lane(_TABLE))
_FULFIL = delete(_TABLE).where(of_lane(_TABLE))


@dataclass(frozen=True, slots=True)
class Intent:
    """The row that the source record of ``key`` is about to become.

    Attributes:
        created_id: the id that the row will have, where callers choose it.
        values: the canonical values to be written, blanks left out.
        at: before the first request.
    """

    key: OperationKey
    created_id: str | None
    values: dict[str, Value]
    at: datetime


def waiting_key(key: OperationKey) -> str:
    """Under which key open operations wait until it is certain what the record of ``key`` became."""
    return f"{key.mapping} {key.direction} {key.record_id} created"


def load(
    connection: Connection, mapping: str, direction: Direction, ids: Sequence[str]
) -> tuple[dict[str, Intent], list[Intent]]:
    """The intents of these records, by record id; and all of the opposite lane. One query."""
    lane = {"at_mapping": mapping, "at_direction": direction.value, "ids": ids}
    rows = connection.execute(_LOAD, {**lane, "direction": direction.reverse.value}).all()
    found = list(map(_intent, rows))
    own = {intent.key.record_id: intent for intent in found if intent.key.direction is direction}
    return own, [intent for intent in found if intent.key.direction is not direction]


def load_all(connection: Connection, mapping: str, direction: Direction) -> list[Intent]:
    """All intents of a lane: what is being created just now, or was when a worker died."""
    rows = connection.execute(_ALL, {"at_mapping": mapping, "direction": direction.value})
    return [_intent(row) for row in rows]


def declare(connection: Connection, intents: Sequence[Intent]) -> None:
    """Add intents of records that have none."""
    many_rows.insert(
        connection,
        _TABLE,
        [
            {
                **values_of(intent.key),
                "created_id": intent.created_id,
                "values": intent.values,
                "at": intent.at,
            }
            for intent in intents
        ],
    )


def outstanding(connection: Connection, keys: Iterable[OperationKey]) -> frozenset[OperationKey]:
    """Which of these records have an intent."""
    return frozenset(
        OperationKey(mapping, Direction(direction), record_id)
        for lane in by_lane(keys)
        for mapping, direction, record_id in connection.execute(_OUTSTANDING, lane)
    )


def fulfil(connection: Connection, keys: Iterable[OperationKey]) -> None:
    """These rows are coupled, or will not be created: nothing to look for any more."""
    for lane in by_lane(keys):
        connection.execute(_FULFIL, lane)


def _intent(row: Any) -> Intent:
    key = OperationKey(row.mapping, Direction(row.direction), row.record_id)
    return Intent(key, row.created_id, row.values, row.at)
