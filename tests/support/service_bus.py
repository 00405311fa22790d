"""A Service Bus namespace for the tests: the one that the environment names, or the test broker."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Protocol

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.servicebus.management import ServiceBusAdministrationClient

from tests.servicebus.broker import ServiceBusBroker
from tests.servicebus.settings import EntitySettings

GIVEN = "SERVICEBUS_CONNECTION_STRING"
"""Environment variable: a namespace to use, with the right to manage it. What tests create there has new names."""


class ServiceBusNamespace(Protocol):
    """Where tests create what they need."""

    @property
    def connection_string(self) -> str:
        """For clients."""

    def create_queue(self, name: str, settings: EntitySettings | None = None) -> None:
        """A new, empty queue."""

    def create_topic(self, name: str, settings: EntitySettings | None = None) -> None:
        """A new topic without subscriptions."""

    def create_subscription(self, topic: str, name: str, settings: EntitySettings | None = None) -> None:
        """A new subscription that gets everything from now on."""

    def delete(self, name: str) -> None:
        """Forget a queue or a topic; one that is not there is fine."""

    def count(self, address: str) -> int:
        """How many messages a queue holds, in any state."""

    def expire_locks(self, address: str) -> int:
        """Let every lock of an entity run out, now or when its time has come; how many are known to have."""


class GivenNamespace:
    """A namespace that is there already, managed over HTTP."""

    def __init__(self, connection_string: str) -> None:
        self.connection_string = connection_string
        self._client = ServiceBusAdministrationClient.from_connection_string(connection_string)

    def create_queue(self, name: str, settings: EntitySettings | None = None) -> None:
        self._client.create_queue(name, **_entity(settings or EntitySettings()), **_detection(settings))

    def create_topic(self, name: str, settings: EntitySettings | None = None) -> None:
        self._client.create_topic(name, **_detection(settings))

    def create_subscription(self, topic: str, name: str, settings: EntitySettings | None = None) -> None:
        self._client.create_subscription(topic, name, **_entity(settings or EntitySettings()))

    def delete(self, name: str) -> None:
        for delete in (self._client.delete_queue, self._client.delete_topic):
            try:
                delete(name)
            except ResourceNotFoundError:
                continue

    def count(self, address: str) -> int:
        return self._client.get_queue_runtime_properties(address).active_message_count or 0

    def expire_locks(self, address: str) -> int:
        """They run out by themselves before tests stop waiting."""
        del address
        return 0


@contextmanager
def service_bus() -> Iterator[ServiceBusNamespace]:
    """The namespace; a broker started here is gone afterwards.

    Raises:
        AssertionError: the given one cannot be reached.
    """
    if given := os.environ.get(GIVEN):
        yield _reached(given)
        return
    broker = ServiceBusBroker()
    broker.start()
    yield broker
    broker.stop()


def _reached(given: str) -> GivenNamespace:
    try:
        namespace = GivenNamespace(given)
        namespace.delete("twinrow-no-such-entity")
    except (AzureError, ValueError) as error:
        raise AssertionError(f"The namespace of {GIVEN} cannot be managed: {type(error).__name__}") from None
    return namespace


def _entity(settings: EntitySettings) -> dict[str, Any]:
    return {
        "lock_duration": timedelta(seconds=max(settings.lock_duration, 5.0)),  # Azure knows no shorter one
        "max_delivery_count": settings.max_delivery_count,
        "requires_session": settings.requires_session,
        "dead_lettering_on_message_expiration": settings.dead_letter_expired,
        "default_message_time_to_live": settings.time_to_live and timedelta(seconds=settings.time_to_live),
    }


def _detection(settings: EntitySettings | None) -> dict[str, Any]:
    if settings is None or not settings.duplicate_window:
        return {}
    window = timedelta(seconds=settings.duplicate_window)
    return {"requires_duplicate_detection": True, "duplicate_detection_history_time_window": window}
