"""Sync modified: the rows that changed since the mapping's watermark, in dependency order.

A watermark belongs to one side of a mapping and moves when a run has finished that side's table. Deletions leave no
row to find: a sweep of the whole table finds them.
"""

from collections.abc import Collection
from datetime import timedelta

from engine.ledger import mapping_states
from engine.ledger.database import write
from engine.ledger.run_leases import RunLease
from engine.ledger.runs import Run, RunKind
from producers import run_lifecycle
from producers.context import ProducerContext
from producers.run_plan import chosen, new_run, tables_of
from producers.run_producer import OnProgress, RunProducer, nobody
from producers.verdict import Verdict
from producers.waves import Waves
from schemas.change_event import ChangeKind

OVERLAP = timedelta(seconds=30)
"""How far before a given time reading starts: clocks differ, Dataverse counts whole seconds, and a change shows a
little later than the time it carries."""


def start(
    context: ProducerContext,
    names: Collection[str] | None = None,
    *,
    overlap: timedelta = OVERLAP,
    on_progress: OnProgress = nobody,
) -> Verdict:
    """Carry out a sync modified to its end. Without a watermark, all rows count as modified.

    Interrupted ones are cancelled: their watermarks have not moved, so this one does their work.

    Args:
        names: of mappings; ``None``: all.

    Raises:
        Retry: the ledger is away; nothing was begun.
        Stop: another one is under way (the text names it), there is no such mapping, or the ledger or topic refuses.
            One that was begun can be resumed.
    """
    tables = tables_of(chosen(context.mappings, names))
    now = context.clock()
    with write(context.database) as connection:
        watermarks = mapping_states.watermarks(connection)
        since = [
            (mapping, direction.source, watermarks[mapping, direction.source] - overlap)
            for mapping, direction in tables
            if (mapping, direction.source) in watermarks
        ]
        run = new_run(context.new_id(), RunKind.SYNC_MODIFIED, tables, now, since=since)
        lease = run_lifecycle.begin_alone(connection, run)
    return _carry_out(context, run, lease, on_progress)


def resume(context: ProducerContext, run_id: str, *, on_progress: OnProgress = nobody) -> Verdict:
    """Go on with a sync modified whose process died, where it was.

    Raises:
        Stop: there is none of this id, it is over, or another process carries it out; else as for :func:`start`.
    """
    with write(context.database) as connection:
        run, lease = run_lifecycle.resume(connection, RunKind.SYNC_MODIFIED, run_id, context.clock())
    return _carry_out(context, run, lease, on_progress)


def _carry_out(context: ProducerContext, run: Run, lease: RunLease, on_progress: OnProgress) -> Verdict:
    with run_lifecycle.left_on_errors(context, lease):
        run = RunProducer(context, lease, Waves(context, ChangeKind.MODIFIED), on_progress).carry_out()
        return run_lifecycle.end(context, lease, run)
