"""The dead-letter queue that every entity of Service Bus has: looked into, sent from again, emptied.

A message in it can only be taken in its turn, so whoever wants some of them takes all before these, too, and gives the
others back. That counts as a delivery, which nobody counts there.
"""

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass

from azure.servicebus import ServiceBusReceivedMessage

from brokers.service_bus.errors import LOCK_LOST, mapped
from brokers.service_bus.messages import copied, received
from brokers.service_bus.namespace import Entity, Namespace
from schemas.topics import Message

_BATCH = 250
_PATIENCE = 2.0
"""Seconds without a further message after which there is none."""

_WRITTEN_BY_SERVICE_BUS = ("DeadLetterReason", "DeadLetterErrorDescription")


@dataclass(frozen=True, slots=True)
class QueuedDeadLetter:
    """A message in a dead-letter queue. ``reason`` is short; ``text`` says what to do, where Twinrow put it there."""

    message: Message
    reason: str
    text: str

    @property
    def number(self) -> int:
        """What tells it from the others of its queue."""
        return self.message.offset


class DeadLetterQueue:
    """The dead-letter queue of ``entity``. Each call connects for itself.

    Raises:
        Retry, Stop: Service Bus is away, or refuses.
    """

    def __init__(self, namespace: Namespace, entity: Entity, *, new_id: Callable[[], str]) -> None:
        self._namespace = namespace
        self._entity = entity
        self._new_id = new_id

    def listed(self, limit: int) -> list[QueuedDeadLetter]:
        """The oldest, which stay as they are; one request for each 250."""
        found: list[QueuedDeadLetter] = []
        with (
            mapped(f"looking into the dead letters of {self._entity.path}"),
            self._namespace.client() as client,
            self._entity.receiver(client, dead_letters=True) as receiver,
        ):
            while len(found) < limit:
                first = found[-1].number + 1 if found else 1
                peeked = receiver.peek_messages(min(_BATCH, limit - len(found)), sequence_number=first)
                if not peeked:
                    break
                found += [self._letter(message) for message in peeked]
        return found

    def retry(self, numbers: Collection[int]) -> set[int]:
        """Send these once more to where they were sent; which of them were there.

        Each goes under a new id: one that detects duplicates may still remember the old one, and would drop it without
        a word. What was sent to a topic comes to all of its subscriptions again.
        """
        return self._take(numbers, send=True)

    def drop(self, numbers: Collection[int]) -> set[int]:
        """Forget these for good; which of them were there."""
        return self._take(numbers, send=False)

    def _take(self, numbers: Collection[int], *, send: bool) -> set[int]:
        left, others = set(numbers), []
        with (
            mapped(f"taking dead letters of {self._entity.path}"),
            self._namespace.client() as client,
            client.get_queue_sender(self._entity.name) as sender,
            self._entity.receiver(client, dead_letters=True) as receiver,
        ):
            while left and (messages := receiver.receive_messages(_BATCH, max_wait_time=_PATIENCE)):
                for message in messages:
                    if message.sequence_number not in left:
                        others.append(message)
                        continue
                    if send:  # before it is gone here: rather twice than never
                        sender.send_messages(copied(message, self._new_id(), without=_WRITTEN_BY_SERVICE_BUS))
                    receiver.complete_message(message)
                    left.discard(message.sequence_number)
            for message in others:
                with suppress(*LOCK_LOST):
                    receiver.abandon_message(message)
        return set(numbers) - left

    def _letter(self, message: ServiceBusReceivedMessage) -> QueuedDeadLetter:
        reason, text = message.dead_letter_reason or "", message.dead_letter_error_description or ""
        return QueuedDeadLetter(received(message, self._entity.path), reason, text)
