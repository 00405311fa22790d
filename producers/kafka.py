"""Kafka's publisher: idempotent, acknowledged by every replica in sync."""

from collections.abc import Sequence
from contextlib import suppress
from threading import Lock

from kafka import KafkaProducer
from kafka.errors import KafkaError

from brokers.kafka.clients import REQUEST_TIMEOUT, Options, milliseconds, opened
from brokers.kafka.errors import mapped, named
from brokers.kafka.topics import KafkaTopics
from schemas.errors import Skip
from schemas.topics import OutgoingMessage, Publisher

MAX_BODY = 1_000_000
"""Bytes of the largest body taken: with key and headers it fits into what a broker takes by default (1 MiB)."""

_MAX_REST = 32 * 1024
"""Bytes of key and headers, at most."""

_DELIVERY_TIMEOUT = 3 * REQUEST_TIMEOUT


class KafkaPublisher(Publisher):
    """Publishes to the cluster that ``options`` reach; connects with the first message.

    A key's partition is what every client of Kafka makes of it (murmur2). Nothing is published to a topic that is not
    there; none is made in passing. A broker that takes less than 1 MiB a message refuses a large one only when others
    of the same call may have been published.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._lock = Lock()
        self._producer: KafkaProducer | None = None
        self._known: set[str] = set()

    def publish(self, topic: str, messages: Sequence[OutgoingMessage]) -> None:
        """Blocks 30 seconds at most where brokers do not answer, and 10 more where none has been reached before."""
        records = [_record(message) for message in messages]
        if not records:
            return
        with mapped(f"publishing to {topic}"):
            producer = self._open(topic)
            sent = [producer.send(topic, body, key, headers) for key, body, headers in records]
            producer.flush(timeout=_DELIVERY_TIMEOUT + REQUEST_TIMEOUT)
        for one, message in zip(sent, messages, strict=True):
            if isinstance(one.exception, KafkaError):
                if not one.exception.retriable:
                    self._discard(producer)
                raise named(one.exception, f"publishing {message.key} to {topic}")

    def close(self) -> None:
        """Nothing waits to be sent: every call has waited for its own messages."""
        with self._lock:
            if self._producer is not None:
                self._producer.close(timeout=REQUEST_TIMEOUT)
                self._producer = None

    def _discard(self, producer: KafkaProducer) -> None:
        """An idempotent producer that has failed for good never publishes again: the next call makes another."""
        with self._lock:
            if self._producer is producer:
                self._producer = None
        with suppress(KafkaError):
            producer.close(timeout=REQUEST_TIMEOUT)

    def _open(self, topic: str) -> KafkaProducer:
        """The one producer. A topic is looked for once: the library cannot tell a missing one from a slow broker."""
        with self._lock:
            if topic not in self._known:
                with KafkaTopics(self._options) as topics:
                    topics.require(topic)
                self._known.add(topic)
            if self._producer is None:
                self._producer = opened(
                    KafkaProducer,
                    self._options,
                    enable_idempotence=True,
                    acks="all",
                    batch_size=256 * 1024,
                    max_block_ms=milliseconds(REQUEST_TIMEOUT),
                    delivery_timeout_ms=milliseconds(_DELIVERY_TIMEOUT),
                )
            return self._producer


def _record(message: OutgoingMessage) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    try:
        key = message.key.encode()
        headers = [(name, value.encode()) for name, value in message.headers.items()]
        rest = len(key) + sum(len(name.encode()) + len(value) for name, value in headers)
    except UnicodeEncodeError as error:
        raise Skip(f"message {message.key!r} has a key or header that is not valid text", code="bad_text") from error
    for size, limit, what in ((len(message.body), MAX_BODY, ""), (rest, _MAX_REST, " of key and headers")):
        if size > limit:
            text = f"message {message.key[:200]} has {size} bytes{what}, more than the {limit} that Kafka is given"
            raise Skip(text, code="message_too_large")
    return key, message.body, headers
