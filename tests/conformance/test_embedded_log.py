"""What the embedded log promises beyond other brokers, on both databases."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import psycopg
import pytest
from sqlalchemy import Engine, func, select

from consumers.embedded_log import EmbeddedSubscriber
from engine.ledger.database import open_database, read
from engine.ledger.log_retention import prune
from engine.ledger.log_tables import LogMessage
from engine.ledger.log_topics import create_topic, partition_of
from producers.embedded_log import EmbeddedPublisher
from schemas.errors import Retry, Skip, Stop
from schemas.topics import Message, OutgoingMessage, TopicPartition
from tests.support.clocks import ShiftedClock
from tests.support.databases import PostgresqlDatabases
from tests.support.eventually import eventually

TOPIC = "changes"

Subscribe = Callable[[str], EmbeddedSubscriber]


@pytest.fixture
def clock() -> ShiftedClock:
    """The clock of publisher and subscribers."""
    return ShiftedClock()


@pytest.fixture
def log(database: Engine) -> Engine:
    """A database with a topic of three partitions."""
    create_topic(database, TOPIC, 3)
    return database


@pytest.fixture
def publisher(log: Engine, clock: ShiftedClock) -> EmbeddedPublisher:
    """A publisher on the log."""
    return EmbeddedPublisher(log, clock=clock)


@pytest.fixture
def subscribe(log: Engine, clock: ShiftedClock) -> Iterator[Subscribe]:
    """Makes members of one group by name."""
    made = []

    def subscriber(member: str) -> EmbeddedSubscriber:
        made.append(EmbeddedSubscriber(log, [TOPIC], "group", member, clock=clock))
        return made[-1]

    yield subscriber
    for each in made:
        each.close()


def _messages(count: int) -> list[OutgoingMessage]:
    return [OutgoingMessage(f"key-{number}", str(number).encode()) for number in range(count)]


def _drain(subscriber: EmbeddedSubscriber) -> list[Message]:
    return [message for batch in iter(lambda: subscriber.poll(100, 0.0), []) for message in batch]


def _stored(log: Engine) -> int:
    with read(log) as connection:
        return connection.scalar(select(func.count()).select_from(LogMessage)) or 0


def test_a_topic_is_created_once(log: Engine) -> None:
    create_topic(log, TOPIC, 3)
    with pytest.raises(Stop, match="3 partitions, not 4"):
        create_topic(log, TOPIC, 4)


def test_a_key_has_the_same_partition_everywhere_and_always() -> None:
    assert [partition_of(key, 8) for key in ("business_central:customers:1", "dataverse:account:1", "Zoë")] == [5, 0, 2]


def test_a_key_that_a_database_cannot_store_is_refused(log: Engine, publisher: EmbeddedPublisher) -> None:
    with pytest.raises(Skip, match="NUL"):
        publisher.publish(TOPIC, [OutgoingMessage("good", b""), OutgoingMessage("bad\0", b"")])
    with pytest.raises(Skip, match="not valid"):
        publisher.publish(TOPIC, [OutgoingMessage("good", b""), OutgoingMessage("\ud800", b"")])
    with pytest.raises(Skip, match="not valid"):
        publisher.publish(TOPIC, [OutgoingMessage("good", b""), OutgoingMessage("bad header", b"", {"x": "\ud800"})])
    assert _stored(log) == 0


def test_publishers_at_once_leave_no_gap_and_readers_skip_nothing(log: Engine, subscribe: Subscribe) -> None:
    subscriber = subscribe("a")
    seen: dict[TopicPartition, list[int]] = {}
    database_url = log.url.render_as_string(hide_password=False)

    def publish(name: str) -> None:
        engine = open_database(database_url)
        for number in range(50):
            EmbeddedPublisher(engine).publish(TOPIC, [OutgoingMessage(f"{name}{number}", b"")] * 2)
        engine.dispose()

    def read_on() -> bool:
        for message in subscriber.poll(100, 0.01):
            seen.setdefault(message.topic_partition, []).append(message.offset)
        return sum(map(len, seen.values())) == 400

    with ThreadPoolExecutor(4) as threads:
        publishing = [threads.submit(publish, name) for name in "abcd"]
        eventually(read_on, within=60)
        for each in publishing:
            each.result()
    assert all(offsets == list(range(len(offsets))) for offsets in seen.values())


def test_what_this_process_publishes_is_seen_without_looking_again_and_again(
    publisher: EmbeddedPublisher, subscribe: Subscribe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consumers.embedded_log._SHORTEST_WAIT", 60.0)
    monkeypatch.setattr("consumers.embedded_log._LONGEST_WAIT", 60.0)
    subscriber = subscribe("a")
    assert subscriber.poll(1, 0.0) == []
    with ThreadPoolExecutor(1) as threads:
        polled = threads.submit(subscriber.poll, 1, 30.0)
        publisher.publish(TOPIC, _messages(1))
        assert len(polled.result(timeout=10)) == 1


def test_times_never_go_back_when_a_clock_does(
    publisher: EmbeddedPublisher, subscribe: Subscribe, clock: ShiftedClock
) -> None:
    publisher.publish(TOPIC, [OutgoingMessage("key", b"early")])
    clock.advance(-3600)
    publisher.publish(TOPIC, [OutgoingMessage("key", b"late")])
    clock.advance(3600)
    early, late = _drain(subscribe("a"))
    assert (early.body, late.body) == (b"early", b"late")
    assert early.time == late.time


def test_a_member_that_starts_anew_takes_over_at_once(publisher: EmbeddedPublisher, subscribe: Subscribe) -> None:
    publisher.publish(TOPIC, _messages(10))
    crashed = subscribe("a")
    assert len(_drain(crashed)) == 10
    assert len(_drain(subscribe("a"))) == 10


def test_a_member_whose_name_was_taken_stops(
    publisher: EmbeddedPublisher, subscribe: Subscribe, clock: ShiftedClock
) -> None:
    publisher.publish(TOPIC, _messages(10))
    first, second = subscribe("a"), subscribe("a")
    messages = _drain(first)
    assert len(_drain(second)) == 10
    first.settle(messages)
    clock.advance(2)
    with pytest.raises(Stop, match="name of its own"):
        first.poll(1, 0.0)
    assert sum(second.lag().values()) == 10, "what the first settled did not count"


def test_a_member_that_polls_keeps_its_lease(
    publisher: EmbeddedPublisher, subscribe: Subscribe, clock: ShiftedClock
) -> None:
    busy, waiting = subscribe("a"), subscribe("b")
    busy.poll(1, 0.0)
    before = busy.assignment()
    busy.pause(before)
    for _ in range(5):
        clock.advance(8)
        busy.poll(1, 0.0)
    waiting.poll(1, 0.0)
    publisher.publish(TOPIC, _messages(10))
    assert waiting.poll(10, 0.0) == []
    assert busy.assignment() == before


def test_a_reader_does_not_seek_while_others_have_partitions(subscribe: Subscribe, clock: ShiftedClock) -> None:
    other, reader = subscribe("a"), subscribe("b")
    other.poll(1, 0.0)
    with pytest.raises(Retry, match="another member"):
        reader.seek(clock())
    other.close()
    reader.seek(clock())
    assert len(reader.assignment()) == 3


def test_a_closed_subscriber_cannot_poll(subscribe: Subscribe) -> None:
    subscriber = subscribe("a")
    subscriber.close()
    with pytest.raises(RuntimeError, match="closed"):
        subscriber.poll(1, 0.0)


def test_messages_are_pruned_by_age(log: Engine, publisher: EmbeddedPublisher, clock: ShiftedClock) -> None:
    publisher.publish(TOPIC, _messages(30))
    clock.advance(3600)
    publisher.publish(TOPIC, _messages(12))
    assert prune(log, TOPIC, before=clock() - timedelta(minutes=30)) == 30
    assert prune(log, TOPIC, before=clock() - timedelta(minutes=30)) == 0
    assert _stored(log) == 12


def test_messages_are_pruned_by_size_oldest_first(
    log: Engine, publisher: EmbeddedPublisher, subscribe: Subscribe
) -> None:
    publisher.publish(TOPIC, [OutgoingMessage("key", bytes([number]) * 100) for number in range(10)])
    assert prune(log, TOPIC, max_bytes=350) == 7
    assert [message.body[0] for message in _drain(subscribe("a"))] == [7, 8, 9]
    assert prune(log, TOPIC, max_bytes=350) == 0
    assert prune(log, TOPIC, max_bytes=0) == 3


def test_readers_go_on_behind_what_was_pruned(
    log: Engine, publisher: EmbeddedPublisher, subscribe: Subscribe, clock: ShiftedClock
) -> None:
    subscriber = subscribe("a")
    subscriber.poll(1, 0.0)
    publisher.publish(TOPIC, _messages(30))
    clock.advance(1)
    assert prune(log, TOPIC, before=clock()) == 30
    assert sum(subscriber.lag().values()) == 0
    publisher.publish(TOPIC, _messages(5))
    assert sum(subscriber.lag().values()) == 5
    messages = _drain(subscriber)
    assert len(messages) == 5
    subscriber.settle(messages)
    assert sum(subscriber.lag().values()) == 0


def test_a_new_group_starts_at_the_oldest_message_kept(
    log: Engine, publisher: EmbeddedPublisher, subscribe: Subscribe, clock: ShiftedClock
) -> None:
    publisher.publish(TOPIC, _messages(30))
    middle: datetime = clock()
    publisher.publish(TOPIC, _messages(3))
    prune(log, TOPIC, before=middle)
    subscriber = subscribe("a")
    assert len(_drain(subscriber)) == 3
    assert sum(subscriber.lag().values()) == 3


def test_the_log_goes_on_after_its_server_restarted(postgresql_databases: PostgresqlDatabases) -> None:
    with postgresql_databases.fresh() as url:
        log = open_database(url)
        create_topic(log, TOPIC, 3)
        publisher, subscriber = EmbeddedPublisher(log), EmbeddedSubscriber(log, [TOPIC], "group", "a")
        subscriber.poll(1, 0.0)
        with psycopg.connect(url, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        with pytest.raises(Retry, match="not available"):
            publisher.publish(TOPIC, _messages(5))
        publisher.publish(TOPIC, _messages(5))
        messages = subscriber.poll(10, 1.0)
        subscriber.settle(messages)
        assert len(messages) == 5
        subscriber.close()
        log.dispose()
