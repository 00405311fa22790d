"""What Kafka's publisher, subscriber and topics promise beyond the common suites, on a real broker."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import timedelta
from itertools import count
from time import monotonic

import pytest
from kafka.admin import KafkaAdminClient

from brokers.kafka.topics import KafkaTopics
from consumers.dead_letters import DeadLetters
from consumers.kafka import KafkaSubscriber
from consumers.kafka_group_status import KafkaGroupStatus
from engine.ledger import dead_letters
from engine.ledger.database import open_database, read
from schemas.errors import DeadLetter, Retry, Skip, Stop
from schemas.topic_keeping import WantedTopic
from schemas.topics import Message, OutgoingMessage, TopicPartition
from tests.support.clocks import ShiftedClock
from tests.support.databases import SqliteDatabases
from tests.support.eventually import eventually
from tests.support.kafka.broker import KafkaBroker
from tests.support.kafka.cluster import Cluster, kafka_cluster

PARTITIONS = 4


@pytest.fixture
def broker(kafka: Cluster) -> Iterator[KafkaBroker]:
    """The broker, with an empty topic."""
    made = KafkaBroker(kafka.bootstrap)
    made.create_topic(made.topic, PARTITIONS)
    yield made
    made.close()


def _share(*members: KafkaSubscriber) -> list[frozenset[TopicPartition]]:
    """Poll until all partitions have one of these members; what each has."""

    def shared() -> list[frozenset[TopicPartition]]:
        for member in members:
            member.poll(100, 0.01)
        shares = [member.assignment() for member in members]
        return shares if all(shares) and sum(map(len, shares)) == PARTITIONS else []

    return eventually(shared)


def test_a_member_with_a_lasting_name_has_its_partitions_back_and_nobody_elses_move(broker: KafkaBroker) -> None:
    moved: list[frozenset[TopicPartition]] = []
    stays = broker.subscriber([broker.topic], "group", "stays", moved.append, lasting=True)
    _share(stays)
    before = _share(stays, leaves := broker.subscriber([broker.topic], "group", "leaves", lasting=True))
    moved.clear()
    leaves.close()

    returns = broker.subscriber([broker.topic], "group", "leaves", lasting=True)

    assert _share(stays, returns) == before
    assert moved == []


def test_a_group_seen_from_outside_shows_who_reads_what_and_how_far_behind(broker: KafkaBroker) -> None:
    group = f"{broker.topic}.group"
    status = KafkaGroupStatus(broker.options, broker.topic, group)
    broker.publisher().publish(broker.topic, [OutgoingMessage("key", b"1"), OutgoingMessage("key", b"2")])
    assert [one.member for one in status.partitions()] == [None] * PARTITIONS
    assert sum(one.lag for one in status.partitions()) == 2
    with closing(KafkaSubscriber({**broker.options, "client_id": "worker-1"}, [broker.topic], group)) as member:
        messages = eventually(lambda: member.poll(100, 0.1))
        member.settle(messages[:1])
        assert [one.member for one in status.partitions()] == ["worker-1"] * PARTITIONS
        assert sum(one.lag for one in status.partitions()) == 2 - 1
    with pytest.raises(Stop, match="topics create"):
        KafkaGroupStatus(broker.options, "nowhere", group).partitions()


def test_of_two_members_with_one_lasting_name_the_first_stops_before_it_settles(broker: KafkaBroker) -> None:
    broker.publisher().publish(broker.topic, [OutgoingMessage("key", b"1")])
    first = broker.subscriber([broker.topic], "group", "twin", lasting=True)
    messages = eventually(lambda: first.poll(100, 0.1))
    second = broker.subscriber([broker.topic], "group", "twin", lasting=True)
    assert eventually(lambda: second.poll(100, 0.1)) == messages
    with pytest.raises(Stop, match=r"worker\.member"):
        first.settle(messages)


def test_a_member_that_polls_with_everything_paused_stays_however_long(broker: KafkaBroker) -> None:
    member = KafkaSubscriber(broker.options, [broker.topic], f"{broker.topic}.group", poll_timeout=1.0)
    with closing(member):
        (everything,) = _share(member)
        member.pause(everything)
        publisher = broker.publisher()
        publisher.publish(broker.topic, [OutgoingMessage("key", b"1")])
        end = monotonic() + 2.5
        while monotonic() < end:
            assert member.poll(100, 0.2) == []
        assert member.assignment() == everything
        member.resume(everything)
        assert [message.body for message in member.poll(100, 5.0)] == [b"1"]


def test_no_topic_is_made_in_passing(broker: KafkaBroker) -> None:
    missing = f"{broker.topic}.missing"
    with pytest.raises(Stop, match="twinrow topics create"):
        broker.publisher().publish(missing, [OutgoingMessage("key", b"")])
    with pytest.raises(Stop, match="twinrow topics create"):
        broker.subscriber([missing], "group", "a").poll(1, 0.1)
    with closing(KafkaTopics(broker.options)) as topics:
        assert topics.present(missing) is None


@pytest.mark.parametrize(
    ("configs", "found", "remedy"),
    [
        ({"cleanup.policy": "compact"}, "cannot be replayed", "cleanup.policy=delete"),
        ({"retention.ms": "3600000"}, "less than the 5 days", "retention.ms=432000000"),
        ({"retention.bytes": "1000000"}, "1000000 bytes a partition", "retention.bytes=-1"),
        ({"message.timestamp.type": "CreateTime"}, "senders' clocks", "LogAppendTime"),
        ({"max.message.bytes": "1000"}, "1000 bytes at most", "max.message.bytes=1048576"),
        ({}, "1 copies", "kafka.replication_factor"),
    ],
)
def test_a_topic_that_would_lose_something_is_found(
    broker: KafkaBroker, configs: Mapping[str, str], found: str, remedy: str
) -> None:
    good = {"retention.ms": "-1", "message.timestamp.type": "LogAppendTime"}
    name = f"{broker.topic}.faulty"
    with KafkaAdminClient(**broker.options) as admin:
        admin.create_topics(
            {name: {"num_partitions": 1, "replication_factor": 1, "configs": good | dict(configs)}},
            wait_for_metadata=True,
        )
    with closing(KafkaTopics(broker.options, replication_factor=1 if configs else None)) as topics:
        (fault,) = topics.faults(WantedTopic(name, 1, timedelta(days=5)))
    assert found in fault.found
    assert remedy in fault.remedy


def test_a_broker_that_takes_less_refuses_the_message_and_takes_the_next(broker: KafkaBroker) -> None:
    small = f"{broker.topic}.small"
    with KafkaAdminClient(**broker.options) as admin:
        admin.create_topics({small: {"configs": {"max.message.bytes": "1000"}}}, wait_for_metadata=True)
    publisher = broker.publisher()
    with pytest.raises(Skip, match="large"):
        publisher.publish(small, [OutgoingMessage("large", bytes(2000))])
    publisher.publish(small, [OutgoingMessage("next", b"1")])
    assert [message.key for message in broker.subscriber([small], "group", "a").poll(10, 10.0)] == ["next"]


def test_a_copy_more_than_there_are_brokers_cannot_be_made(broker: KafkaBroker) -> None:
    with (
        closing(KafkaTopics(broker.options, replication_factor=30)) as topics,
        pytest.raises(Stop, match=r"kafka\.replication_factor"),
    ):
        topics.create(WantedTopic(f"{broker.topic}.copies", 1, timedelta(days=1)))


def test_a_broker_that_is_nowhere_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brokers.kafka.clients.BOOTSTRAP_TIMEOUT", 0.3)
    nowhere = KafkaBroker("127.0.0.1:9")
    with pytest.raises(Retry, match="Kafka is away"):
        nowhere.publisher().publish("topic", [OutgoingMessage("key", b"")])
    with pytest.raises(Retry, match="Kafka is away"):
        nowhere.subscriber(["topic"], "group", "a").poll(1, 0.1)
    nowhere.close()


def test_a_dead_letter_is_copied_with_where_it_was_and_why(
    broker: KafkaBroker, sqlite_databases: SqliteDatabases
) -> None:
    letters = f"{broker.topic}.dead-letters"
    broker.create_topic(letters, 1)
    clock = ShiftedClock()
    message = Message(broker.topic, 3, 7, "key", b"not a change", {"trace": "1"}, clock())
    with sqlite_databases.fresh() as url:
        database = open_database(url)
        keeper = DeadLetters(database, broker.publisher(), letters, clock=clock)
        keeper.keep([(message, DeadLetter("no JSON: mend the sender", code="not_json"))])
        with read(database) as connection:
            (kept,) = dead_letters.listed(connection)
        database.dispose()

    (copy,) = broker.subscriber([letters], "people", "a").poll(10, 10.0)

    assert (kept.offset, kept.reason, kept.body) == (7, "not_json", b"not a change")
    assert (copy.key, copy.body) == ("key", b"not a change")
    assert copy.headers == {
        "trace": "1",
        "dead-letter-topic": broker.topic,
        "dead-letter-partition": "3",
        "dead-letter-offset": "7",
        "dead-letter-time": message.time.isoformat(),
        "dead-letter-key": "key",
        "dead-letter-reason": "not_json",
        "dead-letter-text": "no JSON: mend the sender",
    }


def test_a_broker_that_is_away_and_comes_back_is_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("brokers.kafka.clients", "producers.kafka"):
        monkeypatch.setattr(f"{module}.REQUEST_TIMEOUT", 1.0)
    monkeypatch.setattr("producers.kafka._DELIVERY_TIMEOUT", 2.0)
    monkeypatch.setattr("consumers.kafka_member._TIMEOUT", 1000)
    monkeypatch.setattr("consumers.kafka._LOOK_AROUND", 0.2)
    with kafka_cluster(given=False) as cluster:
        (node,) = cluster.nodes
        broker = KafkaBroker(cluster.bootstrap)
        broker.create_topic(broker.topic, 1)
        publisher, reader = broker.publisher(), broker.subscriber([broker.topic], "group", "a")
        publisher.publish(broker.topic, [OutgoingMessage("key", b"before")])
        before = eventually(lambda: reader.poll(10, 0.1))
        reader.settle(before)

        node.kill()
        with pytest.raises(Retry, match="Kafka is away"):
            publisher.publish(broker.topic, [OutgoingMessage("key", b"lost, and nobody was told otherwise")])
        with pytest.raises(Retry, match="Kafka is away"):
            eventually(lambda: reader.poll(10, 0.1))
        with pytest.raises(Retry, match="Kafka is away"):
            eventually(lambda: reader.lag() is None)

        node.start()
        eventually(cluster.is_up, within=60)
        eventually(lambda: _succeeds(lambda: publisher.publish(broker.topic, [OutgoingMessage("key", b"after")])), 30)
        after: list[Message] = []

        def read_on() -> bool:
            try:
                after.extend(reader.poll(10, 0.1))
            except Retry:
                return False
            return bool(after) and after[-1].body == b"after"

        eventually(read_on, within=30)
        assert before[0].offset not in {message.offset for message in after}, "its position was kept"
        broker.close()


def test_when_a_leader_dies_in_the_middle_nothing_is_lost_and_keys_keep_their_order() -> None:
    """Three brokers, each message on all of them."""
    with kafka_cluster(3, given=False) as cluster:
        broker = KafkaBroker(cluster.bootstrap)
        with KafkaTopics(broker.options, replication_factor=3) as topics:
            topics.create(WantedTopic(broker.topic, 2, timedelta(days=1)))
            assert topics.faults(WantedTopic(broker.topic, 2, timedelta(days=1))) == []
        publisher, reader = broker.publisher(), broker.subscriber([broker.topic], "group", "a")
        numbers = count()
        seen: dict[str, list[int]] = {"a": [], "b": [], "c": []}

        def publish() -> None:
            messages = [OutgoingMessage(key, str(next(numbers)).encode()) for key in seen for _ in range(10)]
            eventually(lambda: _succeeds(lambda: publisher.publish(broker.topic, messages)), within=60)

        def read_on() -> bool:
            try:
                messages = reader.poll(100, 0.05)
                reader.settle(messages)
            except Retry:
                return False
            for message in messages:
                seen[message.key].append(int(message.body))
            return len({number for of_key in seen.values() for number in of_key}) == published

        for turn in range(6):
            publish()
            published = 30 * (turn + 1)
            if turn == 2:
                leader = _leader(broker)
                next(node for node in cluster.nodes if node.id == leader).kill()
            eventually(read_on, within=60)
        for of_key in seen.values():
            assert [number for n, number in enumerate(of_key) if number not in of_key[:n]] == sorted(set(of_key))
        broker.close()


def _leader(broker: KafkaBroker) -> int:
    """A broker that leads a partition, and is not the controller too."""
    with KafkaAdminClient(**broker.options) as admin:
        (topic,) = admin.describe_topics([broker.topic])
    leaders: list[int] = [partition["leader_id"] for partition in topic["partitions"]]
    return next(leader for leader in leaders if leader != 1)


def _succeeds(work: Callable[[], None]) -> bool:
    try:
        work()
    except Retry:
        return False
    return True
