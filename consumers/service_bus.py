"""Service Bus's subscriber: takes messages of a queue or a subscription in peek-lock."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from threading import Event

import structlog
from azure.core.exceptions import AzureError
from azure.servicebus import ServiceBusClient, ServiceBusReceivedMessage, ServiceBusReceiver

from brokers.service_bus.errors import LOCK_LOST, mapped
from brokers.service_bus.messages import received
from brokers.service_bus.namespace import Entity, Namespace
from schemas.errors import DeadLetter, SyncError
from schemas.topics import Message, Subscriber, TopicPartition

_log = structlog.get_logger()

_GROWTH = 4
"""How much larger the next batch may be when one was full."""

_PEEKED = 250
"""Messages of one look ahead, the most that Service Bus gives."""

_LONGEST_TEXT = 4000
"""Characters of a reason or a description."""


@dataclass(slots=True)
class _Held:
    """A message whose lock is ours, and when half of the time of that lock is over."""

    message: ServiceBusReceivedMessage
    renew_at: datetime


class ServiceBusSubscriber(Subscriber):
    """One of the receivers of ``entity``, which has a single partition; connects with the first poll.

    Any receiver of the entity gets any message: its group are all of them, and nothing is ever taken from this one. A
    message is its own until it is settled, as long as :meth:`poll` is called, paused or not, at least twice within the
    entity's lock duration. With a lost connection the locks are lost: what was not settled is delivered again.
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
        return [self._delivered(message) for message in taken]

    def settle(self, messages: Iterable[Message]) -> None:
        """One request a message: Service Bus's library knows no other way. A message whose lock is lost is left alone.

        Raises:
            Retry: the connection is lost, and with it all locks: what was not settled is delivered again.
        """
        for message in messages:
            if message.offset in self._held:
                with self._given_back(message.offset) as (receiver, held):
                    receiver.complete_message(held)

    def dead_letter(self, letters: Iterable[tuple[Message, DeadLetter]]) -> None:
        """Move messages to the entity's dead-letter queue, with reason and description; that settles them.

        Raises:
            Retry: as for :meth:`settle`.
        """
        for message, reason in letters:
            code, text = reason.code[:_LONGEST_TEXT], reason.text[:_LONGEST_TEXT]
            if message.offset in self._held:
                with self._given_back(message.offset) as (receiver, held):
                    receiver.dead_letter_message(held, reason=code, error_description=text)

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        """Locks are renewed all the same."""
        self._paused |= self._partition in partitions

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        """At once."""
        self._paused &= self._partition not in partitions

    def assignment(self) -> frozenset[TopicPartition]:
        """The one partition, while there is a connection."""
        return frozenset() if self._receiver is None else frozenset({self._partition})

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
            for offset in list(self._held):
                with self._given_back(offset) as (receiver, held):
                    receiver.abandon_message(held)
        except SyncError as error:
            _log.warning("messages wait for the end of their locks", entity=self._entity.path, reason=error.text)
        finally:
            self._closed = True
            self._disconnect()

    @contextmanager
    def _connected(self, doing: str) -> Iterator[ServiceBusReceiver]:
        """A receiver that is connected; after an error it is not trusted any more, and the next is another one."""
        if self._closed:
            raise RuntimeError("this subscriber is closed")
        try:
            with mapped(doing):
                if self._receiver is None:
                    self._client = self._namespace.client()
                    receiver = self._entity.receiver(self._client)
                    receiver.__enter__()
                    self._receiver = receiver
                yield self._receiver
        except SyncError:
            self._disconnect()
            raise

    @contextmanager
    def _given_back(self, offset: int) -> Iterator[tuple[ServiceBusReceiver, ServiceBusReceivedMessage]]:
        with self._connected(f"settling messages of {self._entity.path}") as receiver, suppress(*LOCK_LOST):
            yield receiver, self._held.pop(offset).message

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

    def _delivered(self, message: ServiceBusReceivedMessage) -> Message:
        delivered = received(message, self._entity.name)
        self._held[delivered.offset] = _Held(message, self._half_of_lock(message))
        return delivered

    def _half_of_lock(self, message: ServiceBusReceivedMessage) -> datetime:
        now = self._clock()
        return now + ((message.locked_until_utc or now) - now) / 2

    def _disconnect(self) -> None:
        """Without its connection nothing that was delivered can be settled."""
        self._held.clear()
        client, self._client, self._receiver = self._client, None, None
        if client is not None:
            with suppress(AzureError):
                client.close()
