"""How everything stands: gathered once, from the ledger and the broker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from engine.ledger import open_operations, run_leases, runs, worker_list
from engine.ledger.database import read
from engine.ledger.open_operations import OpenStatus
from engine.ledger.runs import Run
from engine.ledger.worker_list import Worker
from schemas.group_status import GroupStatus, PartitionStatus


@dataclass(frozen=True, slots=True)
class Findings:
    """See the module's docstring.

    Attributes:
        partitions: of the topic that changes arrive on.
        open_operations: how many there are, by status.
        runs: the unfinished ones.
    """

    now: datetime
    workers: Sequence[Worker]
    partitions: Sequence[PartitionStatus]
    open_operations: Mapping[OpenStatus, int]
    runs: Sequence[Run]

    @property
    def oldest_at(self) -> datetime | None:
        """Time of the oldest change that is not finished, on the topic or in a worker."""
        in_workers = [one.backlog.oldest_at for one in self.workers if one.is_alive(self.now)]
        times = [time for time in (*in_workers, *(one.oldest_at for one in self.partitions)) if time is not None]
        return min(times, default=None)

    def is_carried_out(self, run: Run) -> bool:
        """Whether a process carries the run out."""
        return run_leases.is_alive(run, self.now)


def find(database: Engine, group: GroupStatus, now: datetime) -> Findings:
    """Look.

    Raises:
        Retry, Stop: database or broker are away, or refuse.
    """
    partitions = group.partitions()
    with read(database) as connection:
        unfinished = (runs.load(connection, run_id) for run_id in runs.unfinished(connection))
        return Findings(
            now,
            worker_list.listed(connection),
            partitions,
            open_operations.counted(connection),
            [run for run in unfinished if run is not None],
        )
