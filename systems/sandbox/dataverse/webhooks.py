"""Asynchronous steps: every registered receiver gets the events of its tables."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import TypeAlias

import httpx2

from systems.sandbox.courier import Courier
from systems.sandbox.dataverse import context
from systems.sandbox.dataverse.organization import Organization
from systems.sandbox.dataverse.quirks import Quirks
from systems.sandbox.dataverse.rows import Change, Message

LARGEST_BODY = 256 * 1024
_RETRIED = (502, 503, 504)

Sink: TypeAlias = Callable[[bytes, Mapping[str, str]], None]
"""Takes a body and its headers, in the courier's thread, instead of a post to an address."""


@dataclass(frozen=True, slots=True)
class EventSettings:
    """How events are delivered.

    Attributes:
        delay: mean seconds from the change to the event.
        jitter: deviation of the delay where events are unordered.
        timeout: seconds in which a receiver must answer.
        retry_delay: seconds before the one retry.
        largest_body: a longer one loses its parameters and images.
    """

    delay: float = 2.0
    jitter: float = 2.0
    timeout: float = 60.0
    retry_delay: float = 5.0
    largest_body: int = LARGEST_BODY


@dataclass(frozen=True, slots=True)
class Webhook:
    """A registered receiver.

    Attributes:
        url: where to post, with the query that authenticates where that is the way.
        headers: sent along; one may authenticate.
        tables: by logical name; all if empty.
        messages: all if empty.
        filtering_columns: an update is told only if it submits one of these; any if empty.
        name: of the step.
        largest_body: a longer one loses its parameters and images; ``None``: as the settings say.
    """

    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    tables: frozenset[str] = frozenset()
    messages: frozenset[Message] = frozenset()
    filtering_columns: frozenset[str] = frozenset()
    name: str = "sandbox step"
    largest_body: int | None = None

    def concerns(self, change: Change) -> bool:
        if self.tables and change.table.name not in self.tables:
            return False
        if self.messages and change.message not in self.messages:
            return False
        if change.message == "Update" and self.filtering_columns:
            return any(column.name in self.filtering_columns for column in change.columns)
        return True


class Webhooks:
    """Posts changes to receivers from a background thread. Safe to call from several threads."""

    def __init__(
        self,
        organization: Organization,
        quirks: Quirks,
        settings: EventSettings,
        courier: Courier,
        client: httpx2.Client,
    ) -> None:
        self._organization = organization
        self._quirks = quirks
        self._settings = settings
        self._courier = courier
        self._client = client
        self._lock = threading.Lock()
        self._webhooks: list[tuple[Webhook, Sink | None]] = []
        self._events = 0

    def register(self, webhook: Webhook, sink: Sink | None = None) -> None:
        """Add a receiver; with a ``sink``, that gets the events and nothing is posted."""
        with self._lock:
            self._webhooks.append((webhook, sink))

    def registered(self) -> list[Webhook]:
        with self._lock:
            return [webhook for webhook, _ in self._webhooks]

    def remove_all(self) -> None:
        with self._lock:
            self._webhooks.clear()

    def changed(self, change: Change) -> None:
        """Queue the events of a committed change."""
        with self._lock:
            webhooks = list(self._webhooks)
        for webhook, sink in webhooks:
            if webhook.concerns(change):
                self._queue(webhook, sink, change)

    def _queue(self, webhook: Webhook, sink: Sink | None, change: Change) -> None:
        document = context.write(change, self._organization, webhook.name, self._quirks)
        body = context.encode(document, self._quirks)
        headers = {
            "content-type": "application/json",
            "x-ms-dynamics-organization": self._organization.name,
            "x-ms-dynamics-entity-name": change.table.name,
            "x-ms-dynamics-request-name": change.message,
            "x-ms-correlation-request-id": change.correlation_id,
        }
        if len(body) > (webhook.largest_body or self._settings.largest_body):
            body = context.encode(context.cut(document), self._quirks)
            headers["x-ms-dynamics-msg-size-exceeded"] = "true"
        self._courier.schedule(self._delay(), lambda: self._deliver(webhook, sink, body, headers, retry=True))

    def _delay(self) -> float:
        self._events += 1
        settings = self._settings
        if not self._quirks.unordered_events or not settings.jitter:
            return settings.delay
        return max(0.0, NormalDist(settings.delay, settings.jitter).samples(1, seed=self._events)[0])

    def _deliver(
        self, webhook: Webhook, sink: Sink | None, body: bytes, headers: Mapping[str, str], *, retry: bool
    ) -> None:
        if sink is not None:
            sink(body, headers)
            return
        try:
            answer = self._client.post(
                webhook.url, content=body, headers={**headers, **webhook.headers}, timeout=self._settings.timeout
            )
        except httpx2.HTTPError:
            return  # the system job fails: only answers of a gateway are tried again
        if answer.status_code in _RETRIED and retry:
            delay = self._settings.retry_delay
            self._courier.schedule(delay, lambda: self._deliver(webhook, sink, body, headers, retry=False))
