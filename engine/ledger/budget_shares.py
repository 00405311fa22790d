"""The shares of every process in the systems' API budgets, and how they change hands.

In the order of a lock's: whoever has too much gives it up, and says so with its next heartbeat; only then can another
one take it, with its own next heartbeat. All read and write under one lock, so that at no time more is given out than
the limit, whatever each of them believes about who there is.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select

from engine.ledger.division import divide
from engine.ledger.models import table_of
from engine.ledger.worker_tables import BudgetShareModel
from schemas.budget import Allowance, DividedBudget
from schemas.system import System

_TURN = timedelta(seconds=10)
"""How long places stay where they are, if there are fewer than processes."""

_SHARES = table_of(BudgetShareModel)


@dataclass(frozen=True, slots=True)
class Division:
    """What a process gets of one system's budget, by credential.

    Attributes:
        complete: it is all that is due to it; else the rest is still another one's.
    """

    granted: Mapping[str, Allowance]
    complete: bool


def divide_budget(
    connection: Connection, system: System, budget: DividedBudget, worker_id: int, now: datetime
) -> Division:
    """Have ``budget`` give up what is too much, take what is free, and write down both. Under the heartbeats' lock."""
    rows = connection.execute(select(_SHARES).where(_SHARES.c.system == system.value, _SHARES.c.worker_id != worker_id))
    others: dict[str, dict[int, Allowance]] = {credential: {} for credential in budget.credentials}
    for row in rows:
        if row.credential in others:
            others[row.credential][row.worker_id] = Allowance(row.at_once, row.per_window)
    users = {credential: {worker_id, *taken} for credential, taken in others.items()}
    turn = int(now.timestamp() // _TURN.total_seconds())
    due = divide(dict.fromkeys(budget.credentials, budget.limit), users, turn)[worker_id]
    held = budget.give_up(due)
    granted = {
        credential: due[credential].within(_left(budget.limit, taken.values())) for credential, taken in others.items()
    }
    _write(connection, system, budget, worker_id, now, {one: _most(granted[one], held[one]) for one in granted})
    return Division(granted, granted == due)


def _left(limit: Allowance, taken: Collection[Allowance]) -> Allowance:
    """What nobody has."""
    return Allowance(
        max(0, limit.at_once - sum(one.at_once for one in taken)),
        max(0, limit.per_window - sum(one.per_window for one in taken)),
    )


def _most(one: Allowance, other: Allowance) -> Allowance:
    """As much as either."""
    return Allowance(max(one.at_once, other.at_once), max(one.per_window, other.per_window))


def _write(
    connection: Connection,
    system: System,
    budget: DividedBudget,
    worker_id: int,
    now: datetime,
    shares: Mapping[str, Allowance],
) -> None:
    usage = budget.usage()
    rows = [
        {
            "worker_id": worker_id,
            "system": system.value,
            "credential": credential,
            "at_once": share.at_once,
            "per_window": share.per_window,
            "in_use": usage[credential].at_once,
            "requests": usage[credential].requests,
            "refused": usage[credential].refused,
            "pace_percent": round(usage[credential].pace * 100),
            "paused_until": now + timedelta(seconds=usage[credential].paused) if usage[credential].paused else None,
        }
        for credential, share in shares.items()
    ]
    connection.execute(delete(_SHARES).where(_SHARES.c.system == system.value, _SHARES.c.worker_id == worker_id))
    connection.execute(insert(_SHARES), rows)
