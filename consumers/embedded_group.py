"""Consumer groups of the embedded log: who is a member, who reads which partition, how far each has got.

A partition changes hands in two steps. Whoever notices that members came or went writes down who *shall* read it; the
new one takes it once the old one has given it up, or once the old one's lease is over. Every life of a member has an id
of its own, and only the owner's id may move a position: what a member does after it lost a partition has no effect.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, Engine, Select, bindparam, delete, insert, select, update

from consumers.assignment import assign
from engine.ledger.clock import Clock
from engine.ledger.database import write
from engine.ledger.log_tables import LogGroup, LogMember, LogPartition, LogPosition
from engine.ledger.log_topics import partition_ids
from engine.ledger.many_rows import insert_missing
from engine.ledger.models import table_of
from schemas.errors import Stop
from schemas.topics import TopicPartition

_POSITIONS = table_of(LogPosition)
_COMMIT = (
    update(_POSITIONS)
    .where(
        _POSITIONS.c.group_name == bindparam("group"),
        _POSITIONS.c.partition_id == bindparam("partition"),
        _POSITIONS.c.owner_id == bindparam("member"),
    )
    .values(position=bindparam("next"))
)
_GIVE = (
    update(_POSITIONS)
    .where(_POSITIONS.c.group_name == bindparam("group"), _POSITIONS.c.partition_id == bindparam("partition"))
    .values(target_id=bindparam("member"))
)


class Owned(NamedTuple):
    """A partition that a member owns: its id in the database, its name, and the group's position in it."""

    id: int
    where: TopicPartition
    position: int


@dataclass(frozen=True, slots=True)
class Holding:
    """What a member has after renewing its lease.

    Attributes:
        member_id: another one than before means that the lease was over: everything held before is lost.
        kept: partitions that it owns and keeps.
        unwanted: ids of partitions that it owns and has to give up for other members.
        waiting: more partitions come as soon as other members give them up.
        complete: every partition of the topics is kept: there is no other member.
    """

    member_id: int
    kept: Sequence[Owned]
    unwanted: frozenset[int]
    waiting: bool
    complete: bool


