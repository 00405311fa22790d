"""Integration synchronization jobs: how many records had which outcome, and every failure.

One job per mapping and direction for each run; the running flow has one an hour.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import NAMESPACE_OID, uuid5

from sqlalchemy import Connection, insert, select

from engine.ledger.models import JobErrorModel, JobModel, table_of
from engine.ledger.upsert import insert_or_add
from schemas.outcomes import Outcome
from schemas.system import Direction

_TABLE = table_of(JobModel)


@dataclass(frozen=True, slots=True)
class JobKey:
    """Which job counts an outcome."""

    mapping: str
    direction: Direction
    run_id: str | None

    def id_at(self, moment: datetime) -> str:
        """The job's id: the same for every worker."""
        period = self.run_id or moment.strftime("%Y-%m-%dT%H")
        return str(uuid5(NAMESPACE_OID, f"{self.mapping}/{self.direction.value}/{period}"))


@dataclass(frozen=True, slots=True)
class Job:
    """A job with its counters, by outcome."""

    id: str
    mapping: str
    direction: Direction
    run_id: str | None
    started_at: datetime
    last_at: datetime
    counters: Mapping[Outcome, int]


@dataclass(frozen=True, slots=True)
class JobError:
    """One failure of one record."""

    record_id: str
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class ListedError:
    """One failure, and the job that lists it."""

    job_id: str
    mapping: str
    direction: Direction
    run_id: str | None
    record_id: str
    code: str
    text: str
    at: datetime


def count(
    connection: Connection, key: JobKey, counters: Counter[Outcome], errors: Sequence[JobError], at: datetime
) -> None:
    """Add to a job's counters (they may be negative, where a later outcome replaces an earlier) and list its errors."""
    job_id = key.id_at(at)
    numbers = {outcome.value.lower(): counters[outcome] for outcome in Outcome}
    row = {
        "id": job_id,
        "mapping": key.mapping,
        "direction": key.direction.value,
        "run_id": key.run_id,
        "started_at": at,
        "last_at": at,
        **numbers,
    }
    insert_or_add(connection, _TABLE, row, numbers)
    if errors:
        connection.execute(
            insert(JobErrorModel),
            [
                {"job_id": job_id, "record_id": error.record_id, "code": error.code, "text": error.text, "at": at}
                for error in errors
            ],
        )


def listed(connection: Connection, *, run_id: str | None = None, limit: int = 100) -> list[Job]:
    """The newest jobs first."""
    statement = select(_TABLE).order_by(_TABLE.c.started_at.desc(), _TABLE.c.mapping).limit(limit)
    if run_id:
        statement = statement.where(_TABLE.c.run_id == run_id)
    return [
        Job(
            id=row.id,
            mapping=row.mapping,
            direction=Direction(row.direction),
            run_id=row.run_id,
            started_at=row.started_at,
            last_at=row.last_at,
            counters={outcome: getattr(row, outcome.value.lower()) for outcome in Outcome},
        )
        for row in connection.execute(statement)
    ]


def errors(connection: Connection, *, run_id: str | None = None, limit: int = 100) -> list[ListedError]:
    """The newest failures first."""
    error = table_of(JobErrorModel)
    statement = (
        select(error.c.job_id, _TABLE.c.mapping, _TABLE.c.direction, _TABLE.c.run_id)
        .add_columns(error.c.record_id, error.c.code, error.c.text, error.c.at)
        .join_from(error, _TABLE, _TABLE.c.id == error.c.job_id)
        .order_by(error.c.at.desc(), error.c.id.desc())
        .limit(limit)
    )
    if run_id:
        statement = statement.where(_TABLE.c.run_id == run_id)
    rows = connection.execute(statement).mappings()
    return [ListedError(**{**row, "direction": Direction(row["direction"])}) for row in rows]
