"""What every broker's keeper of topics promises. A new broker joins with an entry in ``_KEEPERS``."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from uuid import uuid4

import pytest

from brokers.kafka.topics import KafkaTopics
from engine.ledger.database import open_database
from engine.ledger.log_keeper import EmbeddedTopics
from schemas.errors import Stop
from schemas.topic_keeping import TopicKeeper, WantedTopic


def _embedded(kind: str) -> Callable[[pytest.FixtureRequest], Iterator[TopicKeeper]]:
    def made(request: pytest.FixtureRequest) -> Iterator[TopicKeeper]:
        with request.getfixturevalue(f"{kind}_databases").fresh() as url:
            engine = open_database(url)
            yield EmbeddedTopics(engine)
            engine.dispose()

    return made


def _kafka(request: pytest.FixtureRequest) -> Iterator[TopicKeeper]:
    yield KafkaTopics({"bootstrap_servers": request.getfixturevalue("kafka").bootstrap}, replication_factor=1)


_KEEPERS: dict[str, Callable[[pytest.FixtureRequest], Iterator[TopicKeeper]]] = {
    "embedded-sqlite": _embedded("sqlite"),
    "embedded-postgresql": _embedded("postgresql"),
    "kafka": _kafka,
}


@pytest.fixture(params=_KEEPERS)
def topics(request: pytest.FixtureRequest) -> Iterator[TopicKeeper]:
    """Each broker's keeper in turn."""
    for made in _KEEPERS[request.param](request):
        with closing(made):
            yield made


@pytest.fixture
def wanted() -> WantedTopic:
    """A topic that is not there."""
    return WantedTopic(f"test-{uuid4().hex[:12]}", 3, timedelta(days=5), 10_000_000)


def test_a_topic_is_made_once_as_wanted(topics: TopicKeeper, wanted: WantedTopic) -> None:
    assert topics.present(wanted.name) is None
    assert topics.create(wanted)
    assert not topics.create(wanted)

    present = topics.present(wanted.name)
    assert present is not None
    assert (present.name, present.partitions) == (wanted.name, 3)
    assert present.retention in (None, timedelta(days=5))
    assert present in topics.listed()
    assert topics.faults(wanted) == []


def test_a_topic_with_another_number_of_partitions_is_left_alone(topics: TopicKeeper, wanted: WantedTopic) -> None:
    topics.create(wanted)
    other = WantedTopic(wanted.name, 4, wanted.retention, wanted.retention_bytes)

    with pytest.raises(Stop, match="3 partitions, not 4"):
        topics.create(other)
    (fault,) = topics.faults(other)
    assert "3 partitions" in fault.found
    assert "topics.partitions" in fault.remedy


def test_a_topic_that_is_not_there_has_no_faults(topics: TopicKeeper, wanted: WantedTopic) -> None:
    assert topics.faults(wanted) == []


def test_closing_twice_is_fine(topics: TopicKeeper) -> None:
    topics.listed()
    topics.close()
    topics.close()
