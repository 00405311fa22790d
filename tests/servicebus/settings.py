"""What an entity is created with."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EntitySettings:
    """Settings of a queue, a topic or a subscription; times in seconds, Service Bus's own defaults.

    Attributes:
        lock_duration: how long a message or a session is a receiver's own.
        max_delivery_count: failed deliveries before a message is a dead letter.
        requires_session: whether every message belongs to a session.
        duplicate_window: how long the id of a message is remembered; 0 detects no duplicates.
        time_to_live: how long a message lives at most; ``None`` is forever.
        dead_letter_expired: whether a message that has outlived its time is kept as a dead letter.
        max_message_size: bytes of a message or a batch.
    """

    lock_duration: float = 60.0
    max_delivery_count: int = 10
    requires_session: bool = False
    duplicate_window: float = 0.0
    time_to_live: float | None = None
    dead_letter_expired: bool = False
    max_message_size: int = 256 * 1024
