"""How a Service Bus namespace is reached, and its entities that messages are taken from."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from azure.core.credentials import TokenCredential
from azure.servicebus import ServiceBusClient, ServiceBusReceiver, ServiceBusSubQueue
from azure.servicebus.management import ServiceBusAdministrationClient

from schemas.errors import Stop

ATTEMPT_TIMEOUT = 10.0
"""Seconds within which Service Bus has to answer one request."""


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace, and who we are to it: a connection string, or a host name with a credential of Microsoft Entra.

    Attributes:
        ca_file: certificates to trust (PEM); ``None``: those that come with the library.
    """

    connection_string: str | None = field(default=None, repr=False)
    host: str = ""
    credential: TokenCredential | None = field(default=None, repr=False)
    ca_file: Path | None = None

    def client(self) -> ServiceBusClient:
        """A client, not connected yet, that tries nothing twice: doing it again is for those who know what it is.

        Raises:
            Stop: the connection string is none.
        """
        options: dict[str, Any] = {"retry_total": 0, "try_timeout": ATTEMPT_TIMEOUT}
        if self.ca_file is not None:
            options["connection_verify"] = str(self.ca_file)
        if self.connection_string is None:
            return ServiceBusClient(self.host, self._credential(), **options)
        try:
            return ServiceBusClient.from_connection_string(self.connection_string, **options)
        except ValueError as error:
            raise _no_connection_string() from error

    def administration(self) -> ServiceBusAdministrationClient:
        """A client for the HTTP management of entities.

        Raises:
            Stop: the connection string is none.
        """
        options: dict[str, Any] = {"retry_total": 0}
        if self.ca_file is not None:
            options["connection_verify"] = str(self.ca_file)
        if self.connection_string is None:
            return ServiceBusAdministrationClient(self.host, self._credential(), **options)
        try:
            return ServiceBusAdministrationClient.from_connection_string(self.connection_string, **options)
        except ValueError as error:
            raise _no_connection_string() from error

    def _credential(self) -> TokenCredential:
        if self.credential is None:
            raise ValueError("a namespace with neither connection string nor credential")
        return self.credential


@dataclass(frozen=True, slots=True)
class Entity:
    """A queue, or a subscription of a topic.

    Attributes:
        name: of the queue or the topic.
        subscription: ``None``: it is a queue.
    """

    name: str
    subscription: str | None = None

    @property
    def path(self) -> str:
        """What to call it: ``queue`` or ``topic/subscription``."""
        return self.name if self.subscription is None else f"{self.name}/{self.subscription}"

    def receiver(self, client: ServiceBusClient, *, dead_letters: bool = False) -> ServiceBusReceiver:
        """A receiver in peek-lock, not connected yet.

        Nothing is fetched ahead: what lies in a buffer while we cannot work would lose its lock, and one of the
        deliveries that it is allowed.

        Args:
            dead_letters: of its dead-letter queue.
        """
        sub_queue = ServiceBusSubQueue.DEAD_LETTER if dead_letters else None
        if self.subscription is None:
            return client.get_queue_receiver(self.name, sub_queue=sub_queue)
        return client.get_subscription_receiver(self.name, self.subscription, sub_queue=sub_queue)


def _no_connection_string() -> Stop:
    return Stop(
        "service_bus.connection_string is no connection string of a Service Bus namespace. Copy it from the portal "
        "(Shared access policies): Endpoint=sb://…;SharedAccessKeyName=…;SharedAccessKey=…",
        code="credentials",
    )
