"""One member of a Kafka group: the library's consumer, on a thread of its own.

kafka-python's consumer forgets a rebalance that ends while nobody waits in its ``poll``, and tells the group that
partitions are free as soon as its listener returns. So one thread always waits in ``poll``, and the listener waits,
heartbeats going on, until whoever uses the member has given the partitions up.

A member that the group took for dead would come back claiming what it had, and go on where it was, though others have
had those partitions since. So it ends instead (:class:`MemberLost`), and whoever uses it starts a new one.
"""

from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import suppress
from threading import Condition, Thread
from time import monotonic
from typing import NamedTuple

import kafka
from kafka.consumer.fetcher import ConsumerRecord
from kafka.consumer.subscription_state import AsyncConsumerRebalanceListener
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import KafkaError, RebalanceInProgressError
from kafka.future import Future
from kafka.net.selector import NetworkSelector
from kafka.structs import OffsetAndMetadata

from brokers.kafka.clients import REQUEST_TIMEOUT, Options, milliseconds, opened
from schemas.topics import TopicPartition

_TURN = 0.2
"""Seconds that the thread waits for messages before it looks whether it is to do something else."""

_AHEAD = 500
"""Messages read ahead, at most, besides those of paused partitions."""

_INTEREST = 1.0
"""Seconds that one look at the member keeps it going: its group takes it for dead when nobody looks any more."""

_TIMEOUT = milliseconds(REQUEST_TIMEOUT)


class MemberLost(KafkaError):  # type: ignore[misc]  # the library is not typed
    """The group took the member for dead: others may have its partitions already."""


class Change(NamedTuple):
    """Partitions that come, or that go to another member once they are given up; until then they may be committed."""

    comes: bool
    partitions: frozenset[TopicPartition]
    given_up: Future


