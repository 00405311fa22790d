"""Beginning, resuming, leaving and ending a run: what all kinds of runs have in common."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

from sqlalchemy import Connection

from engine.ledger import mapping_states, run_leases, run_requests, runs
from engine.ledger.database import read, write
from engine.ledger.run_leases import LeaseLost, RunLease
from engine.ledger.runs import Run, RunKind, RunState
from producers.context import ProducerContext
from producers.patience import patiently
from producers.verdict import Verdict, verdict
from schemas.errors import Stop, SyncError


def begin_alone(connection: Connection, run: Run) -> RunLease:
    """Begin a run where no other of its kind is alive; dead ones are cancelled.

    Raises:
        Stop: another one is alive; the text names it.
    """
    for other in run_leases.unfinished(connection, run.kind):
        if run_leases.is_alive(other, run.started_at):
            raise Stop(f"{title(other)} is being carried out: wait for its end, or cancel it", code="run_alive")
        run_requests.cancel(connection, other.id, run.started_at)
    return run_leases.begin(connection, run)


def resume(connection: Connection, kind: RunKind, run_id: str, now: datetime) -> tuple[Run, RunLease]:
    """Take over a run whose process died or left it.

    Raises:
        Stop: no such run, over, or another process carries it out.
    """
    run = runs.load(connection, run_id)
    if run is None or run.kind is not kind:
        raise Stop(f"there is no {_words(kind)} {run_id}; correct its id")
    if run.state.over:
        raise Stop(f"{title(run)} is over ({run.state}); start a new one")
    lease = run_leases.take(connection, run_id, now)
    if lease is None:
        raise Stop(f"{title(run)} is being carried out by another process", code="run_alive")
    return run, lease


@contextmanager
def left_on_errors(context: ProducerContext, lease: RunLease) -> Iterator[None]:
    """Where the block fails, leave the run so that it can be resumed at once, only-coupled as it was before."""
    try:
        yield
    except (Exception, KeyboardInterrupt):
        # Without the ledger, the run counts as left once its heartbeat has grown old.
        with suppress(SyncError, LeaseLost), write(context.database) as connection:
            run_leases.give_up(connection, lease, context.clock())
            mapping_states.restore_only_coupled(connection, lease.run_id)
        raise


def end(
    context: ProducerContext, lease: RunLease, run: Run, also: Callable[[Connection], None] = lambda _: None
) -> Verdict:
    """End a run whose tables are over, unless it was cancelled; ``also`` happens in the same transaction.

    Raises:
        Stop: another process has taken it over.
    """
    blocked = any(table.state in (RunState.ERROR, RunState.BLOCKED) for table in run.tables)

    def write_down() -> None:
        now = context.clock()
        with write(context.database) as connection:
            try:
                over = run_leases.renew(connection, lease, now).over
            except LeaseLost:
                raise Stop(f"{title(run)} is carried out by another process now") from None
            if not over:
                also(connection)
                runs.end(connection, run.id, RunState.ERROR if blocked else RunState.FINISHED, now)

    patiently(write_down, context.wait)
    return current(context, run.id)


def current(context: ProducerContext, run_id: str) -> Verdict:
    """The verdict so far."""

    def look() -> Verdict:
        with read(context.database) as connection:
            return verdict(connection, run_id)

    return patiently(look, context.wait)


def title(run: Run) -> str:
    """What messages call a run."""
    return f"{_words(run.kind)} {run.id} of {run.started_at:%Y-%m-%d %H:%M} UTC"


def _words(kind: RunKind) -> str:
    return kind.replace("_", " ")
