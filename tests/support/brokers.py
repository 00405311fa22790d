"""What the conformance suite of topics needs to know of a broker: one class a broker."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Engine

from consumers.embedded_log import EmbeddedSubscriber
from engine.ledger.database import open_database
from engine.ledger.log_topics import create_topic
from producers.embedded_log import MAX_BODY, EmbeddedPublisher
from schemas.topics import Publisher, RevokeListener, Subscriber
from tests.support.clocks import ShiftedClock


class Broker(ABC):
    """A broker of the test's own. Can be pickled, to be used from another process.

    Attributes:
        topic: name of a topic that is this test's own.
        gaps: by name of a test, why this broker cannot pass it.
        max_body: bytes of the largest body that it takes.
    """

    topic = "changes"
    gaps: Mapping[str, str] = {}
    partitions = 4
    max_body: int

    @abstractmethod
    def create_topic(self, name: str, partitions: int) -> None:
        """A new topic."""

    @abstractmethod
    def publisher(self) -> Publisher:
        """A new publisher; the test closes it, or the broker at its end."""

    @abstractmethod
    def subscriber(
        self, topics: Sequence[str], group: str, member: str, on_revoke: RevokeListener | None = None
    ) -> Subscriber:
        """A new subscriber; the test closes it, or the broker at its end."""

    @abstractmethod
    def end_leases(self) -> None:
        """Let so much time pass that members which do not poll from now on are taken for dead."""

    @abstractmethod
    def instant(self) -> datetime:
        """A moment after everything published so far and before everything published later."""

    @abstractmethod
    def close(self) -> None:
        """Close what was made. Idempotent."""


class EmbeddedBroker(Broker):
    """The embedded log in the migrated database at ``url``."""

    max_body = MAX_BODY
    _SESSION_TIMEOUT = 30.0

    def __init__(self, url: str) -> None:
        self._url = url
        self._clock = ShiftedClock()
        self._engine: Engine | None = None
        self._subscribers: list[Subscriber] = []

    def __reduce__(self) -> tuple[type["EmbeddedBroker"], tuple[str]]:
        return EmbeddedBroker, (self._url,)

    def create_topic(self, name: str, partitions: int) -> None:
        create_topic(self._open(), name, partitions)

    def publisher(self) -> Publisher:
        return EmbeddedPublisher(self._open(), clock=self._clock)

    def subscriber(
        self, topics: Sequence[str], group: str, member: str, on_revoke: RevokeListener | None = None
    ) -> Subscriber:
        subscriber = EmbeddedSubscriber(
            self._open(),
            topics,
            group,
            member,
            on_revoke,
            clock=self._clock,
            session_timeout=self._SESSION_TIMEOUT,
            heartbeat=0.02,
        )
        self._subscribers.append(subscriber)
        return subscriber

    def end_leases(self) -> None:
        self._clock.advance(self._SESSION_TIMEOUT + 1)

    def instant(self) -> datetime:
        self._clock.advance(1)
        moment = self._clock()
        self._clock.advance(1)
        return moment

    def close(self) -> None:
        while self._subscribers:
            self._subscribers.pop().close()
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def _open(self) -> Engine:
        if self._engine is None:
            self._engine = open_database(self._url)
        return self._engine
