"""Intents: rows about to be created in a system that takes no ids from callers.

An intent is in the ledger before the row is posted. Whoever finds one again does not know whether its row exists, and
looks for it by time and fingerprint before creating another.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, tuple_

from engine.ledger.models import IntentModel, table_of

_TABLE = table_of(IntentModel)


@dataclass(frozen=True, slots=True)
class Intent:
    """The row that ``record_id`` of the source is about to become.

    Attributes:
        fingerprint: hash of the values that were to be written.
        at: before the first request.
    """

    mapping: str
    record_id: str
    fingerprint: str
    at: datetime


def load(connection: Connection, mapping: str, ids: Sequence[str]) -> dict[str, Intent]:
    """The intents of these source records. One query, by primary key."""
    rows = connection.execute(select(_TABLE).where(_TABLE.c.mapping == mapping, _TABLE.c.record_id.in_(ids)))
    return {row.record_id: Intent(row.mapping, row.record_id, row.fingerprint, row.at) for row in rows}


def declare(connection: Connection, intents: Sequence[Intent]) -> None:
    """Add, replacing earlier ones of the same records."""
    fulfil(connection, [(intent.mapping, intent.record_id) for intent in intents])
    connection.execute(
        insert(_TABLE),
        [
            {
                "mapping": intent.mapping,
                "record_id": intent.record_id,
                "fingerprint": intent.fingerprint,
                "at": intent.at,
            }
            for intent in intents
        ],
    )


def fulfil(connection: Connection, keys: Iterable[tuple[str, str]]) -> None:
    """These rows are created, or will not be: nothing to look for any more."""
    rows = list(keys)
    if rows:
        connection.execute(delete(_TABLE).where(tuple_(_TABLE.c.mapping, _TABLE.c.record_id).in_(rows)))
