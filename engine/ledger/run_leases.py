"""Who carries out a run: one process at a time, told by the run's heartbeat.

The heartbeat is the lease's token, too: a process goes on only where it finds the one that it left itself. One that was
away for long (a laptop asleep) notices that another has taken over before it writes anything.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select, text, update

from engine.ledger import runs
from engine.ledger.models import RunModel, table_of
from engine.ledger.runs import Run, RunKind, RunState

LIFETIME = timedelta(seconds=30)
"""Without a heartbeat for so long, a run's process counts as dead."""

_RUNS = table_of(RunModel)
_START_LOCK = 0x7477696E72756E
"""PostgreSQL advisory lock of whoever starts a run; on SQLite there is one writer anyway."""


class LeaseLost(Exception):
    """Another process carries out the run now."""


@dataclass(slots=True)
class RunLease:
    """The right to carry out a run.

    Attributes:
        beats: what the heartbeat may be as long as nobody else has taken the run. Two, because whether the last
            renewal was committed is not always known.
    """

    run_id: str
    beats: frozenset[datetime]


def is_alive(run: Run, now: datetime) -> bool:
    """Whether some process carries the run out."""
    return not run.state.over and run.heartbeat_at > now - LIFETIME


def begin(connection: Connection, run: Run) -> RunLease:
    """Add a run with its tables; whoever adds it carries it out."""
    runs.start(connection, run)
    return RunLease(run.id, frozenset({run.heartbeat_at}))


def unfinished(connection: Connection, kind: RunKind) -> list[Run]:
    """The runs of this kind that are not over, alive or dead. Nobody starts one until the transaction ends."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _START_LOCK})
    loaded = (runs.load(connection, run_id) for run_id in runs.unfinished(connection))
    return [run for run in loaded if run is not None and run.kind is kind]


def take(connection: Connection, run_id: str, now: datetime) -> RunLease | None:
    """Take over a run whose process is dead; ``None`` where it lives, or the run is over. A pause ends."""
    taken = connection.execute(
        update(_RUNS)
        .where(_RUNS.c.id == run_id, _RUNS.c.finished_at.is_(None), _RUNS.c.heartbeat_at <= now - LIFETIME)
        .values(heartbeat_at=now, state=RunState.IN_PROCESS.value)
    )
    return RunLease(run_id, frozenset({now})) if taken.rowcount else None


def renew(connection: Connection, lease: RunLease, now: datetime) -> RunState:
    """Beat, in the same transaction as what is written for the run; its state, which others may have changed.

    The run is locked: nobody pauses, cancels or takes it until the transaction ends.

    Raises:
        LeaseLost: nothing must be written.
    """
    statement = select(_RUNS.c.heartbeat_at, _RUNS.c.state).where(_RUNS.c.id == lease.run_id).with_for_update()
    found = connection.execute(statement).one()
    if found.heartbeat_at not in lease.beats:
        raise LeaseLost
    state = RunState(found.state)
    if not state.over:
        beat = max(now, found.heartbeat_at)
        lease.beats = frozenset({found.heartbeat_at, beat})
        connection.execute(update(_RUNS).where(_RUNS.c.id == lease.run_id).values(heartbeat_at=beat))
    return state


def give_up(connection: Connection, lease: RunLease, now: datetime) -> None:
    """Leave the run to whoever resumes it, at once.

    Raises:
        LeaseLost: somebody has.
    """
    if not renew(connection, lease, now).over:
        connection.execute(update(_RUNS).where(_RUNS.c.id == lease.run_id).values(heartbeat_at=now - LIFETIME))


def is_dead(connection: Connection, run_id: str, now: datetime) -> bool:
    """Whether nobody carries the run out (any more); it stays so until the transaction ends."""
    statement = select(_RUNS.c.heartbeat_at, _RUNS.c.finished_at).where(_RUNS.c.id == run_id).with_for_update()
    found = connection.execute(statement).one_or_none()
    return found is None or found.finished_at is not None or found.heartbeat_at <= now - LIFETIME
