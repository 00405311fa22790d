"""Kafka as the conformance suite of topics sees it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from brokers.kafka.topics import KafkaTopics
from consumers.kafka import KafkaSubscriber
from producers.kafka import MAX_BODY, KafkaPublisher
from schemas.topic_keeping import WantedTopic
from schemas.topics import Publisher, RevokeListener, Subscriber
from tests.support.brokers import Broker
from tests.support.eventually import eventually


class KafkaBroker(Broker):
    """The cluster at ``bootstrap``, with topics and groups under names of this test's own."""

    max_body = MAX_BODY
    _POLL_TIMEOUT = 4.0

    def __init__(self, bootstrap: str, prefix: str | None = None) -> None:
        self._bootstrap = bootstrap
        self._prefix = prefix or f"test-{uuid4().hex[:12]}"
        self.topic = f"{self._prefix}.changes"
        self.options = {"bootstrap_servers": bootstrap.split(",")}
        self._made: list[Publisher | Subscriber] = []

    def __reduce__(self) -> tuple[type["KafkaBroker"], tuple[str, str]]:
        return KafkaBroker, (self._bootstrap, self._prefix)

    def create_topic(self, name: str, partitions: int) -> None:
        with KafkaTopics(self.options) as topics:
            topics.create(WantedTopic(name, partitions, timedelta(days=1)))

    def publisher(self) -> KafkaPublisher:
        publisher = KafkaPublisher(self.options)
        self._made.append(publisher)
        return publisher

    def subscriber(
        self,
        topics: Sequence[str],
        group: str,
        member: str,
        on_revoke: RevokeListener | None = None,
        *,
        lasting: bool = False,
    ) -> KafkaSubscriber:
        """``lasting``: ``member`` keeps its partitions while it is away for a while."""
        subscriber = KafkaSubscriber(
            self.options,
            topics,
            f"{self._prefix}.{group}",
            on_revoke,
            instance=member if lasting else None,
            session_timeout=3.0,
            poll_timeout=self._POLL_TIMEOUT,
        )
        self._made.append(subscriber)
        return subscriber

    def end_leases(self) -> None:
        """Nothing to do: members that do not poll leave by themselves before the tests stop waiting."""

    def instant(self) -> datetime:
        """Kafka counts milliseconds."""
        moment = datetime.now(UTC) + timedelta(milliseconds=2)
        eventually(lambda: datetime.now(UTC) > moment + timedelta(milliseconds=2))
        return moment

    def close(self) -> None:
        while self._made:
            self._made.pop().close()
