"""Dead letters: messages that could not be read as a change, kept as they came, with the reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, delete, select

from engine.ledger.many_rows import insert_missing
from engine.ledger.models import DeadLetterModel, table_of
from schemas.errors import DeadLetter
from schemas.topics import Message

_TABLE = table_of(DeadLetterModel)


@dataclass(frozen=True, slots=True)
class KeptDeadLetter:
    """A dead letter in the ledger. ``reason`` is short and stable, ``text`` says what to do."""

    id: int
    topic: str
    partition: int
    offset: int
    key: str
    body: bytes = field(repr=False)  # may hold personal data
    headers: Mapping[str, str]
    reason: str
    text: str
    at: datetime


def keep(connection: Connection, letters: Sequence[tuple[Message, DeadLetter]], at: datetime) -> None:
    """Keep messages; one that is delivered again is kept once."""
    insert_missing(
        connection,
        _TABLE,
        [
            {
                "topic": message.topic,
                "partition": message.partition,
                "offset": message.offset,
                "key": message.key,
                "body": message.body,
                "headers": dict(message.headers),
                "reason": error.code,
                "text": error.text,
                "at": at,
            }
            for message, error in letters
        ],
    )


def listed(connection: Connection, *, limit: int = 100) -> list[KeptDeadLetter]:
    """The oldest first."""
    statement = select(_TABLE).order_by(_TABLE.c.id).limit(limit)
    return [KeptDeadLetter(**row) for row in connection.execute(statement).mappings()]


def load(connection: Connection, ids: Sequence[int]) -> list[KeptDeadLetter]:
    """These dead letters; an unknown id is left out."""
    statement = select(_TABLE).where(_TABLE.c.id.in_(ids)).order_by(_TABLE.c.id)
    return [KeptDeadLetter(**row) for row in connection.execute(statement).mappings()]


def remove(connection: Connection, ids: Sequence[int]) -> int:
    """Forget these; the number that was there."""
    return connection.execute(delete(_TABLE).where(_TABLE.c.id.in_(ids))).rowcount
