"""A message that an entity keeps."""

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING
from uuid import UUID

from tests.servicebus.amqp.message import Message
from tests.servicebus.amqp.types import Int, Symbol, Timestamp, Value

if TYPE_CHECKING:
    from tests.servicebus.queue import Consumer


class State(IntEnum):
    """As ``x-opt-message-state`` says it."""

    ACTIVE = 0
    DEFERRED = 1
    SCHEDULED = 2


@dataclass(slots=True)
class Lock:
    """A message is one receiver's own until then."""

    token: UUID
    holder: "Consumer | None"
    until: float


@dataclass(slots=True)
class StoredMessage:
    """One message and where it stands. Times are seconds since 1970."""

    message: Message
    sequence_number: int
    enqueued: float
    session_id: str | None = None
    expires: float | None = None
    state: State = State.ACTIVE
    delivery_count: int = 0
    enqueued_sequence_number: int = 0
    lock: Lock | None = None

    def expired(self, now: float) -> bool:
        return self.expires is not None and self.expires <= now

    def encode(self) -> bytes:
        """As somebody gets it who only looks."""
        return self._seen().encode()

    def encode_locked(self, lock: Lock) -> bytes:
        """As its receiver gets it."""
        seen = self._seen().with_annotations({"x-opt-locked-until": milliseconds(lock.until)})
        return replace(seen, delivery_annotations={Symbol("x-opt-lock-token"): lock.token}).encode()

    def _seen(self) -> Message:
        annotations: dict[str, Value] = {
            "x-opt-sequence-number": self.sequence_number,
            "x-opt-enqueued-time": milliseconds(self.enqueued),
            "x-opt-enqueue-sequence-number": self.enqueued_sequence_number,
            "x-opt-message-state": Int(self.state),
        }
        return self.message.with_annotations(annotations).with_delivery_count(self.delivery_count)


def milliseconds(moment: float) -> Timestamp:
    """A time as AMQP has it."""
    return Timestamp(round(moment * 1000))
