"""The seam to a system of record: reading and writing rows in batches, conditionally, with a result per row.

Implementations: ``systems/business_central``, ``systems/dataverse``, and ``systems/in_process`` for simulation. Each
passes ``tests/conformance``.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from schemas.errors import SyncError
from schemas.row import Row, Table, Value
from schemas.system import System


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a system can do.

    Attributes:
        batch_limit: rows in one :meth:`RecordSystem.write` or :meth:`RecordSystem.read` call that cost one request.
        concurrency: requests at once that the system allows, all credentials together.
        client_ids: whether the caller chooses the id of a new row, which makes creating idempotent.
        tags: whether a write's tag comes back in the event that it causes.
    """

    batch_limit: int
    concurrency: int
    client_ids: bool
    tags: bool


@dataclass(frozen=True, slots=True)
class Create:
    """A new row. ``id`` is given exactly where the system has ``client_ids``."""

    id: str | None
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Update:
    """Change these columns of a row that still has ``version``; columns not named keep their value."""

    id: str
    version: str
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete a row that still has ``version``."""

    id: str
    version: str


Write: TypeAlias = Create | Update | Delete


@dataclass(frozen=True, slots=True)
class Written:
    """A write that happened. ``row`` is the row afterwards with every readable column; ``None`` after a delete."""

    row: Row | None


@dataclass(frozen=True, slots=True)
class Refused:
    """A write that did not happen (or, for :class:`~schemas.errors.OutcomeUnknown`, may not have).

    ``Reread`` for a precondition (CHANGED, GONE, EXISTS), ``Skip`` for a permanent refusal of this row, ``Retry`` for a
    transient one, ``Stop`` for a missing privilege.
    """

    error: SyncError


WriteResult: TypeAlias = Written | Refused


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a scan. ``cursor`` continues behind it and survives a restart; ``None`` on the last page."""

    rows: Sequence[Row]
    cursor: str | None


class RecordSystem(ABC):
    """One system of record. Safe to call from several threads; every method blocks for its requests, and for each one's
    turn in the system's budget (seconds at most; then ``Retry``, and nothing was sent).

    No method retries on its own, except that a throttled request may go out with another credential: transient trouble
    is ``Retry`` with the wait that the system asked for, and whoever schedules the work decides. All methods raise
    ``Retry`` and ``Stop`` (see :mod:`schemas.errors`).
    """

    system: System
    capabilities: Capabilities

    @abstractmethod
    def read(self, table: Table, ids: Sequence[str]) -> dict[str, Row]:
        """The present rows with these ids; a missing row is absent from the answer. One request per batch."""

    @abstractmethod
    def find(self, table: Table, criteria: Sequence[Mapping[str, Value]]) -> list[list[Row]]:
        """For each criterion the rows whose columns equal all its values, as the system compares (text: ignoring case).

        At most three rows a criterion are returned: none, one, or "more than one" is what callers decide on.
        """

    @abstractmethod
    def scan(self, table: Table, *, since: datetime | None, cursor: str | None, page_size: int) -> Page:
        """A page of all rows, or of those modified at ``since`` or later, oldest modification first where the system
        can order so. Rows that change during the scan may come twice; none that exists throughout is left out.
        Filters are for the caller: the engine tells an excluded row from an unseen one.
        """

    @abstractmethod
    def write(self, table: Table, writes: Sequence[Write], *, tag: str) -> list[WriteResult]:
        """Carry out each write by itself, in order, answering in the same order; one refusal never stops another.

        ``tag`` marks the writes as ours where the system carries tags. ``Retry`` raised by the whole call means that no
        write happened; when that is not certain every item is ``Refused(OutcomeUnknown)`` instead.
        """

    @abstractmethod
    def user_id(self) -> str:
        """The id of the user that writes are made as, in lower case; empty where events never carry a user. Cached."""

    @abstractmethod
    def columns(self, table: Table) -> frozenset[str]:
        """The names of all columns that the system's own description (``$metadata``) gives the table.

        Raises:
            schemas.errors.Skip: the system does not know the table.
        """

    @abstractmethod
    def close(self) -> None:
        """Release connections. Idempotent."""
