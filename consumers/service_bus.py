"""Service Bus's subscriber: takes messages of a queue or a subscription in peek-lock."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from threading import Event
from typing import TypeAlias

import structlog
from azure.core.exceptions import AzureError
from azure.servicebus import ServiceBusClient, ServiceBusReceivedMessage, ServiceBusReceiver

from brokers.service_bus.errors import LOCK_LOST, mapped
from brokers.service_bus.messages import received
from brokers.service_bus.namespace import Entity, Namespace
from schemas.errors import DeadLetter, Retry, SyncError
from schemas.topics import Message, Subscriber, TopicPartition

_log = structlog.get_logger()

_GROWTH = 4
"""How much larger the next batch may be when one was full."""

_PEEKED = 250
"""Messages of one look ahead, the most that Service Bus gives."""

_LONGEST_TEXT = 4000
"""Characters of a reason or a description."""

Settle: TypeAlias = Callable[[ServiceBusReceiver, ServiceBusReceivedMessage], None]


@dataclass(slots=True)
class _Held:
    """A message whose lock is ours, and when half of the time of that lock is over."""

    delivered: Message
    message: ServiceBusReceivedMessage
    renew_at: datetime


class ServiceBusSubscriber(Subscriber):
    """One of the receivers of ``entity``, which has a single partition; connects with the first poll.

    Any receiver of the entity gets any message: its group are all of them, and nothing is ever taken from this one. A
    message is its own until it is settled, as long as :meth:`poll` is called, paused or not, at least twice within the
    entity's lock duration. Locks outlive a lost connection; those that end are forgotten, and the message comes again.
    """

    replayable = False

    def __init__(self, namespace: Namespace, entity: Entity, *, clock: Callable[[], datetime]) -> None:
        self._namespace = namespace
        self._entity = entity
        self._clock = clock
        self._partition = TopicPartition(entity.name, 0)
        self._client: ServiceBusClient | None = None
        self._receiver: ServiceBusReceiver | None = None
        self._held: dict[int, _Held] = {}
        self._appetite = 1
        self._paused = False
        self._closed = False

    def poll(self, max_messages: int, timeout: float) -> list[Message]:
        """Besides ``timeout``, the first one waits for the connection. Renews the locks of what is not settled.

        The library waits a fifth of a second for a batch that is not full, and sends back whatever comes after that:
        what is asked for is a single message at rest, and more and more the more there are.
        """
        with self._connected(f"receiving from {self._entity.path}") as receiver:
            self._renew_locks(receiver)
            if self._paused:
                Event().wait(timeout)
                return []
            wanted = min(max_messages, self._appetite)
            taken = receiver.receive_messages(max_message_count=wanted, max_wait_time=max(timeout, 0.001))
        self._appetite = wanted * _GROWTH if len(taken) == wanted else max(1, len(taken))
        return [self._taken(message) for message in taken]

    def settle(self, messages: Iterable[Message]) -> None:
        """One request a message: the library knows no other way. A message whose lock is lost is left alone."""
        for message in messages:
            self._let_go(message, ServiceBusReceiver.complete_message)

    def dead_letter(self, letters: Iterable[tuple[Message, DeadLetter]]) -> None:
        """Move messages to the entity's dead-letter queue, with reason and description; that settles them.

        Raises:
            Retry: as for :meth:`settle`.
        """
        for message, reason in letters:
            code, text = reason.code[:_LONGEST_TEXT], reason.text[:_LONGEST_TEXT]
            self._let_go(message, partial(ServiceBusReceiver.dead_letter_message, reason=code, error_description=text))

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        """Locks are renewed all the same."""
        self._paused |= self._partition in partitions

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        """At once."""
        self._paused &= self._partition not in partitions

    def assignment(self) -> frozenset[TopicPartition]:
        """The one partition, until it is closed."""
        return frozenset() if self._closed else frozenset({self._partition})

    def seek(self, at: datetime) -> None:
        """Not here."""
        raise NotImplementedError(f"{self._entity.path} keeps no history: there is no going to {at}")

    def lag(self) -> Mapping[TopicPartition, int]:
        """One request for each 250 messages; those that other receivers hold count as well."""
        count, next_one = 0, 1
        with self._connected(f"looking into {self._entity.path}") as receiver:
            while peeked := receiver.peek_messages(_PEEKED, sequence_number=next_one):
                count += len(peeked)
                next_one = (peeked[-1].sequence_number or 0) + 1
        return {self._partition: count}

    def close(self) -> None:
        """Gives back what is not settled, which counts as a delivery, and lets go of the connection."""
        if self._closed:
            return
        try:
            for held in list(self._held.values()):
                self._let_go(held.delivered, ServiceBusReceiver.abandon_message)
        except SyncError as error:
            _log.warning("messages wait for the end of their locks", entity=self._entity.path, reason=error.text)
        finally:
            self._closed = True
            self._held.clear()
            self._disconnect()
            if self._client is not None:
                self._client.close()

    @contextmanager
    def _connected(self, doing: str) -> Iterator[ServiceBusReceiver]:
        """A receiver that is connected. After an error it is not trusted any more: the next one connects anew."""
        if self._closed:
            raise RuntimeError("this subscriber is closed")
        try:
            with mapped(doing):
                if self._receiver is None:
                    self._client = self._client or self._namespace.client()
                    receiver = self._entity.receiver(self._client)
                    receiver.__enter__()
                    self._receiver = receiver
                yield self._receiver
        except SyncError as error:
            if not (isinstance(error, Retry) and error.throttled):
                self._disconnect()
            raise

    def _let_go(self, message: Message, settle: Settle) -> None:
        """Settle a message in some way; after a lost connection the library does so by the token of its lock."""
        held = self._held.get(message.offset)
        if held is None:
            return
        with self._connected(f"settling messages of {self._entity.path}") as receiver, suppress(*LOCK_LOST):
            settle(receiver, held.message)
        del self._held[message.offset]

    def _renew_locks(self, receiver: ServiceBusReceiver) -> None:
        now = self._clock()
        for offset, held in list(self._held.items()):
            if held.renew_at <= now:
                try:
                    receiver.renew_message_lock(held.message)
                except LOCK_LOST:
                    del self._held[offset]
                else:
                    held.renew_at = self._half_of_lock(held.message)

    def _taken(self, message: ServiceBusReceivedMessage) -> Message:
        delivered = received(message, self._entity.name)
        self._held[delivered.offset] = _Held(delivered, message, self._half_of_lock(message))
        return delivered

    def _half_of_lock(self, message: ServiceBusReceivedMessage) -> datetime:
        now = self._clock()
        return now + ((message.locked_until_utc or now) - now) / 2

    def _disconnect(self) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            with suppress(AzureError):
                receiver.close()
