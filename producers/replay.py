"""Replay: what changed in a stretch of a topic is synchronized once more.

Each record gets one new event on the live topic, under its own key: there it keeps its place among the record's other
changes, whichever worker has it. Where the rows have not changed since, nothing is written. Replays are part of the
topic's history too, but a later replay leaves their events out.

A replay that was interrupted is not resumed: start it again, and records that were done are found unchanged.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from engine.ledger import run_leases, run_requests
from engine.ledger.database import write
from engine.ledger.runs import Run, RunKind, RunState, RunTable
from producers import run_lifecycle
from producers.context import ProducerContext
from producers.portion import Portion, Portions
from producers.run_plan import new_run
from producers.run_producer import OnProgress, RunProducer, nobody
from producers.scanned_tables import takers
from producers.stretch import REPLAY_PREFIX, OnStretch, Selection, Stretch, StretchCounts, StretchReader
from producers.verdict import Verdict
from schemas.change_event import ChangeEvent, ChangeKind
from schemas.system import Direction, System
from schemas.topics import Subscriber


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay read, and what came of it; ``verdict`` is ``None`` where nothing was done."""

    counts: StretchCounts
    verdict: Verdict | None


def ignored(_: StretchCounts) -> None:
    """Who listens to the reading where nobody does."""


def replay(
    context: ProducerContext,
    subscriber: Subscriber,
    *,
    begin: datetime,
    end: datetime | None = None,
    tables: Collection[str] | None = None,
    records: Collection[str] | None = None,
    dry_run: bool = False,
    on_read: OnStretch = ignored,
    on_progress: OnProgress = nobody,
) -> Replayed:
    """Read the stretch to its end, then have what changed in it synchronized, and wait until it is.

    Args:
        subscriber: in a group of its own; its positions are moved.
        begin, end: when the broker took the messages: at ``begin`` or later, before ``end``, or before now.
        tables, records: names and ids that count; ``None``: all.
        dry_run: only read and count.

    Raises:
        Retry: the ledger or the live topic is away; replay again.
        Stop: broker or ledger refuse.
        NotImplementedError: the broker keeps no history.
    """
    now = context.clock()
    selection = Selection.of(tables, records)
    until = min(end, now) if end is not None else now
    reader = StretchReader(subscriber, context.mappings, selection, begin=begin, end=until, wait=context.wait)
    stretch = reader.read(on_read)
    if dry_run:
        return Replayed(stretch.counts, None)
    run_id = REPLAY_PREFIX + context.new_id()
    context.publish(
        ChangeEvent(context.new_id(), system, table, None, ChangeKind.COLLECTION, now, since=since, run_id=run_id)
        for (system, table), since in stretch.tables.items()
    )
    verdict = _carry_out(context, run_id, stretch, on_progress) if stretch.records else None
    return Replayed(stretch.counts, verdict)


def _carry_out(context: ProducerContext, run_id: str, stretch: Stretch, on_progress: OnProgress) -> Verdict:
    now = context.clock()
    found = _Found(context, stretch)
    run = new_run(run_id, RunKind.REPLAY, found.run_tables(), now)
    with write(context.database) as connection:
        for other in run_leases.unfinished(connection, RunKind.REPLAY):
            if not run_leases.is_alive(other, now):
                run_requests.cancel(connection, other.id, now)
        lease = run_leases.begin(connection, run)
    with run_lifecycle.left_on_errors(context, lease):
        run = RunProducer(context, lease, found, on_progress).carry_out()
        return run_lifecycle.end(context, lease, run)


class _Found(Portions):
    """The records of a stretch, page by page. All tables of the run move on together: there is no order among them."""

    def __init__(self, context: ProducerContext, stretch: Stretch) -> None:
        self._context = context
        self._stretch = stretch
        self._records = list(stretch.records)

    def run_tables(self) -> list[tuple[str, Direction]]:
        """For each record the mappings that take it: each of them will have an outcome to count."""
        places = {(system, table) for system, table, _ in self._records}
        return sorted(
            (mapping.name, Direction.out_of(system))
            for system, table in places
            for mapping in takers(self._context.mappings, system, table)
        )

    def next(self, run: Run) -> Portion | None:
        """A page of records, one event each, counted for every mapping that takes them."""
        if run.tables[0].read_out:
            return None
        start = int(run.tables[0].cursor or 0)
        page = self._records[start : start + self._context.page_size]
        behind = start + len(page)
        cursor = str(behind) if behind < len(self._records) else None
        now = self._context.clock()
        moved = [
            replace(table, state=RunState.IN_PROCESS, cursor=cursor, started_at=table.started_at or now)
            for table in run.tables
        ]
        records: dict[tuple[str, Direction], list[str]] = defaultdict(list)
        for system, table, record_id in page:
            for mapping in takers(self._context.mappings, system, table):
                records[mapping.name, Direction.out_of(system)].append(record_id)
        return Portion(moved, records, [self._event(run, *record) for record in page])

    def events(self, run: Run, table: RunTable, record_ids: Collection[str]) -> list[ChangeEvent]:
        """One event a record, of the kind that the stretch has."""
        source = table.direction.source
        name = self._context.mappings[table.mapping].table_name(source)
        return [self._event(run, source, name, record_id) for record_id in record_ids]

    def _event(self, run: Run, system: System, table: str, record_id: str) -> ChangeEvent:
        kind = self._stretch.records[system, table, record_id]
        return self._context.event(system, table, record_id, kind, run_id=run.id)
