"""A message that an entity keeps."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING
from uuid import UUID

from tests.servicebus.amqp.message import Message
from tests.servicebus.amqp.types import Int, Timestamp, Value

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
    more: dict[str, Value] = field(default_factory=dict)

    def expired(self, now: float) -> bool:
        return self.expires is not None and self.expires <= now

    def encode(self, *, locked_until: float | None = None) -> bytes:
        """As a receiver gets it."""
        annotations: dict[str, Value] = {
            "x-opt-sequence-number": self.sequence_number,
            "x-opt-enqueued-time": milliseconds(self.enqueued),
            "x-opt-enqueue-sequence-number": self.enqueued_sequence_number,
            "x-opt-message-state": Int(self.state),
            **self.more,
        }
        if locked_until is not None:
            annotations["x-opt-locked-until"] = milliseconds(locked_until)
        return self.message.with_annotations(annotations).with_delivery_count(self.delivery_count).encode()


def milliseconds(moment: float) -> Timestamp:
    """A time as AMQP has it."""
    return Timestamp(round(moment * 1000))
