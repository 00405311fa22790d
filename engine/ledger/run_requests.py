"""What people ask of a run while it runs; the process that carries it out sees it within a second or two."""

from datetime import datetime

from sqlalchemy import Connection, update

from engine.ledger import mapping_states, runs
from engine.ledger.models import RunModel, table_of
from engine.ledger.runs import RunState

_RUNS = table_of(RunModel)


def pause(connection: Connection, run_id: str) -> bool:
    """Have no more events produced; those on the topic are still processed. False where it is not in process."""
    return _change(connection, run_id, RunState.IN_PROCESS, RunState.PAUSED)


def go_on(connection: Connection, run_id: str) -> bool:
    """End a pause. False where there is none."""
    return _change(connection, run_id, RunState.PAUSED, RunState.IN_PROCESS)


def cancel(connection: Connection, run_id: str, at: datetime) -> bool:
    """End the run for good, whether its process lives or not; only-coupled is what it was before. False where over.

    Events on the topic are still processed: rows that were written stay written.
    """
    if not runs.end(connection, run_id, RunState.CANCELLED, at):
        return False
    runs.cancel_tables(connection, run_id, at)
    mapping_states.restore_only_coupled(connection, run_id)
    return True


def _change(connection: Connection, run_id: str, before: RunState, after: RunState) -> bool:
    statement = update(_RUNS).where(_RUNS.c.id == run_id, _RUNS.c.state == before.value).values(state=after.value)
    return connection.execute(statement).rowcount == 1
