"""A service endpoint: contexts are posted to a queue or topic of Service Bus over AMQP, as the real system does."""

import threading
from collections.abc import Mapping
from typing import Any, Final

from azure.core.exceptions import AzureError
from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusSender

from schemas import json_codec

LARGEST_MESSAGE: Final = 192 * 1024
"""Bytes beyond which a context loses its parameters and images (*Azure integration*)."""

_CLAIMS = "http://schemas.microsoft.com/xrm/2011/Claims/"
_SIZE_EXCEEDED = "MessageMaxSizeExceeded"
_ATTEMPTS = 20


class ServiceEndpoint:
    """What a step posts to instead of an address: the sink of a :class:`~systems.sandbox.dataverse.webhooks.Webhook`
    whose ``largest_body`` is :data:`LARGEST_MESSAGE`. Safe to call from several threads.

    Attributes:
        failed: contexts that could not be posted, tried again as they were: their system jobs have failed.
    """

    def __init__(self, connection_string: str, entity: str) -> None:
        self._client = ServiceBusClient.from_connection_string(
            connection_string, retry_total=_ATTEMPTS, retry_backoff_factor=0.02, retry_backoff_max=1
        )
        self._entity = entity
        self._lock = threading.Lock()
        self._sender: ServiceBusSender | None = None
        self.failed: list[bytes] = []

    def __call__(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Post one; blocks while it is tried again."""
        message = ServiceBusMessage(
            body, content_type=headers["content-type"], application_properties=_properties(body, headers)
        )
        with self._lock:
            try:
                if self._sender is None:
                    self._sender = self._client.get_queue_sender(self._entity)
                self._sender.send_messages(message)
            except AzureError:
                self.failed.append(body)

    def close(self) -> None:
        """Let go of the connection."""
        with self._lock:
            self._client.close()


def _properties(body: bytes, headers: Mapping[str, str]) -> dict[str | bytes, Any]:
    context = json_codec.decode(body)
    properties: dict[str | bytes, Any] = {
        f"{_CLAIMS}Organization": headers["x-ms-dynamics-organization"],
        f"{_CLAIMS}User": context["UserId"],
        f"{_CLAIMS}InitiatingUser": context["InitiatingUserId"],
        f"{_CLAIMS}EntityLogicalName": headers["x-ms-dynamics-entity-name"],
        f"{_CLAIMS}RequestName": headers["x-ms-dynamics-request-name"],
    }
    if "x-ms-dynamics-msg-size-exceeded" in headers:
        properties[_SIZE_EXCEEDED] = "true"
    return properties