class Membership:
    """One member of one group. Every method is one transaction, under a lock of the group where members matter.

    The clocks of all members must agree to well within ``lease``.
    """

    def __init__(
        self,
        engine: Engine,
        group: str,
        member: str,
        topics: Collection[str],
        *,
        clock: Clock,
        lease: timedelta,
    ) -> None:
        self._engine = engine
        self._group = group
        self._member = member
        self._topics = sorted(topics)
        self._clock = clock
        self._lease = lease
        self._id: int | None = None

    def renew(self) -> Holding:
        """Join or stay, drop members whose lease is over, take the partitions that are free for this one.

        Raises:
            Retry: the database is away or locked.
            Stop: no such topic, or another process has joined under the same name.
        """
        with write(self._engine) as connection:
            self._lock(connection)
            now = self._clock()
            member = self._stay(connection, now)
            gone = self._expired(connection, now)
            if member is None or gone:
                held = self._targets(connection)
                if member is None:
                    member = self._join(connection, now)
                connection.execute(delete(LogMember).where(LogMember.id.in_(gone)))
                self._assign(connection, held)
            holding = self._take(connection, member)
        self._id = member
        return holding

    def commit(self, positions: Mapping[int, int]) -> bool:
        """Move positions, by partition id; those of partitions no longer owned stay. Whether all were owned."""
        rows = [
            {"group": self._group, "partition": partition, "member": self._id, "next": position}
            for partition, position in sorted(positions.items())
        ]
        with write(self._engine) as connection:
            return connection.execute(_COMMIT, rows).rowcount == len(rows)

    def release(self, partitions: Collection[int]) -> None:
        """Give these up: the next member may take them."""
        with write(self._engine) as connection:
            mine = update(_POSITIONS).where(
                _POSITIONS.c.group_name == self._group,
                _POSITIONS.c.partition_id.in_(partitions),
                _POSITIONS.c.owner_id == self._id,
            )
            connection.execute(mine.values(owner_id=None))

    def leave(self) -> None:
        """Give up everything and let the other members share it."""
        if self._id is None:
            return
        with write(self._engine) as connection:
            self._lock(connection)
            held = self._targets(connection)
            connection.execute(delete(LogMember).where(LogMember.id == self._id))
            self._assign(connection, held)
        self._id = None

    def _lock(self, connection: Connection) -> None:
        group = select(LogGroup.name).where(LogGroup.name == self._group).with_for_update()
        if connection.scalar(group) is None:
            insert_missing(connection, table_of(LogGroup), [{"name": self._group}])
            connection.execute(group)

    def _stay(self, connection: Connection, now: datetime) -> int | None:
        """This member's id, its lease renewed; ``None`` if it has to join."""
        if self._id is None:
            return None
        renewed = connection.execute(update(LogMember).where(LogMember.id == self._id).values(last_seen=now))
        if renewed.rowcount:
            return self._id
        if connection.scalar(self._namesake()) is not None:
            raise Stop(
                f"another process has joined group {self._group} as member {self._member}; "
                "give every worker a name of its own"
            )
        return None

    def _join(self, connection: Connection, now: datetime) -> int:
        """A new life. A former one under this name, of a process that ended without leaving, is over."""
        connection.execute(delete(LogMember).where(LogMember.id == self._namesake().scalar_subquery()))
        for topic in self._topics:
            ids = partition_ids(connection, topic)
            first = select(LogPartition.id, LogPartition.first_offset).where(LogPartition.id.in_(ids))
            rows = [
                {"group_name": self._group, "partition_id": id_, "position": offset}
                for id_, offset in connection.execute(first)
            ]
            insert_missing(connection, _POSITIONS, rows)
        row = {"group_name": self._group, "name": self._member, "last_seen": now, "topics": self._topics}
        return connection.execute(insert(LogMember).values(row).returning(LogMember.id)).scalar_one()

    def _namesake(self) -> Select[int]:
        return select(LogMember.id).where(LogMember.group_name == self._group, LogMember.name == self._member)

    def _expired(self, connection: Connection, now: datetime) -> Sequence[int]:
        over = select(LogMember.id).where(LogMember.group_name == self._group, LogMember.last_seen < now - self._lease)
        return connection.scalars(over).all()

    def _targets(self, connection: Connection) -> dict[int, str]:
        query = (
            select(LogPosition.partition_id, LogMember.name)
            .join(LogMember, LogMember.id == LogPosition.target_id)
            .where(LogPosition.group_name == self._group)
        )
        return dict(connection.execute(query).all())

    def _assign(self, connection: Connection, held: Mapping[int, str]) -> None:
        members = connection.execute(
            select(LogMember.name, LogMember.id, LogMember.topics).where(LogMember.group_name == self._group)
        ).all()
        partitions = connection.execute(
            select(LogPartition.id, LogPartition.topic)
            .join(LogPosition, LogPosition.partition_id == LogPartition.id)
            .where(LogPosition.group_name == self._group)
        )
        targets = assign(dict(partitions.all()), {row.name: row.topics for row in members}, held)
        ids = {row.name: row.id for row in members}
        rows = [{"group": self._group, "partition": id_, "member": ids[targets[id_]]} for id_ in sorted(targets)]
        if rows:
            connection.execute(_GIVE, rows)

    def _take(self, connection: Connection, member: int) -> Holding:
        of_group = LogPosition.group_name == self._group
        free = update(LogPosition).where(of_group, LogPosition.target_id == member, LogPosition.owner_id.is_(None))
        connection.execute(free.values(owner_id=member))
        rows = connection.execute(
            select(LogPosition, LogPartition.topic, LogPartition.number)
            .join(LogPartition, LogPartition.id == LogPosition.partition_id)
            .where(of_group, LogPartition.topic.in_(self._topics))
            .order_by(LogPartition.id)
        ).all()
        owned = [row for row in rows if row.owner_id == member]
        kept = [row for row in owned if row.target_id == member]
        return Holding(
            member_id=member,
            kept=[Owned(row.partition_id, TopicPartition(row.topic, row.number), row.position) for row in kept],
            unwanted=frozenset(row.partition_id for row in owned if row.target_id != member),
            waiting=any(row.target_id == member != row.owner_id for row in rows),
            complete=len(kept) == len(rows),
        )
