"""Looking at entities: whether they may be listened and sent to, and whether they are made as a source should be.

The first two are tried, which every identity may that is to do them. How an entity is made is known over HTTP, and only
to those who may manage it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from azure.core.exceptions import AzureError
from azure.servicebus.management import ServiceBusAdministrationClient

from brokers.service_bus.errors import mapped
from brokers.service_bus.namespace import Entity, Namespace
from schemas.topic_keeping import TopicFault

_SHORTEST_LOCK = timedelta(seconds=30)
_FEWEST_DELIVERIES = 5


@dataclass(frozen=True, slots=True)
class EntityDescription:
    """How an entity is made, as far as that matters to a source.

    Attributes:
        lock_duration: how long a message is a receiver's own.
        forwards_to: where all messages go instead of staying.
        time_to_live: after which a message is gone unread; ``None``: never.
        keeps_expired: as dead letters.
        duplicate_window: how long ids of messages are remembered; ``None``: they are not.
    """

    lock_duration: timedelta
    max_delivery_count: int
    requires_session: bool
    forwards_to: str | None
    time_to_live: timedelta | None
    keeps_expired: bool
    duplicate_window: timedelta | None


def listen(namespace: Namespace, entity: Entity) -> bool:
    """Whether a message waits; none is taken.

    Raises:
        Retry, Stop: the namespace is away, or refuses; there is no such entity; or it has sessions.
    """
    with (
        mapped(f"listening to {entity.path}"),
        namespace.client() as client,
        entity.receiver(client) as receiver,
    ):
        return bool(receiver.peek_messages(1))


def send(namespace: Namespace, name: str) -> None:
    """Connect as a sender; nothing is sent.

    Raises:
        Retry, Stop: the namespace is away, or refuses; or there is no such entity.
    """
    with mapped(f"sending to {name}"), namespace.client() as client, client.get_queue_sender(name):
        pass


def described(administration: ServiceBusAdministrationClient, entity: Entity) -> EntityDescription | None:
    """How the entity is made; ``None``: we may not know, or cannot reach what knows."""
    try:
        if entity.subscription is None:
            made: Any = administration.get_queue(entity.name)
            of_messages: Any = made
        else:
            made = administration.get_subscription(entity.name, entity.subscription)
            of_messages = administration.get_topic(entity.name)
    except AzureError:
        return None
    detects = of_messages.requires_duplicate_detection
    lives = made.default_message_time_to_live
    return EntityDescription(
        lock_duration=made.lock_duration,
        max_delivery_count=made.max_delivery_count,
        requires_session=bool(made.requires_session),
        forwards_to=made.forward_to,
        time_to_live=lives if lives and lives < timedelta(days=3650) else None,
        keeps_expired=bool(made.dead_lettering_on_message_expiration),
        duplicate_window=of_messages.duplicate_detection_history_time_window if detects else None,
    )


def faults(entity: Entity, made: EntityDescription) -> Iterator[TopicFault]:
    """What would lose messages, or keep them from us."""
    name = entity.path
    if made.requires_session:
        yield TopicFault(f"{name} has sessions, which Dataverse cannot send to", "Make it anew without sessions.")
    if made.forwards_to:
        yield TopicFault(
            f"{name} forwards everything to {made.forwards_to}",
            "Name that as the source, or take the forwarding off.",
        )
    if made.lock_duration < _SHORTEST_LOCK:
        yield TopicFault(
            f"{name} has locks of {made.lock_duration.total_seconds():g} s: a short pause delivers messages twice",
            "Set the lock duration to a minute.",
        )
    if made.max_delivery_count < _FEWEST_DELIVERIES:
        yield TopicFault(
            f"{name} gives up a message after {made.max_delivery_count} deliveries: lost connections count as such",
            "Set the max delivery count to 10.",
        )
    if made.time_to_live is not None and not made.keeps_expired:
        yield TopicFault(
            f"{name} forgets messages after {made.time_to_live} unread: a longer outage of the worker loses changes",
            "Have expired messages kept as dead letters, or set no time to live.",
        )
