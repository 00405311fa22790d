"""Kafka's subscriber: a member of a consumer group that moves no more partitions than it must."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic

from kafka import errors
from kafka.consumer.fetcher import ConsumerRecord

from brokers.kafka.clients import Options
from brokers.kafka.errors import mapped
from brokers.kafka.topics import KafkaTopics
from consumers.kafka_member import KafkaMember, MemberLost
from consumers.positions import ContiguousPosition
from schemas.errors import Retry, SyncError
from schemas.topics import Message, RevokeListener, Subscriber, TopicPartition

_LOOK_AROUND = 5.0
"""Seconds of silence after which the brokers are asked for a sign of life."""

_EPOCH = datetime.fromtimestamp(0, UTC)
_MILLISECOND = timedelta(milliseconds=1)

_NOT_NOW = (errors.RebalanceInProgressError,)
_MEMBERSHIP_OVER = (errors.CommitFailedError, errors.UnknownMemberIdError, errors.IllegalGenerationError)


@dataclass(slots=True)
class _Held:
    """What was delivered of a partition. ``committed`` is the position that the group knows."""

    read: ContiguousPosition
    committed: int


class KafkaSubscriber(Subscriber):
    """A member of ``group`` that reads ``topics`` of the cluster that ``options`` reach; joins with the first poll.

    A new group starts at the oldest message. While the group shares partitions out anew, what is settled waits, and is
    committed by the poll in which that ends. Deliveries are not counted: ``Message.deliveries`` is always 0.

    Args:
        instance: a lasting name, unique in the group: whoever returns under it within ``session_timeout`` has its
            partitions back, and nobody else's move; closing keeps them, too. ``None``: leaving hands them over.
        session_timeout: seconds without a heartbeat after which the group takes the member for dead.
        poll_timeout: seconds without a :meth:`poll` after which it leaves the group; ``on_revoke`` is then called for
            what was lost already, so that what is underway can be forgotten.
    """

    replayable = True

    def __init__(
        self,
        options: Options,
        topics: Sequence[str],
        group: str,
        on_revoke: RevokeListener | None = None,
        *,
        instance: str | None = None,
        session_timeout: float = 45.0,
        poll_timeout: float = 300.0,
    ) -> None:
        self._options = options
        self._topics = topics
        self._group = group
        self._on_revoke = on_revoke or (lambda _: None)
        self._instance = instance
        self._session_timeout = session_timeout
        self._poll_timeout = poll_timeout
        self._opened: KafkaMember | None = None
        self._held: dict[TopicPartition, _Held] = {}
        self._assigned: set[TopicPartition] = set()
        self._heard_at = 0.0
        self._closed = False

    def poll(self, max_messages: int, timeout: float) -> list[Message]:
        """Besides ``timeout``, the first one waits for the connection. Silence of the brokers shows after 5 seconds."""
        if self._closed:
            raise RuntimeError("this subscriber is closed")
        deadline = monotonic() + timeout
        with mapped(f"reading as a member of group {self._group}"):
            while True:
                self._follow_changes()
                records = self._member.take(max_messages)
                if records:
                    self._heard_at = monotonic()
                    return [self._delivered(record) for record in records]
                left = deadline - monotonic()
                if left <= 0:
                    self._look_around()
                    return []
                self._member.wait(left)

    def settle(self, messages: Iterable[Message]) -> None:
        """One request, and none where no position moves."""
        offsets: defaultdict[TopicPartition, list[int]] = defaultdict(list)
        for message in messages:
            offsets[message.topic_partition].append(message.offset)
        for where in offsets.keys() & self._held.keys():
            self._held[where].read.settled(offsets[where])
        self._commit()

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        """Of partitions that this member has; others are ignored."""
        if chosen := self._assigned & set(partitions):
            self._member.pause(chosen)

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        """At once where messages were read ahead, else within a quarter of a second."""
        if chosen := self._assigned & set(partitions):
            self._member.resume(chosen)

    def assignment(self) -> frozenset[TopicPartition]:
        """As of the last :meth:`poll`."""
        return frozenset(self._assigned)

    def seek(self, at: datetime) -> None:
        """Moves every partition of the topics; waits until this member has them all.

        Raises:
            Retry: another member of the group, perhaps a dead one, still has some of them.
        """
        deadline = monotonic() + self._session_timeout
        with mapped(f"seeking as a member of group {self._group}"):
            self._follow_changes()
            while self._assigned != self._member.everything:
                if monotonic() > deadline:
                    raise Retry(
                        "another member of the reader's group still has partitions; seek again when it has left"
                    )
                self._member.wait(0.1)
                self._follow_changes()
            offsets = self._member.seek(-((_EPOCH - at) // _MILLISECOND))  # rounded up
        self._held = {where: _Held(ContiguousPosition(offset), -1) for where, offset in offsets.items()}

    def lag(self) -> Mapping[TopicPartition, int]:
        """One request, and one more for each partition that nothing was delivered from."""
        if not self._assigned:
            return {}
        with mapped(f"looking at the positions of group {self._group}"):
            ends = self._member.ends(self._assigned)
            return {where: max(0, end - self._position(where, end)) for where, end in ends.items()}

    def close(self) -> None:
        """Without a broker the group waits for the end of the session instead."""
        if self._closed:
            return
        self._closed = True
        try:
            self._give_up(frozenset(self._assigned))
        finally:
            if self._opened is not None:
                with mapped(f"leaving group {self._group}"):
                    self._opened.close()

    @property
    def _member(self) -> KafkaMember:
        if self._opened is None:
            with KafkaTopics(self._options) as topics:
                partitions = {topic: topics.require(topic) for topic in self._topics}
            self._opened = KafkaMember(
                self._options,
                partitions,
                self._group,
                instance=self._instance,
                session_timeout=self._session_timeout,
                poll_timeout=self._poll_timeout,
            )
            self._heard_at = monotonic()
        return self._opened

    def _follow_changes(self) -> None:
        try:
            changes = self._member.changes()
        except MemberLost:
            self._start_anew()
            return
        try:
            for change in changes:
                if change.comes:
                    self._assigned |= change.partitions
                else:
                    self._give_up(change.partitions)
        finally:
            for change in changes:
                self._member.follow(change)
        if changes:
            self._commit()

    def _start_anew(self) -> None:
        """Forget everything, which others may have by now; the next look joins again."""
        member, self._opened = self._member, None
        lost = frozenset(self._assigned)
        self._forget(lost)
        try:
            if lost:
                self._on_revoke(lost)
        finally:
            member.close()

    def _give_up(self, partitions: frozenset[TopicPartition]) -> None:
        """Let the engine settle what it can of these, then forget them."""
        if not partitions:
            return
        try:
            self._on_revoke(partitions)
            with suppress(SyncError):  # what the group could not take when it was settled; else it is delivered again
                self._commit()
        finally:
            self._forget(partitions)

    def _forget(self, partitions: frozenset[TopicPartition]) -> None:
        self._assigned -= partitions
        for where in partitions & self._held.keys():
            del self._held[where]

    def _commit(self) -> None:
        moved = {
            where: held.read.position for where, held in self._held.items() if held.read.position != held.committed
        }
        if not moved:
            return
        try:
            with mapped(f"committing positions of group {self._group}"):
                self._member.commit(moved)
        except SyncError as error:
            if isinstance(error.__cause__, _NOT_NOW + _MEMBERSHIP_OVER):
                return  # a later poll commits them, or hears that they belong to another
            raise
        for where, position in moved.items():
            self._held[where].committed = position

    def _position(self, where: TopicPartition, end: int) -> int:
        """Where the group would go on: behind markers of transactions, where nothing before them is open."""
        held = self._held.get(where)
        if held is None:
            start = self._member.start(where)
            held = self._held[where] = _Held(ContiguousPosition(start), start)
        if held.read.position == held.read.next < end and (behind := self._member.read_to(where)) is not None:
            return max(held.read.next, behind)
        return held.read.position

    def _look_around(self) -> None:
        """The library is silent about brokers that are away: it goes on trying."""
        if monotonic() - self._heard_at >= _LOOK_AROUND:
            self._member.ends(list(self._member.everything)[:1])
            self._heard_at = monotonic()

    def _delivered(self, record: ConsumerRecord) -> Message:
        where = TopicPartition(record.topic, record.partition)
        held = self._held.get(where)
        if held is None:
            held = self._held[where] = _Held(ContiguousPosition(record.offset), record.offset)
        held.read.delivered(record.offset)
        return Message(
            record.topic,
            record.partition,
            record.offset,
            _text(record.key),
            record.value or b"",
            {_text(name): _text(value) for name, value in record.headers},
            _EPOCH + record.timestamp * _MILLISECOND,
        )


def _text(value: bytes | str | None) -> str:
    """As text that a database can keep: whoever published it may have put anything there."""
    text = value.decode(errors="replace") if isinstance(value, bytes) else value or ""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")
