"""Who works now, and what each does with its share of the API budgets, for people."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from engine.ledger.models import table_of
from engine.ledger.worker_lease import LEASE, Backlog, Process
from engine.ledger.worker_tables import BudgetShareModel, WorkerModel
from schemas.budget import Allowance
from schemas.system import System

_WORKERS, _SHARES = table_of(WorkerModel), table_of(BudgetShareModel)


@dataclass(frozen=True, slots=True)
class BudgetShare:
    """One worker's share of one credential, as of its last heartbeat; see :class:`~schemas.budget.Usage`."""

    system: System
    credential: str
    share: Allowance
    in_use: int
    requests: int
    refused: int
    pace_percent: int
    paused_until: datetime | None


@dataclass(frozen=True, slots=True)
class Worker:
    """A process among the workers, as of its last heartbeat."""

    process: Process
    started_at: datetime
    last_seen: datetime
    backlog: Backlog
    budget: Sequence[BudgetShare]

    def is_alive(self, now: datetime) -> bool:
        """Whether its lease runs."""
        return self.last_seen > now - LEASE


def listed(connection: Connection) -> list[Worker]:
    """All, the longest there first. One that died stays until another one notices."""
    shares: dict[int, list[BudgetShare]] = {}
    for row in connection.execute(select(_SHARES).order_by(_SHARES.c.system, _SHARES.c.credential)):
        share = BudgetShare(
            System(row.system),
            row.credential,
            Allowance(row.at_once, row.per_window),
            row.in_use,
            row.requests,
            row.refused,
            row.pace_percent,
            row.paused_until,
        )
        shares.setdefault(row.worker_id, []).append(share)
    return [
        Worker(
            Process(row.name, row.host, row.pid, row.version, row.serves),
            row.started_at,
            row.last_seen,
            Backlog(row.unfinished, row.oldest_at),
            shares.get(row.id, []),
        )
        for row in connection.execute(select(_WORKERS).order_by(_WORKERS.c.id))
    ]
