"""One change somewhere, as everything behind intake sees it: which record, what kind, when. Never its values.

An event is a hint that a record deserves a look. Both systems send incomplete, late, doubled and unordered
notifications, so the engine always reads the row; the values that some notifications carry are for people
(``twinrow inspect``) and stay in the parsers.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from schemas.system import System


class ChangeKind(StrEnum):
    """What an event says about its record."""

    MODIFIED = "modified"
    """Created or changed."""
    DELETED = "deleted"
    SYNC_ALL = "sync_all"
    """Full sync met the row: create it on the other side even where only coupled rows are wanted."""
    COLLECTION = "collection"
    """Many rows of a table changed; which ones is for a sweep to find out. Has no record id."""


@dataclass(frozen=True, slots=True)
class ChangeEvent:
    """A change of one record, or (``COLLECTION``) of a table.

    Attributes:
        id: unique per sender; equal for redeliveries of one event where the sender allows to tell.
        system: where the change happened.
        table: the system's own name: BC's entity set (``customers``), Dataverse's logical name (``account``).
        record_id: GUID in lower case, or BC's key text; ``None`` only for ``COLLECTION``.
        kind: see :class:`ChangeKind`.
        time: when the sender says the change happened (UTC, aware). Advisory: the clocks differ.
        since: ``COLLECTION`` only: rows modified after this may have changed; ``None`` means any row, deletes included.
        company: BC only: the company's id in lower case, where the notification names one.
        run_id: the full sync, sync modified or replay that produced the event.
        origin: Dataverse's ``tag`` of the request that caused the change.
        actor: user id (Dataverse: InitiatingUserId) in lower case.
        traceparent, tracestate: W3C trace context.
    """

    id: str
    system: System
    table: str
    record_id: str | None
    kind: ChangeKind
    time: datetime
    since: datetime | None = None
    company: str | None = None
    run_id: str | None = None
    origin: str | None = None
    actor: str | None = None
    traceparent: str | None = None
    tracestate: str | None = None

    @property
    def key(self) -> str:
        """The message key: all events of one record share a partition, hence an order."""
        return record_key(self.system, self.table, self.record_id)


def record_key(system: System, table: str, record_id: str | None) -> str:
    """``system:table:record id``; a whole table has an empty record id."""
    return f"{system.value}:{table}:{record_id or ''}"
