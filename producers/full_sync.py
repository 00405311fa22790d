"""Full sync: every row of every mapping, coupled or not, in dependency order; rows that are missing are created.

``only_coupled`` is cleared while it runs. What holds afterwards is the closing question: *yes*, the running flow
creates rows from now on; *no*, it does what the mapping file says. Unanswered, each mapping is as it was before.
"""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import Connection, Engine

from engine.ledger import mapping_states, run_leases
from engine.ledger.database import read, write
from engine.ledger.run_leases import RunLease
from engine.ledger.runs import Run, RunKind
from producers import run_lifecycle
from producers.context import ProducerContext
from producers.run_plan import chosen, new_run, options_of, tables_of
from producers.run_producer import OnProgress, RunProducer, nobody
from producers.verdict import Verdict
from producers.waves import Waves
from schemas.change_event import ChangeKind
from schemas.errors import Stop

Ask: TypeAlias = Callable[[Verdict], bool]
"""The closing question, asked when all tables are over: whether the running flow creates rows from now on."""


def start(
    context: ProducerContext,
    names: Collection[str] | None = None,
    *,
    overwrite: bool = False,
    allow_create: bool | None = None,
    ask: Ask | None = None,
    on_progress: OnProgress = nobody,
) -> Verdict:
    """Carry out a full sync to its end. ``on_progress`` hears its id before anything is produced.

    Args:
        names: of mappings; ``None``: all.
        overwrite: coupled rows are written over, whatever changed on the other side.
        allow_create: the answer to the closing question; ``None``: ``ask`` is asked.

    Raises:
        Retry: the ledger is away; nothing was begun.
        Stop: another full sync is not over (the text names it), there is no such mapping, or the ledger or topic
            refuses. One that was begun can be resumed.
    """
    tables = tables_of(chosen(context.mappings, names))
    now = context.clock()
    run = new_run(context.new_id(), RunKind.FULL_SYNC, tables, now, overwrite=overwrite, allow_create=allow_create)
    with write(context.database) as connection:
        _refuse_second(connection, now)
        lease = run_leases.begin(connection, run)
        mapping_states.clear_only_coupled(connection, _names(run), run.id)
    return _carry_out(context, run, lease, ask, on_progress)


def resume(
    context: ProducerContext, run_id: str, *, ask: Ask | None = None, on_progress: OnProgress = nobody
) -> Verdict:
    """Go on with a full sync whose process died, where it was. Arguments as for :func:`start`.

    Raises:
        Stop: there is none of this id, it is over, or another process carries it out; else as for :func:`start`.
    """
    with write(context.database) as connection:
        run, lease = run_lifecycle.resume(connection, RunKind.FULL_SYNC, run_id, context.clock())
        mapping_states.clear_only_coupled(connection, _names(run), run.id)
    return _carry_out(context, run, lease, ask, on_progress)


def restore_after_crash(database: Engine, now: datetime) -> list[str]:
    """Put only-coupled back to what it was before full syncs whose process died; their ids. At the start of a process.

    Raises:
        Retry, Stop: of the ledger.
    """
    with read(database) as connection:
        clearing = mapping_states.clearing_runs(connection)
    if not clearing:
        return []
    with write(database) as connection:
        dead = [run_id for run_id in sorted(clearing) if run_leases.is_dead(connection, run_id, now)]
        for run_id in dead:
            mapping_states.restore_only_coupled(connection, run_id)
    return dead


def _carry_out(
    context: ProducerContext, run: Run, lease: RunLease, ask: Ask | None, on_progress: OnProgress
) -> Verdict:
    with run_lifecycle.left_on_errors(context, lease):
        waves = Waves(context, ChangeKind.SYNC_ALL)
        run = RunProducer(context, lease, waves, on_progress).carry_out()
        if run.state.over:
            return run_lifecycle.current(context, run.id)
        allow_create = options_of(run).allow_create
        if allow_create is None and ask is not None:
            allow_create = ask(run_lifecycle.current(context, run.id))

        def answer(connection: Connection) -> None:
            if allow_create:
                mapping_states.keep_cleared(connection, _names(run))
            elif allow_create is False:
                mapping_states.follow_file(connection, _names(run))
            else:
                mapping_states.restore_only_coupled(connection, run.id)

        return run_lifecycle.end(context, lease, run, answer)


def _refuse_second(connection: Connection, now: datetime) -> None:
    for other in run_leases.unfinished(connection, RunKind.FULL_SYNC):
        what = run_lifecycle.title(other)
        if run_leases.is_alive(other, now):
            raise Stop(f"{what} is being carried out: wait for its end, or cancel it", code="run_alive")
        raise Stop(f"{what} was interrupted: resume it, or cancel it", code="run_interrupted")


def _names(run: Run) -> list[str]:
    return sorted({table.mapping for table in run.tables})
