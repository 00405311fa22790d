"""A consumer group seen from outside: who reads what, how far behind. On both databases."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TypeAlias

import pytest
from sqlalchemy import Engine

from consumers.embedded_group_status import EmbeddedGroupStatus
from consumers.embedded_log import EmbeddedSubscriber
from engine.ledger.log_retention import prune
from engine.ledger.log_topics import create_topic, partition_of
from producers.embedded_log import EmbeddedPublisher
from schemas.errors import Stop
from schemas.group_status import GroupStatus
from schemas.topics import OutgoingMessage, Publisher, Subscriber
from tests.support.clocks import ShiftedClock
from tests.support.eventually import eventually

TOPIC, GROUP = "changes", "group"
KEYS = {partition_of(f"key {number}", 2): f"key {number}" for number in range(20)}

Subscribe: TypeAlias = Callable[[str], Subscriber]


@pytest.fixture
def clock() -> ShiftedClock:
    return ShiftedClock()


@pytest.fixture
def log(database: Engine) -> Engine:
    create_topic(database, TOPIC, 2)
    return database


@pytest.fixture
def publisher(log: Engine, clock: ShiftedClock) -> Publisher:
    return EmbeddedPublisher(log, clock=clock)


@pytest.fixture
def status(log: Engine, clock: ShiftedClock) -> GroupStatus:
    return EmbeddedGroupStatus(log, TOPIC, GROUP, clock=clock)


@pytest.fixture
def subscribe(log: Engine, clock: ShiftedClock) -> Iterator[Subscribe]:
    made: list[Subscriber] = []

    def subscriber(member: str) -> Subscriber:
        made.append(EmbeddedSubscriber(log, [TOPIC], GROUP, member, clock=clock, heartbeat=0.02))
        return made[-1]

    yield subscriber
    for one in made:
        one.close()


def publish(publisher: Publisher, partition: int, count: int) -> None:
    publisher.publish(TOPIC, [OutgoingMessage(KEYS[partition], b"body")] * count)


def members(status: GroupStatus) -> list[str | None]:
    return [one.member for one in status.partitions()]


def lags(status: GroupStatus) -> list[int]:
    return [one.lag for one in status.partitions()]


def test_a_group_that_nobody_has_joined_is_behind_by_everything(status: GroupStatus, publisher: Publisher) -> None:
    publish(publisher, 1, 3)
    assert members(status) == [None, None]
    assert lags(status) == [0, 3]


def test_what_is_settled_is_not_behind(status: GroupStatus, publisher: Publisher, subscribe: Subscribe) -> None:
    publish(publisher, 0, 3)
    reader = subscribe("one")
    messages = reader.poll(10, 5.0)
    assert lags(status) == [3, 0]
    reader.settle(messages[:2])
    assert lags(status) == [1, 0]
    assert members(status) == ["one", "one"]


def test_the_oldest_is_the_first_that_is_not_settled(
    status: GroupStatus, publisher: Publisher, subscribe: Subscribe, clock: ShiftedClock
) -> None:
    publish(publisher, 0, 1)
    clock.advance(5)
    between: datetime = clock()
    publish(publisher, 0, 1)
    reader = subscribe("one")
    messages = reader.poll(10, 5.0)
    first, empty = status.partitions()
    assert first.oldest_at == messages[0].time < between
    assert empty.oldest_at is None
    reader.settle(messages[:1])
    assert status.partitions()[0].oldest_at == messages[1].time > between
    reader.settle(messages[1:])
    assert status.partitions()[0].oldest_at is None


def test_partitions_are_shown_with_whoever_has_them(status: GroupStatus, subscribe: Subscribe) -> None:
    readers = [subscribe("one"), subscribe("two")]

    def shared() -> bool:
        for reader in readers:
            reader.poll(1, 0.0)
        return sorted(map(str, members(status))) == ["one", "two"]

    eventually(shared)


def test_a_dead_member_has_nothing(status: GroupStatus, subscribe: Subscribe, clock: ShiftedClock) -> None:
    subscribe("one").poll(1, 0.0)
    assert members(status) == ["one", "one"]
    clock.advance(11)
    assert members(status) == [None, None]


def test_what_retention_took_is_not_behind(
    log: Engine, status: GroupStatus, publisher: Publisher, clock: ShiftedClock
) -> None:
    publish(publisher, 0, 2)
    clock.advance(5)
    kept_from = clock()
    publish(publisher, 0, 1)
    prune(log, TOPIC, before=kept_from)
    assert lags(status) == [1, 0]
    assert status.partitions()[0].oldest_at is not None


def test_a_topic_that_is_not_there_is_said_to_be_missing(database: Engine, clock: ShiftedClock) -> None:
    with pytest.raises(Stop, match="no topic other"):
        EmbeddedGroupStatus(database, "other", GROUP, clock=clock).partitions()
