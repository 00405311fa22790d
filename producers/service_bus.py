"""Service Bus's publisher: to queues and topics of a namespace, in batches as large as it takes."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Lock

from azure.core.exceptions import AzureError
from azure.servicebus import ServiceBusClient, ServiceBusMessageBatch, ServiceBusSender
from azure.servicebus.exceptions import MessageSizeExceededError

from brokers.service_bus.errors import mapped
from brokers.service_bus.messages import sent
from brokers.service_bus.namespace import Namespace
from schemas.errors import Skip, SyncError
from schemas.topics import OutgoingMessage, Publisher

_ENVELOPE = 1024
"""Bytes that what surrounds a batch may have; the library counts less than it sends."""


class ServiceBusPublisher(Publisher):
    """Publishes to queues and topics of ``namespace``; connects to each with its first message.

    Service Bus keeps the order of messages as they were sent, but gives them to any of its receivers: order within a
    key holds for a single receiver only.

    Args:
        new_id: makes the ids of messages.
    """

    def __init__(self, namespace: Namespace, *, new_id: Callable[[], str]) -> None:
        self._namespace = namespace
        self._new_id = new_id
        self._lock = Lock()
        self._client: ServiceBusClient | None = None
        self._senders: dict[str, ServiceBusSender] = {}

    def publish(self, topic: str, messages: Sequence[OutgoingMessage]) -> None:
        """One request a batch; several calls go one after the other.

        Blocks 10 seconds a batch where Service Bus does not answer, and 10 more where it is connected to first.
        """
        if not messages:
            return
        with self._lock:
            try:
                with mapped(f"publishing to {topic}"):
                    sender = self._sender(topic)
                    for batch in _batches(sender, messages, self._new_id):
                        sender.send_messages(batch)
            except Skip:
                raise
            except SyncError:
                self._forget(topic)
                raise

    def close(self) -> None:
        """Nothing waits to be sent: every call has waited for its own messages."""
        with self._lock:
            for topic in list(self._senders):
                self._forget(topic)
            if self._client is not None:
                self._client.close()
                self._client = None

    def _sender(self, topic: str) -> ServiceBusSender:
        if self._client is None:
            self._client = self._namespace.client()
        if topic not in self._senders:
            # There is no telling beforehand whether it is a queue or a topic, and nothing depends on it.
            sender = self._client.get_queue_sender(topic)
            self._senders[topic] = sender
            sender.__enter__()  # connects: how large a batch may be is known only then
        return self._senders[topic]

    def _forget(self, topic: str) -> None:
        """Close a sender that is in an unknown state: the next call makes another."""
        sender = self._senders.pop(topic, None)
        if sender is not None:
            with suppress(AzureError):
                sender.close()


def _batches(
    sender: ServiceBusSender, messages: Sequence[OutgoingMessage], new_id: Callable[[], str]
) -> list[ServiceBusMessageBatch]:
    """``messages`` in order in as few batches as have room for them; nothing is sent yet.

    Raises:
        Skip: one of them is larger than a batch may be.
    """
    limit = sender.create_message_batch().max_size_in_bytes - _ENVELOPE
    batches = [sender.create_message_batch(limit)]
    for message in messages:
        one = sent(message, new_id())
        try:
            batches[-1].add_message(one)
        except MessageSizeExceededError:
            batches.append(sender.create_message_batch(limit))
            try:
                batches[-1].add_message(one)
            except MessageSizeExceededError as error:
                text = (
                    f"message {message.key[:200]} has {len(message.body)} bytes, with key and headers more than "
                    f"the {limit} that {sender.entity_name} takes"
                )
                raise Skip(text, code="message_too_large") from error
    return [batch for batch in batches if len(batch)]
