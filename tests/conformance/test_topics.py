"""What every broker's publisher and subscriber promise. A new broker joins with an entry in ``_BROKERS``."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing import get_context
from threading import Thread
from time import monotonic
from zlib import crc32

import pytest

from schemas.errors import Skip, Stop
from schemas.topics import Message, OutgoingMessage, Publisher, Subscriber, TopicPartition
from tests.support.brokers import Broker, EmbeddedBroker
from tests.support.eventually import eventually
from tests.support.kafka.broker import KafkaBroker
from tests.support.service_bus_broker import ServiceBusBroker
from tests.support.topic_workers import publish_numbers, report_numbers


def _embedded(kind: str) -> Callable[[pytest.FixtureRequest], Iterator[Broker]]:
    def made(request: pytest.FixtureRequest) -> Iterator[Broker]:
        with request.getfixturevalue(f"{kind}_databases").fresh() as url:
            yield EmbeddedBroker(url)

    return made


def _kafka(request: pytest.FixtureRequest) -> Iterator[Broker]:
    yield KafkaBroker(request.getfixturevalue("kafka").bootstrap)


def _service_bus(request: pytest.FixtureRequest) -> Iterator[Broker]:
    yield ServiceBusBroker(request.getfixturevalue("service_bus_namespace"))


_BROKERS: dict[str, Callable[[pytest.FixtureRequest], Iterator[Broker]]] = {
    "embedded-sqlite": _embedded("sqlite"),
    "embedded-postgresql": _embedded("postgresql"),
    "kafka": _kafka,
    "service-bus": _service_bus,
}


@pytest.fixture(params=_BROKERS)
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """Each broker in turn, with an empty topic."""
    for made in _BROKERS[request.param](request):
        if gap := made.gaps.get(request.node.originalname):
            request.applymarker(pytest.mark.xfail(strict=True, reason=gap))
        made.create_topic(made.topic, made.partitions)
        yield made
        made.close()


@pytest.fixture
def publisher(broker: Broker) -> Iterator[Publisher]:
    """A publisher on the broker."""
    made = broker.publisher()
    yield made
    made.close()


@dataclass
class Reader:
    """A subscriber that keeps what it was given."""

    subscriber: Subscriber
    partitions: int
    received: list[Message] = field(default_factory=list)
    revoked: list[TopicPartition] = field(default_factory=list)

    @property
    def bodies(self) -> list[bytes]:
        return [message.body for message in self.received]

    def read(self, count: int) -> list[Message]:
        """Poll until so many messages are there, all in all."""
        eventually(lambda: len(self.poll()) >= count)
        return self.received

    def poll(self) -> list[Message]:
        self.received += self.subscriber.poll(100, 0.01)
        return self.received


def _join(broker: Broker, group: str = "group", member: str = "a", *, settle_on_revoke: bool = False) -> Reader:
    def revoke(partitions: frozenset[TopicPartition]) -> None:
        reader.revoked += partitions
        if settle_on_revoke:
            reader.subscriber.settle(reader.received)

    reader = Reader(broker.subscriber([broker.topic], group, member, revoke), broker.partitions)
    return reader


def _messages(count: int, keys: int = 10) -> list[OutgoingMessage]:
    return [OutgoingMessage(f"key-{number % keys}", str(number).encode()) for number in range(count)]


def _numbers(messages: Iterable[Message]) -> list[int]:
    return sorted(int(message.body) for message in messages)


def _share(*readers: Reader) -> None:
    """Poll until every partition has one of these readers, and each reader some partition."""
    assert len(readers) <= readers[0].partitions, "there are not enough partitions"

    def shared() -> bool:
        for reader in readers:
            reader.poll()
        assignments = [reader.subscriber.assignment() for reader in readers]
        return (
            all(assignments)
            and sum(map(len, assignments)) == len(frozenset().union(*assignments)) == readers[0].partitions
        )

    eventually(shared)


def _left_over(broker: Broker, group: str = "group") -> list[Message]:
    """What a new member is given once the others are gone."""
    reader = _join(broker, group, "successor")
    _share(reader)
    while reader.subscriber.lag() and len(reader.received) < sum(reader.subscriber.lag().values()):
        reader.poll()
    reader.subscriber.close()
    return reader.received


def test_messages_arrive_as_they_were_published(broker: Broker, publisher: Publisher) -> None:
    before = datetime.now(UTC)
    sent = [
        OutgoingMessage("business_central:customers:Zoë/東京", "żółć\0".encode(), {"ce_id": "1", "näme": "välue 🏡"}),
        OutgoingMessage("", b"", {}),
    ]
    publisher.publish(broker.topic, sent)
    received = {message.key: message for message in _join(broker).read(2)}
    for expected in sent:
        message = received[expected.key]
        assert (message.topic, message.body, message.headers) == (broker.topic, expected.body, expected.headers)
        assert message.deliveries == 0
        assert message.time.tzinfo is not None
        assert abs((message.time - before).total_seconds()) < 60


def test_messages_of_one_key_keep_their_order(broker: Broker, publisher: Publisher) -> None:
    for start in range(0, 300, 30):
        publisher.publish(broker.topic, _messages(300)[start : start + 30])
    by_key: defaultdict[str, list[int]] = defaultdict(list)
    partitions: defaultdict[str, set[int]] = defaultdict(set)
    for message in _join(broker).read(300):
        by_key[message.key].append(int(message.body))
        partitions[message.key].add(message.partition)
    assert all(numbers == sorted(numbers) for numbers in by_key.values())
    assert all(len(numbers) == 1 for numbers in partitions.values())
    assert len(frozenset().union(*partitions.values())) > 1 or broker.partitions == 1, "keys are spread"


def test_offsets_grow_within_a_partition(broker: Broker, publisher: Publisher) -> None:
    publisher.publish(broker.topic, _messages(100))
    offsets: defaultdict[int, list[int]] = defaultdict(list)
    for message in _join(broker).read(100):
        offsets[message.partition].append(message.offset)
    assert all(numbers == sorted(set(numbers)) for numbers in offsets.values())


def test_large_messages_arrive_whole(broker: Broker, publisher: Publisher) -> None:
    body = (bytes(range(256)) * 8_000)[: broker.max_body]
    publisher.publish(broker.topic, [OutgoingMessage("large", body)])
    assert _join(broker).read(1)[0].body == body


def test_a_message_that_is_too_large_is_refused_and_takes_nothing_with_it(broker: Broker, publisher: Publisher) -> None:
    good, bad = OutgoingMessage("good", b"1"), OutgoingMessage("bad-key", bytes(broker.max_body + 1))
    with pytest.raises(Skip, match="bad-key"):
        publisher.publish(broker.topic, [good, bad])
    publisher.publish(broker.topic, [OutgoingMessage("next", b"2")])
    assert _join(broker).read(1)[0].key == "next"


def test_publishing_to_an_unknown_topic_stops(publisher: Publisher) -> None:
    with pytest.raises(Stop, match="nowhere"):
        publisher.publish("nowhere", _messages(1))


def test_reading_an_unknown_topic_stops(broker: Broker) -> None:
    with pytest.raises(Stop, match="nowhere"):
        broker.subscriber(["nowhere"], "group", "a").poll(1, 1.0)


def test_publishing_nothing_is_fine(broker: Broker, publisher: Publisher) -> None:
    publisher.publish(broker.topic, [])
    assert _join(broker).subscriber.poll(1, 0.05) == []


def test_poll_gives_no_more_than_asked_for_and_starves_no_partition(broker: Broker, publisher: Publisher) -> None:
    publisher.publish(broker.topic, _messages(200))
    subscriber = _join(broker).subscriber
    polled = [eventually(lambda: subscriber.poll(5, 0.01)) for _ in range(8)]
    assert all(len(messages) <= 5 for messages in polled)
    assert len({message.partition for messages in polled for message in messages}) > 1 or broker.partitions == 1


def test_poll_waits_no_longer_than_told(broker: Broker) -> None:
    reader = _join(broker)
    _share(reader)
    start = monotonic()
    assert reader.subscriber.poll(10, 0.2) == []
    assert 0.19 <= monotonic() - start < 5


def test_poll_wakes_when_something_is_published(broker: Broker, publisher: Publisher) -> None:
    reader = _join(broker)
    _share(reader)
    thread = Thread(target=publisher.publish, args=(broker.topic, _messages(1)))
    thread.start()
    start = monotonic()
    assert reader.subscriber.poll(10, 30.0)
    assert monotonic() - start < 10
    thread.join()


def test_what_was_not_settled_is_delivered_again_after_closing(broker: Broker, publisher: Publisher) -> None:
    publisher.publish(broker.topic, _messages(20))
    reader = _join(broker)
    reader.read(20)
    reader.subscriber.close()
    assert _numbers(_left_over(broker)) == list(range(20))


def test_what_was_settled_is_not_delivered_again(broker: Broker, publisher: Publisher) -> None:
    publisher.publish(broker.topic, _messages(20))
    reader = _join(broker)
    reader.subscriber.settle(reader.read(20))
    reader.subscriber.close()
    assert _left_over(broker) == []


def test_messages_are_settled_in_any_order(broker: Broker, publisher: Publisher) -> None:
    publisher.publish(broker.topic, _messages(60))
    reader = _join(broker)
    messages = reader.read(60)
    settled = sorted(messages, key=lambda message: crc32(message.body))[:40]
    for message in settled:
        reader.subscriber.settle([message])
    unsettled = [message for message in messages if message not in settled]
    reader.subscriber.close()
    again = {(message.partition, message.offset) for message in _left_over(broker)}
    assert {(message.partition, message.offset) for message in unsettled} <= again
    first = {
        partition: min(message.offset for message in unsettled if message.partition == partition)
        for partition in {message.partition for message in unsettled}
    }
    assert all(offset >= first[partition] for partition, offset in again), "nothing before the first unsettled"


def test_settling_twice_changes_nothing(broker: Broker, publisher: Publisher) -> None:
    publisher.publish(broker.topic, _messages(10))
    reader = _join(broker)
    messages = reader.read(10)
    reader.subscriber.settle(messages)
    reader.subscriber.settle(messages)
    reader.subscriber.close()
    assert _left_over(broker) == []


def test_groups_read_independently(broker: Broker, publisher: Publisher) -> None:
    publisher.publish(broker.topic, _messages(10))
    first = _join(broker, "first")
    first.subscriber.settle(first.read(10))
    assert _numbers(_join(broker, "second").read(10)) == list(range(10))


def test_two_members_share_the_partitions_and_lose_nothing(broker: Broker, publisher: Publisher) -> None:
    publisher.publish(broker.topic, _messages(50, keys=50))
    first = _join(broker, member="a", settle_on_revoke=True)
    first.read(50)
    before = first.subscriber.assignment()
    second = _join(broker, member="b")
    _share(first, second)
    assert before == {TopicPartition(broker.topic, number) for number in range(broker.partitions)}
    assert set(first.revoked) == second.subscriber.assignment(), "exactly what moved was revoked"
    publisher.publish(
        broker.topic, [OutgoingMessage(f"late-{number}", str(number).encode()) for number in range(50, 100)]
    )
    eventually(lambda: len(first.poll()) + len(second.poll()) >= 100)
    assert _numbers(first.received + second.received) == list(range(100)), "each once: all was settled when revoked"
    assert {message.topic_partition for message in second.received} <= second.subscriber.assignment()


def test_messages_of_one_key_go_to_one_member(broker: Broker, publisher: Publisher) -> None:
    first, second = _join(broker, member="a"), _join(broker, member="b")
    _share(first, second)
    publisher.publish(broker.topic, _messages(20, keys=1))
    eventually(lambda: len(first.poll()) + len(second.poll()) >= 20)
    assert not (first.received and second.received)


def test_what_was_not_settled_when_revoked_goes_to_the_next_member(broker: Broker, publisher: Publisher) -> None:
    publisher.publish(broker.topic, _messages(50, keys=50))
    first = _join(broker, member="a")
    first.read(50)
    second = _join(broker, member="b")
    _share(first, second)
    moved = [message for message in first.received if message.topic_partition in first.revoked]
    assert moved
    eventually(lambda: len(second.poll()) >= len(moved))
    assert _numbers(second.received) == _numbers(moved)


def test_settling_after_the_loss_of_a_partition_is_ignored(broker: Broker, publisher: Publisher) -> None:
    publisher.publish(broker.topic, _messages(50, keys=50))
    first = _join(broker, member="a")
    first.read(50)
    second = _join(broker, member="b")
    _share(first, second)
    moved = [message for message in first.received if message.topic_partition in first.revoked]
    first.subscriber.settle(moved)
    first.subscriber.close()
    second.subscriber.close()
    assert set(_numbers(moved)) <= set(_numbers(_left_over(broker)))


def test_a_member_that_leaves_hands_its_partitions_over(broker: Broker, publisher: Publisher) -> None:
    first, second = _join(broker, member="a"), _join(broker, member="b")
    _share(first, second)
    first.subscriber.close()
    _share(second)
    assert set(first.revoked) | second.subscriber.assignment() == second.subscriber.assignment()
    publisher.publish(broker.topic, _messages(20))
    assert _numbers(second.read(20)) == list(range(20))


def test_what_a_dead_member_had_goes_to_others_when_its_lease_is_over(broker: Broker, publisher: Publisher) -> None:
    publisher.publish(broker.topic, _messages(30, keys=30))
    dead = _join(broker, member="a")
    dead.read(30)
    alive = _join(broker, member="b")
    alive.poll()
    assert alive.received == []
    broker.end_leases()
    assert _numbers(alive.read(30)) == list(range(30))


def test_a_member_taken_for_dead_finds_its_work_ignored_and_joins_again(broker: Broker, publisher: Publisher) -> None:
    publisher.publish(broker.topic, _messages(30, keys=30))
    slow = _join(broker, member="a")
    slow.read(30)
    other = _join(broker, member="b")
    other.poll()
    broker.end_leases()
    other.read(30)
    slow.subscriber.settle(slow.received)
    _share(slow, other)
    assert set(slow.revoked) == {TopicPartition(broker.topic, number) for number in range(broker.partitions)}
    slow.subscriber.close()
    other.subscriber.close()
    assert set(_numbers(_left_over(broker))) == set(range(30)), "nothing that the slow one settled counted"


def test_paused_partitions_deliver_nothing_and_stay(broker: Broker, publisher: Publisher) -> None:
    publisher.publish(broker.topic, _messages(100))
    reader = _join(broker)
    _share(reader)
    everything = reader.subscriber.assignment()
    reader.subscriber.pause(everything)
    reader.received.clear()
    publisher.publish(broker.topic, _messages(40))
    other = _join(broker, member="b")
    for _ in range(3):
        assert reader.subscriber.poll(100, 0.05) == []
    assert reader.subscriber.assignment()
    reader.subscriber.resume(everything)
    other.subscriber.close()
    _share(reader)
    eventually(lambda: {message.body for message in reader.poll()} >= {b"39"})


def test_other_partitions_go_on_while_one_is_paused(broker: Broker, publisher: Publisher) -> None:
    reader = _join(broker)
    _share(reader)
    paused = TopicPartition(broker.topic, 0)
    assert reader.subscriber.assignment() - {paused}
    reader.subscriber.pause([paused])
    publisher.publish(broker.topic, _messages(100, keys=100))
    eventually(lambda: {message.partition for message in reader.poll()} == {1, 2, 3})
    reader.subscriber.resume([paused])
    assert _numbers(reader.read(100)) == list(range(100))
    assert any(message.partition == 0 for message in reader.received)


def test_lag_counts_what_is_not_settled(broker: Broker, publisher: Publisher) -> None:
    reader = _join(broker)
    _share(reader)
    publisher.publish(broker.topic, _messages(40))
    assert sum(reader.subscriber.lag().values()) == 40
    messages = reader.read(40)
    assert sum(reader.subscriber.lag().values()) == 40
    reader.subscriber.settle(messages)
    assert reader.subscriber.lag() == dict.fromkeys(reader.subscriber.assignment(), 0)


def test_seeking_starts_at_the_first_message_of_that_time(broker: Broker, publisher: Publisher) -> None:
    publisher.publish(broker.topic, _messages(20))
    moment = broker.instant()
    publisher.publish(broker.topic, [OutgoingMessage(message.key, b"1" + message.body) for message in _messages(20)])
    reader = _join(broker, "replay")
    reader.subscriber.seek(moment)
    assert {message.body for message in reader.read(20)} == {b"1%d" % number for number in range(20)}
    assert reader.subscriber.poll(100, 0.05) == []
    assert all(message.time >= moment for message in reader.received)


def test_seeking_to_the_time_of_a_message_starts_with_it(broker: Broker, publisher: Publisher) -> None:
    publisher.publish(broker.topic, _messages(10))
    broker.instant()
    publisher.publish(broker.topic, [OutgoingMessage("key", b"10")])
    (last,) = [message for message in _join(broker).read(11) if message.body == b"10"]
    reader = _join(broker, "replay")
    reader.subscriber.seek(last.time)
    assert _numbers(reader.read(1)) == [10]


def test_seeking_back_delivers_settled_messages_again(broker: Broker, publisher: Publisher) -> None:
    moment = broker.instant()
    publisher.publish(broker.topic, _messages(20))
    reader = _join(broker, "replay")
    reader.subscriber.settle(reader.read(20))
    reader.subscriber.seek(moment)
    assert _numbers(reader.read(40)) == sorted([*range(20), *range(20)])


def test_seeking_behind_the_end_waits_for_new_messages(broker: Broker, publisher: Publisher) -> None:
    publisher.publish(broker.topic, _messages(20))
    reader = _join(broker, "replay")
    reader.subscriber.seek(broker.instant())
    publisher.publish(broker.topic, [OutgoingMessage("new", b"99")])
    assert _numbers(reader.read(1)) == [99]


def test_positions_follow_a_seek_with_the_next_settle(broker: Broker, publisher: Publisher) -> None:
    publisher.publish(broker.topic, _messages(20))
    reader = _join(broker, "replay")
    reader.subscriber.seek(broker.instant())
    reader.subscriber.settle([])
    reader.subscriber.close()
    assert _left_over(broker, "replay") == []


def test_seeking_leaves_other_groups_alone(broker: Broker, publisher: Publisher) -> None:
    publisher.publish(broker.topic, _messages(20))
    live = _join(broker, "live")
    live.subscriber.settle(live.read(20))
    replay = _join(broker, "replay")
    replay.subscriber.seek(datetime(2020, 1, 1, tzinfo=UTC))
    replay.subscriber.settle(replay.read(20))
    live.subscriber.close()
    assert _left_over(broker, "live") == []


def test_closing_twice_is_fine(broker: Broker, publisher: Publisher) -> None:
    publisher.publish(broker.topic, _messages(5))
    reader = _join(broker)
    messages = reader.read(5)
    reader.subscriber.close()
    reader.subscriber.close()
    reader.subscriber.settle(messages)
    publisher.close()
    publisher.close()
    assert len(_left_over(broker)) == 5, "settled after closing: ignored"


def test_publishers_and_members_in_several_processes_lose_nothing_and_keep_order(broker: Broker) -> None:
    spawn = get_context("spawn")
    with spawn.Manager() as manager:
        seen, stop = manager.Queue(), spawn.Event()
        readers = [
            spawn.Process(target=report_numbers, args=(broker, broker.topic, member, seen, stop), daemon=True)
            for member in ("a", "b")
        ]
        writers = [
            spawn.Process(target=publish_numbers, args=(broker, broker.topic, name, 1000), daemon=True)
            for name in ("x", "y")
        ]
        for process in [*readers, *writers]:
            process.start()
        numbers: defaultdict[str, list[int]] = defaultdict(list)
        of_member: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        while sum(len(set(of_key)) for of_key in numbers.values()) < 2000:
            member, key, number = seen.get(timeout=60)
            numbers[key].append(number)
            of_member[member, key].append(number)
        stop.set()
        for process in [*readers, *writers]:
            process.join(30)
    assert all(process.exitcode == 0 for process in [*readers, *writers])
    expected = {f"{name}-{key}": list(range(key, 1000, 7)) for name in ("x", "y") for key in range(7)}
    assert {key: sorted(set(of_key)) for key, of_key in numbers.items()} == expected
    in_order = all(of_key == sorted(of_key) for of_key in of_member.values())
    assert in_order or "test_messages_of_one_key_go_to_one_member" in broker.gaps
