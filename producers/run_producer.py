"""Carrying out a run: produce portion by portion, wait until all of it is processed, heed pause and cancel.

All that counts is in the ledger, so that a run goes on where it was whenever its process dies::

    ask for the next portion           of one table: a page of rows, and the cursor behind it
    register its rows, move the cursor one transaction, with the heartbeat
    publish its events                 and wait for the acknowledgement

A process that dies between the last two leaves rows that are registered but were never published. Therefore whoever
starts, resumes, or had trouble publishes again whatever is registered and has no outcome yet. An event twice on the
topic counts once; one that is missing would hold its table for ever.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TypeAlias

from sqlalchemy import Connection

from engine.backoff import delay
from engine.ledger import mapping_states, run_leases, runs
from engine.ledger.database import read, write
from engine.ledger.run_leases import LeaseLost, RunLease
from engine.ledger.runs import Run, RunState, RunTable
from producers.context import ProducerContext
from producers.portion import Portion, Portions
from schemas.errors import Retry, Stop

POLL = 0.5
"""Seconds between two looks into the ledger while there is nothing to produce."""

_BEAT = timedelta(seconds=5)

OnProgress: TypeAlias = Callable[[Run], None]
"""Hears of a run as it moves on: its state, and per table what was produced and processed so far."""


def nobody(_: Run) -> None:
    """Who listens where nobody does."""


class RunProducer:
    """Carries out one run, with the lease on it."""

    def __init__(self, context: ProducerContext, lease: RunLease, portions: Portions, on_progress: OnProgress) -> None:
        self._context = context
        self._lease = lease
        self._portions = portions
        self._on_progress = on_progress
        self._complete = False  # whether everything registered is known to be on the topic
        self._failures = 0
        self._held_until: datetime | None = None
        self._beat_at: datetime | None = None

    def carry_out(self) -> Run:
        """Until every table is over, or the run is cancelled. Transient trouble is waited for.

        Raises:
            Stop: not allowed to read the ledger or to publish, or another process has taken the run over. The run can
                be resumed.
        """
        while True:
            moved = False
            try:
                run = self._look()
                self._on_progress(run)
                if run.state.over or all(table.state.over for table in run.tables):
                    return run
                moved = self._finish(run) or (self._may_produce(run) and self._produce(run))
            except _Over:
                moved = True  # on to the next look, which finds it over
            except Retry as error:
                self._failures += 1
                self._held_until = self._context.clock() + timedelta(seconds=delay(self._failures, error))
            if not moved:
                self._context.wait(POLL)

    def _look(self) -> Run:
        with read(self._context.database) as connection:
            run = runs.load(connection, self._lease.run_id)
        if run is None:
            raise Stop(f"run {self._lease.run_id} is not in the ledger any more; start a new one")
        now = self._context.clock()
        if not run.state.over and (self._beat_at is None or now - self._beat_at >= _BEAT):
            with self._writing():
                pass
        return run

    def _finish(self, run: Run) -> bool:
        """Finish tables that are processed; whether there were any."""
        done = [
            table
            for table in run.tables
            if not table.state.over and table.read_out and table.processed >= table.produced
        ]
        if not done:
            return False
        with self._writing() as connection:
            for table in done:
                table.state, table.finished_at = RunState.FINISHED, self._context.clock()
                runs.save_table(connection, run.id, table)
                if table.watermark is not None:
                    # What changed while the run was reading may not have been seen by it.
                    to = min(table.watermark, run.started_at)
                    mapping_states.advance_watermark(connection, table.mapping, table.direction.source, to)
        return True

    def _may_produce(self, run: Run) -> bool:
        held = self._held_until is not None and self._context.clock() < self._held_until
        return run.state is RunState.IN_PROCESS and not held

    def _produce(self, run: Run) -> bool:
        if not self._complete:
            self._publish_pending(run)
        underway = sum(table.produced - table.processed for table in run.tables)
        portion = self._portions.next(run) if underway < self._context.ahead else None
        self._failures = 0
        if portion is None:
            return False
        self._register(run, portion)
        return True

    def _register(self, run: Run, portion: Portion) -> None:
        self._complete = False
        with self._writing() as connection:
            for (mapping, direction), record_ids in portion.records.items():
                runs.register(connection, run.id, mapping, direction, record_ids)
            for table in portion.tables:
                runs.save_table(connection, run.id, table)
        self._context.publish(portion.events)
        self._complete = True

    def _publish_pending(self, run: Run) -> None:
        for table in run.tables:
            if table.processed < table.produced and not table.state.over:
                for record_ids in self._pending(run, table):
                    self._context.publish(self._portions.events(run, table, record_ids))
        self._complete = True

    def _pending(self, run: Run, table: RunTable) -> Iterator[list[str]]:
        last, limit = "", self._context.page_size
        while True:
            with read(self._context.database) as connection:
                found = runs.pending(connection, run.id, table.mapping, table.direction, after=last, limit=limit)
            if not found:
                return
            yield found
            last = found[-1]

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """A transaction that renews the lease.

        Raises:
            _Over: the run is over; nothing is written.
        """
        now = self._context.clock()
        with write(self._context.database) as connection:
            try:
                state = run_leases.renew(connection, self._lease, now)
            except LeaseLost:
                raise Stop(f"run {self._lease.run_id} is carried out by another process now") from None
            if state.over:
                raise _Over
            yield connection
        self._beat_at = now


class _Over(Exception):
    """Somebody cancelled the run in the meantime."""
