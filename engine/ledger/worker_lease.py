"""A process's place among those that use the systems: a lease by heartbeat, and with it a share of every API budget.

How shares change hands: ``engine/ledger/budget_shares.py``. A process that dies keeps its shares until its lease is
over; one that lives but cannot reach the database stops using them some seconds earlier.

A heartbeat is one transaction of a few small statements; requests cost none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, select, text, update

from engine.ledger.budget_shares import divide_budget
from engine.ledger.clock import Clock
from engine.ledger.database import write
from engine.ledger.models import table_of
from engine.ledger.worker_tables import WorkerModel
from schemas.budget import DividedBudget
from schemas.system import System

LEASE = timedelta(seconds=15)
"""Without a heartbeat for so long, a process counts as dead. The clocks of all must agree to well within it."""

_USABLE = timedelta(seconds=8)
"""How long shares are used after the heartbeat that granted them. Shorter than the lease, so that requests have ended
when others take the shares; and shorter than any group waits for a member (10 seconds), so that a worker that was
stalled, and wakes up when others have its partitions, sends nothing any more: it might create a row a second time."""

_LOCK = 0x7477696E72776B
"""PostgreSQL advisory lock of whoever divides; on SQLite there is one writer anyway."""

_WORKERS = table_of(WorkerModel)


@dataclass(frozen=True, slots=True)
class Process:
    """Who somebody is: what a person looks for it by."""

    name: str
    host: str
    pid: int
    version: str
    serves: str


@dataclass(frozen=True, slots=True)
class Backlog:
    """Changes taken off the topic and not finished, and the time of the oldest."""

    unfinished: int = 0
    oldest_at: datetime | None = None


class WorkerLease:
    """See the module's docstring. Used by one thread."""

    def __init__(
        self, database: Engine, process: Process, budgets: Mapping[System, DividedBudget], *, clock: Clock
    ) -> None:
        self._database = database
        self._process = process
        self._budgets = budgets
        self._clock = clock
        self._started_at = clock()
        self._id: int | None = None

    def beat(self, backlog: Backlog = Backlog()) -> bool:
        """Join or stay, drop whoever's lease is over, and take what is free of the shares that are this one's.

        False where some are not free yet: they are within a heartbeat of the others.

        Raises:
            Retry, Stop: the database is away or refuses. What was granted before counts until its time is over.
        """
        if self._id is None:
            self._give_up_all()
        with write(self._database) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            now = self._clock()
            self._drop_dead(connection, now)
            worker_id = self._stay(connection, now, backlog)
            if worker_id is None:
                self._give_up_all()  # what it had is not its own any more
                worker_id = self._join(connection, now, backlog)
            divided = [
                (budget, divide_budget(connection, system, budget, worker_id, now))
                for system, budget in self._budgets.items()
            ]
        self._id = worker_id
        usable = (_USABLE - (self._clock() - now)).total_seconds()
        for budget, division in divided:
            budget.grant(division.granted, usable)
        return all(division.complete for _, division in divided)

    def leave(self) -> None:
        """Use nothing more, and let the others have it at once.

        Raises:
            Retry, Stop: the others have it when the lease is over.
        """
        self._give_up_all()
        with write(self._database) as connection:
            connection.execute(delete(_WORKERS).where(_WORKERS.c.id == self._id))
        self._id = None

    def _give_up_all(self) -> None:
        for budget in self._budgets.values():
            budget.give_up({})

    def _drop_dead(self, connection: Connection, now: datetime) -> None:
        dead = select(_WORKERS.c.id).where(_WORKERS.c.last_seen <= now - LEASE)
        if ids := connection.execute(dead).scalars().all():
            connection.execute(delete(_WORKERS).where(_WORKERS.c.id.in_(ids)))

    def _stay(self, connection: Connection, now: datetime, backlog: Backlog) -> int | None:
        if self._id is None:
            return None
        beat = update(_WORKERS).where(_WORKERS.c.id == self._id)
        return self._id if connection.execute(beat.values(_state(now, backlog))).rowcount else None

    def _join(self, connection: Connection, now: datetime, backlog: Backlog) -> int:
        one = self._process
        row = {"name": one.name, "host": one.host, "pid": one.pid, "version": one.version, "serves": one.serves}
        added = insert(_WORKERS).values(row | {"started_at": self._started_at} | _state(now, backlog))
        return int(connection.execute(added.returning(_WORKERS.c.id)).scalar_one())


def _state(now: datetime, backlog: Backlog) -> dict[str, Any]:
    return {"last_seen": now, "unfinished": backlog.unfinished, "oldest_at": backlog.oldest_at}
