"""A group of the embedded log from outside: one query of its tables."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Engine, and_, case, func, select
from sqlalchemy.orm import aliased

from engine.ledger.clock import Clock
from engine.ledger.database import read
from engine.ledger.log_tables import LogMember, LogMessage, LogPartition, LogPosition
from schemas.errors import Stop
from schemas.group_status import GroupStatus, PartitionStatus

_LEASE = timedelta(seconds=10)
"""How long a member lives after it was last seen."""


class EmbeddedGroupStatus(GroupStatus):
    """See :class:`~schemas.group_status.GroupStatus`. A member lives while its lease does."""

    def __init__(self, engine: Engine, topic: str, group: str, *, clock: Clock) -> None:
        self._engine = engine
        self._topic = topic
        self._group = group
        self._clock = clock

    def partitions(self) -> Sequence[PartitionStatus]:
        """One query."""
        owner, target = aliased(LogMember), aliased(LogMember)
        settled = func.coalesce(LogPosition.position, 0)
        start = case((settled > LogPartition.first_offset, settled), else_=LogPartition.first_offset)
        query = (
            select(
                LogPartition.number,
                (LogPartition.next_offset - start).label("lag"),
                LogMessage.time,
                owner.name.label("owner"),
                owner.last_seen.label("owner_seen"),
                target.name.label("target"),
                target.last_seen.label("target_seen"),
            )
            .outerjoin(
                LogPosition, and_(LogPosition.partition_id == LogPartition.id, LogPosition.group_name == self._group)
            )
            .outerjoin(owner, owner.id == LogPosition.owner_id)
            .outerjoin(target, target.id == LogPosition.target_id)
            .outerjoin(LogMessage, and_(LogMessage.partition_id == LogPartition.id, LogMessage.offset == start))
            .where(LogPartition.topic == self._topic)
            .order_by(LogPartition.number)
        )
        with read(self._engine) as connection:
            rows = connection.execute(query).all()
        if not rows:
            raise Stop(f"There is no topic {self._topic}: start the worker, which makes it.", code="no_topic")
        alive = self._clock() - _LEASE
        return [
            PartitionStatus(
                self._topic,
                row.number,
                _living(row.owner, row.owner_seen, alive) or _living(row.target, row.target_seen, alive),
                row.lag,
                row.time,
            )
            for row in rows
        ]


def _living(name: str | None, seen: datetime | None, since: datetime) -> str | None:
    return name if seen is not None and seen > since else None
