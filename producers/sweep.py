"""Sweeping a table: an event for every row that may have changed, where nobody said which rows did.

Without a time to start from, all rows may have changed and any may be gone: what is coupled and was not met is reported
as deleted. Events are hints; the engine reads each row, so reporting too many does no harm.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from engine.ledger import couplings
from engine.ledger.couplings import Coupling
from engine.ledger.database import read
from producers.context import ProducerContext
from producers.scanned_tables import ScannedTable, scanned_tables, takers
from producers.sync_modified import OVERLAP
from schemas.change_event import ChangeEvent, ChangeKind
from schemas.row import Row


@dataclass(slots=True)
class SweepProgress:
    """How far a sweep has come.

    Attributes:
        read: rows.
        modified, deleted: events published.
    """

    table: str
    read: int = 0
    modified: int = 0
    deleted: int = 0


OnSweep: TypeAlias = Callable[[SweepProgress], None]
"""Hears of a sweep after every page."""


def nobody(_: SweepProgress) -> None:
    """Who listens where nobody does."""


class Sweep:
    """Sweeps tables. Keeps nothing in between: safe to call from several threads, and again after an error."""

    def __init__(self, context: ProducerContext) -> None:
        self._context = context

    def __call__(self, event: ChangeEvent, on_progress: OnSweep = nobody) -> None:
        """Publish the events that ``event``, of a whole table, stands for; none for a table that nothing maps.

        Raises:
            Retry: the system, the ledger or the topic is away; sweep again.
            Stop: one of them refuses.
            Skip: the system does not know the table.
        """
        progress = SweepProgress(event.table)
        met: set[str] = set()
        for scanned in scanned_tables(self._context.mappings, event.system, event.table):
            for rows in self._pages(scanned, event):
                met.update(row.id for row in rows)
                modified = [row.id for row in rows if scanned.admits(row)]
                self._publish(event, modified, ChangeKind.MODIFIED)
                progress.read += len(rows)
                progress.modified += len(modified)
                on_progress(progress)
        if event.since is None:
            for coupled in self._couplings(event):
                gone = [record_id for one in coupled if (record_id := one.id_in(event.system)) not in met]
                met.update(gone)
                self._publish(event, gone, ChangeKind.DELETED)
                progress.deleted += len(gone)
                on_progress(progress)

    def _pages(self, scanned: ScannedTable, event: ChangeEvent) -> Iterator[Sequence[Row]]:
        system = self._context.systems[event.system]
        since = event.since - OVERLAP if event.since is not None else None
        page = system.scan(scanned.table, since=since, cursor=None, page_size=self._context.page_size)
        yield page.rows
        while page.cursor is not None:
            page = system.scan(scanned.table, since=since, cursor=page.cursor, page_size=self._context.page_size)
            yield page.rows

    def _couplings(self, event: ChangeEvent) -> Iterator[Sequence[Coupling]]:
        for mapping in takers(self._context.mappings, event.system, event.table):
            last: int | None = 0
            while last is not None:
                with read(self._context.database) as connection:
                    page = couplings.page(connection, mapping.name, last, self._context.page_size)
                yield page
                last = page[-1].id if page else None

    def _publish(self, event: ChangeEvent, record_ids: Sequence[str], kind: ChangeKind) -> None:
        """The events of these records, in the trace of ``event``, and as old: latency counts from there."""
        self._context.publish(
            ChangeEvent(
                id=self._context.new_id(),
                system=event.system,
                table=event.table,
                record_id=record_id,
                kind=kind,
                time=event.time,
                company=event.company,
                traceparent=event.traceparent,
                tracestate=event.tracestate,
            )
            for record_id in record_ids
        )