class KafkaMember:
    """See the module's docstring. Everything is to be called from one thread, and may raise ``KafkaError``.

    Args:
        instance, session_timeout, poll_timeout: see :class:`consumers.kafka.KafkaSubscriber`.
    """

    def __init__(
        self,
        options: Options,
        partitions: Mapping[str, int],
        group: str,
        *,
        instance: str | None,
        session_timeout: float,
        poll_timeout: float,
    ) -> None:
        """``partitions``: how many the topics have, by name."""
        self.everything = frozenset(TopicPartition(name, n) for name, count in partitions.items() for n in range(count))
        self._changed = Condition()
        self._changes: deque[Change] = deque()
        self._requests: deque[Callable[[], None]] = deque()
        self._ahead: defaultdict[TopicPartition, deque[ConsumerRecord]] = defaultdict(deque)
        self._paused: set[TopicPartition] = set()
        self._failure: Exception | None = None
        self._looked_at = monotonic()
        self._stopping = False
        self._network = NetworkSelector()
        self._consumer: kafka.KafkaConsumer = opened(
            kafka.KafkaConsumer,
            options,
            network=self._network,
            group_id=group,
            group_instance_id=instance,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            partition_assignment_strategy=[_Assignor(self._is_in_group)],
            session_timeout_ms=milliseconds(session_timeout),
            heartbeat_interval_ms=milliseconds(min(3.0, session_timeout / 5)),
            max_poll_interval_ms=milliseconds(poll_timeout),
            fetch_max_wait_ms=milliseconds(_TURN),
        )
        self._consumer.subscribe(list(partitions), listener=_Listener(self._note))
        try:
            self.ends(self.everything)  # else the member might lead the group before it knows the partitions
        except KafkaError:
            self._consumer.close(autocommit=False, timeout_ms=0)
            raise
        self._thread = Thread(target=self._drive, name=f"kafka-{group}", daemon=True)
        self._thread.start()

    def wait(self, timeout: float) -> None:
        """Until there are changes, messages or trouble, ``timeout`` seconds at most."""
        with self._changed:
            self._look()
            self._changed.wait_for(lambda: self._changes or self._failure or self._deliverable(), timeout)

    def changes(self) -> list[Change]:
        """What came and went since it was asked last, in order. Each is to be given to :meth:`follow`.

        Raises:
            MemberLost: close this member, and start another.
        """
        with self._changed:
            self._look()
            if self._failure is not None:
                failure, self._failure = self._failure, None
                raise failure
            changes = list(self._changes)
            self._changes.clear()
        return changes

    def follow(self, change: Change) -> None:
        """Say that whoever uses the member has followed the change: revoked partitions may go."""
        self._network.call_soon_threadsafe(lambda: change.given_up.success(None))

    def take(self, limit: int) -> list[ConsumerRecord]:
        """Messages that are there, beginning with another partition each time so that none starves."""
        taken: list[ConsumerRecord] = []
        with self._changed:
            for where in self._deliverable():
                if len(taken) == limit:
                    break
                records = self._ahead.pop(where)
                taken += [records.popleft() for _ in range(min(len(records), limit - len(taken)))]
                if records:
                    self._ahead[where] = records
            self._changed.notify_all()
        return taken

    def commit(self, positions: Mapping[TopicPartition, int]) -> None:
        """The group goes on at these positions. One request."""
        offsets = {_their(where): OffsetAndMetadata(position, "", -1) for where, position in positions.items()}
        self._consumer.commit(offsets, timeout_ms=_TIMEOUT)

    def pause(self, partitions: Collection[TopicPartition]) -> None:
        """Read no more of these, which the member has."""
        with self._changed:
            self._paused |= set(partitions)
        self._consumer.pause(*_theirs(partitions))

    def resume(self, partitions: Collection[TopicPartition]) -> None:
        """Read on in these, which the member has."""
        self._consumer.resume(*_theirs(partitions))
        with self._changed:
            self._paused -= set(partitions)
            self._changed.notify_all()

    def seek(self, timestamp: int) -> dict[TopicPartition, int]:
        """Read on in each partition at the first message of that time (ms since 1970) or later; where that is.

        Two requests. The member has to have all partitions.

        Raises:
            RebalanceInProgressError: there are changes to follow first.
        """
        theirs = _theirs(self.everything)
        # Asked first: what is published between the two requests must not be passed over.
        ends = self._consumer.end_offsets(theirs, _TIMEOUT)
        found = self._consumer.offsets_for_times(dict.fromkeys(theirs, timestamp), _TIMEOUT)
        offsets = {one: ends[one] if found[one] is None else found[one].offset for one in theirs}

        def go() -> None:
            for partition, offset in offsets.items():
                self._consumer.seek(partition, offset)
            self._ahead.clear()

        self._between_polls(go)
        return {TopicPartition(*partition): offset for partition, offset in offsets.items()}

    def ends(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """The offsets that messages published next will have. One request."""
        ends = self._consumer.end_offsets(_theirs(partitions), _TIMEOUT)
        return {TopicPartition(*partition): end for partition, end in ends.items()}

    def start(self, partition: TopicPartition) -> int:
        """Where the group goes on in a partition. One request, or two."""
        committed: int | None = self._consumer.committed(_their(partition), timeout_ms=_TIMEOUT)
        if committed is not None:
            return committed
        begin: int = self._consumer.beginning_offsets([_their(partition)], _TIMEOUT)[_their(partition)]
        return begin

    def read_to(self, partition: TopicPartition) -> int | None:
        """The offset behind everything read, markers of transactions too.

        ``None``: unknown; messages wait to be taken, or changes to be followed.
        """
        positions: list[int | None] = []

        def look() -> None:
            if not self._ahead.get(partition):
                positions.append(self._consumer.position(_their(partition), timeout_ms=_TIMEOUT))

        with suppress(RebalanceInProgressError):
            self._between_polls(look)
        return positions[0] if positions else None

    def close(self) -> None:
        """Leave the group, unless the member has a lasting name."""
        with self._changed:
            self._stopping = True
            changes = list(self._changes)
            self._changed.notify_all()
        for change in changes:
            self.follow(change)
        self._thread.join()
        self._consumer.close(autocommit=False, timeout_ms=_TIMEOUT)

    def _look(self) -> None:
        self._looked_at = monotonic()
        self._changed.notify_all()

    def _deliverable(self) -> list[TopicPartition]:
        return [where for where, records in self._ahead.items() if records and where not in self._paused]

    def _drive(self) -> None:
        while self._wait_until_wanted():
            while request := self._next_request():
                request()
            try:
                records = self._consumer.poll(milliseconds(_TURN), _AHEAD)
                failure = None
            except Exception as error:  # noqa: BLE001 - raised again for whoever uses the member
                records, failure = {}, error
            with self._changed:
                self._failure = failure
                for partition, of_partition in records.items():
                    self._ahead[TopicPartition(*partition)].extend(of_partition)
                self._changed.notify_all()

    def _next_request(self) -> Callable[[], None] | None:
        with self._changed:
            return self._requests.popleft() if self._requests else None

    def _wait_until_wanted(self) -> bool:
        def is_wanted() -> bool:
            ahead = sum(len(self._ahead[where]) for where in self._deliverable())
            looked = monotonic() - self._looked_at < _INTEREST
            return self._stopping or bool(self._requests) or (looked and ahead < _AHEAD and self._failure is None)

        with self._changed:
            self._changed.wait_for(is_wanted)
            return not self._stopping

    def _between_polls(self, work: Callable[[], None]) -> None:
        """Have ``work`` done while nobody waits in the library's ``poll``; returns when it is done.

        Raises:
            RebalanceInProgressError: it was not; the thread may be waiting until changes are followed.
        """
        done = Future()

        def request() -> None:
            try:
                work()
                done.success(None)
            except Exception as error:  # noqa: BLE001 - raised again below
                done.failure(error)
            with self._changed:
                self._changed.notify_all()

        with self._changed:
            self._requests.append(request)
            self._changed.notify_all()
            self._changed.wait_for(lambda: done.is_done or self._changes)
            if not done.is_done and request in self._requests:
                self._requests.remove(request)
                raise RebalanceInProgressError
            self._changed.wait_for(lambda: done.is_done)
        if done.exception is not None:
            raise done.exception

    def _is_in_group(self) -> bool:
        generation: int = self._consumer.group_metadata().generation_id
        return generation >= 0

    async def _note(self, comes: bool, partitions: Iterable[kafka.TopicPartition]) -> None:
        """Called on the library's thread, which must not be held up."""
        change = Change(comes, frozenset(TopicPartition(*one) for one in partitions), Future())
        with self._changed:
            if self._stopping:
                return
            if not comes:
                for where in change.partitions:
                    self._ahead.pop(where, None)
                self._paused -= change.partitions
            self._changes.append(change)
            self._changed.notify_all()
        if not comes:
            await change.given_up


class _Listener(AsyncConsumerRebalanceListener):  # type: ignore[misc]  # the library is not typed
    """Hears of rebalances on the library's thread."""

    def __init__(self, note: Callable[[bool, Iterable[kafka.TopicPartition]], Awaitable[None]]) -> None:
        self._note = note

    async def on_partitions_revoked(self, revoked: Iterable[kafka.TopicPartition]) -> None:
        await self._note(False, revoked)

    async def on_partitions_assigned(self, assigned: Iterable[kafka.TopicPartition]) -> None:
        await self._note(True, assigned)

    async def on_partitions_lost(self, lost: Iterable[kafka.TopicPartition]) -> None:
        """The member ends when it would join again."""


class _Assignor(CooperativeStickyAssignor):  # type: ignore[misc]  # the library is not typed
    """Has a member that is out of its group end, rather than claim what it had there."""

    def __init__(self, is_in_group: Callable[[], bool]) -> None:
        super().__init__()
        self._is_in_group = is_in_group

    def metadata(self, topics: Iterable[str]) -> object:
        """What the member tells the group as it joins."""
        if self.member_assignment and not self._is_in_group():
            raise MemberLost
        return super().metadata(topics)


def _their(where: TopicPartition) -> kafka.TopicPartition:
    return kafka.TopicPartition(where.topic, where.partition)


def _theirs(partitions: Iterable[TopicPartition]) -> list[kafka.TopicPartition]:
    return [_their(where) for where in partitions]
