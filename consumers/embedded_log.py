"""The embedded log's subscriber: reads the ledger's database; other members of its group may be in other processes."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from time import monotonic

from sqlalchemy import Engine, Integer, Select, bindparam, select, union_all

from consumers.embedded_group import Holding, Membership
from consumers.positions import ContiguousPosition
from engine.ledger.change_probe import ChangeProbe
from engine.ledger.clock import Clock, utc_now
from engine.ledger.database import read
from engine.ledger.log_signal import log_signal
from engine.ledger.log_tables import LogMessage, LogPartition
from engine.ledger.log_topics import offset_at
from schemas import json_codec
from schemas.errors import Retry
from schemas.topics import Message, RevokeListener, Subscriber, TopicPartition

_SHORTEST_WAIT, _LONGEST_WAIT = 0.002, 0.02
"""Seconds between two looks into an idle log; doubled from one to the other."""


@dataclass(slots=True)
class _Held:
    """A partition that this member owns. ``committed`` is the position in the database."""

    id: int
    where: TopicPartition
    read: ContiguousPosition
    committed: int


class EmbeddedSubscriber(Subscriber):
    """A member of ``group``, reading ``topics`` from the database behind ``engine``, which it leaves open.

    A new group starts at the oldest message. ``member`` must be unique in the group at any one time; a process that
    starts anew under the same name takes over at once what its predecessor had. After ``session_timeout`` seconds
    without :meth:`poll` the membership is over: ``on_revoke`` is then called for what was lost already, so that what
    is underway can be forgotten. Deliveries are not counted: ``Message.deliveries`` is always 0.
    """

    replayable = True

    def __init__(
        self,
        engine: Engine,
        topics: Sequence[str],
        group: str,
        member: str,
        on_revoke: RevokeListener | None = None,
        *,
        clock: Clock = utc_now,
        session_timeout: float = 10.0,
        heartbeat: float = 1.0,
    ) -> None:
        """``heartbeat``: seconds between renewals of the membership; a rebalance takes one or two of them."""
        self._engine = engine
        self._on_revoke = on_revoke or (lambda _: None)
        self._clock = clock
        self._heartbeat = timedelta(seconds=heartbeat)
        self._signal = log_signal(engine)
        self._probe = ChangeProbe(engine)
        lease = timedelta(seconds=session_timeout)
        self._membership = Membership(engine, group, member, topics, clock=clock, lease=lease)
        self._member_id: int | None = None
        self._renewed_at: datetime | None = None
        self._waiting = False
        self._held: dict[TopicPartition, _Held] = {}
        self._paused: set[TopicPartition] = set()
        self._turn = 0
        self._wait = _SHORTEST_WAIT
        self._closed = False

    def poll(self, max_messages: int, timeout: float) -> list[Message]:
        """Sees what this process publishes at once, and what others publish within 20 ms."""
        if self._closed:
            raise RuntimeError("this subscriber is closed")
        deadline = monotonic() + timeout
        look = True
        while True:
            seen = self._signal.count
            if self._renewal_due():
                self._renew_membership()
                look = True
            if (self._probe.changed() or look) and (messages := self._fetch(max_messages)):
                self._wait = _SHORTEST_WAIT
                return messages
            look = False
            left = deadline - monotonic()
            if left <= 0:
                return []
            self._signal.wait(seen, min(self._wait, left))
            self._wait = min(2 * self._wait, _LONGEST_WAIT)

    def settle(self, messages: Iterable[Message]) -> None:
        """One transaction, and none where no position moves."""
        offsets: defaultdict[TopicPartition, list[int]] = defaultdict(list)
        for message in messages:
            offsets[message.topic_partition].append(message.offset)
        for where in offsets.keys() & self._held.keys():
            self._held[where].read.settled(offsets[where])
        moved = [held for held in self._held.values() if held.read.position != held.committed]
        if not moved:
            return
        positions = {held.id: held.read.position for held in moved}
        if not self._membership.commit(positions):
            self._renewed_at = None  # the membership was over: find out what is left
        for held in moved:
            held.committed = positions[held.id]

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        """Of partitions that this member has; others are ignored."""
        self._paused |= self._held.keys() & set(partitions)

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        """At once."""
        self._paused -= set(partitions)

    def assignment(self) -> frozenset[TopicPartition]:
        """As of the last :meth:`poll`."""
        return frozenset(self._held)

    def seek(self, at: datetime) -> None:
        """Moves every partition of the topics.

        Raises:
            Retry: another member of the group, perhaps a dead one, still has some of them.
        """
        if not self._renew_membership().complete:
            raise Retry("another member of the reader's group still has partitions; seek again when its lease is over")
        with read(self._engine) as connection:
            for held in self._held.values():
                held.read = ContiguousPosition(offset_at(connection, held.id, at))

    def lag(self) -> Mapping[TopicPartition, int]:
        """One query."""
        ids = [held.id for held in self._held.values()]
        query = select(LogPartition.id, LogPartition.first_offset, LogPartition.next_offset)
        with read(self._engine) as connection:
            ends = {row.id: row for row in connection.execute(query.where(LogPartition.id.in_(ids)))}
        return {
            where: ends[held.id].next_offset - max(ends[held.id].first_offset, held.committed)
            for where, held in self._held.items()
        }

    def close(self) -> None:
        """Without the database the group waits for the end of the lease instead."""
        if self._closed:
            return
        self._closed = True
        try:
            self._revoke(frozenset(self._held))
        finally:
            self._probe.close()
            with suppress(Retry):
                self._membership.leave()

    def _renewal_due(self) -> bool:
        """Sooner where partitions are to come; at once after a jump of the clock, whichever way."""
        if self._renewed_at is None:
            return True
        return abs(self._clock() - self._renewed_at) >= (self._heartbeat / 10 if self._waiting else self._heartbeat)

    def _renew_membership(self) -> Holding:
        now = self._clock()
        holding = self._membership.renew()
        if holding.member_id != self._member_id:
            self._member_id = holding.member_id
            self._lose(frozenset(self._held))
        if holding.unwanted:
            self._revoke(frozenset(where for where, held in self._held.items() if held.id in holding.unwanted))
            self._membership.release(holding.unwanted)
        for owned in holding.kept:
            if owned.where not in self._held:
                self._held[owned.where] = _Held(
                    owned.id, owned.where, ContiguousPosition(owned.position), owned.position
                )
        self._renewed_at, self._waiting = now, holding.waiting
        return holding

    def _revoke(self, partitions: frozenset[TopicPartition]) -> None:
        """Let the engine settle what it can of these, then forget them."""
        if partitions:
            self._on_revoke(partitions)
            self._forget(partitions)

    def _lose(self, partitions: frozenset[TopicPartition]) -> None:
        """Forget these, which others may have by now: what the engine settles of them is ignored."""
        self._forget(partitions)
        if partitions:
            self._on_revoke(partitions)

    def _forget(self, partitions: frozenset[TopicPartition]) -> None:
        self._paused -= partitions
        for where in partitions:
            del self._held[where]

    def _fetch(self, max_messages: int) -> list[Message]:
        """What is there, beginning with another partition each time so that none starves."""
        active = [held for where, held in self._held.items() if where not in self._paused]
        if not active:
            return []
        self._turn += 1
        first = self._turn % len(active)
        parameters: dict[str, int] = {"limit": max_messages}
        for index, held in enumerate(active[first:] + active[:first]):
            parameters[f"partition_{index}"], parameters[f"offset_{index}"] = held.id, held.read.next
        with read(self._engine) as connection:
            rows = connection.execute(_messages(len(active)), parameters).all()
        held_by_id = {held.id: held for held in active}
        messages = []
        for id_, offset, key, body, headers, time in rows:
            held = held_by_id[id_]
            held.read.delivered(offset)
            topic, number = held.where
            messages.append(Message(topic, number, offset, key, body, json_codec.decode(headers), time))
        return messages


@cache
def _messages(partitions: int) -> Select[int, int, str, bytes, str, datetime]:
    """The messages behind an offset in each of so many partitions: a range of the primary key each, read as needed."""
    columns = select(
        LogMessage.partition_id, LogMessage.offset, LogMessage.key, LogMessage.body, LogMessage.headers, LogMessage.time
    )
    limit = bindparam("limit", type_=Integer)
    ranges = [
        columns.where(
            LogMessage.partition_id == bindparam(f"partition_{index}"),
            LogMessage.offset >= bindparam(f"offset_{index}"),
        )
        .order_by(LogMessage.offset)
        .limit(limit)
        .subquery()
        for index in range(partitions)
    ]
    return select(union_all(*(select(part) for part in ranges)).subquery()).limit(limit)
