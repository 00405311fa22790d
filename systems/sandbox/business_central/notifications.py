"""Webhook notifications: pending changes, merged, collected, and sent once per receiver."""

import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import httpx2

from schemas import json_codec
from systems.sandbox.business_central.columns import wire_time
from systems.sandbox.business_central.rows import Change, ChangeKind
from systems.sandbox.business_central.subscriptions import Subscription, Subscriptions, WebhookSettings
from systems.sandbox.courier import Courier

RETRY_DELAYS = (60.0, 60.0, 600.0, 6_000.0, 60_000.0)
"""Seconds before each new attempt; when all are used up, the subscriptions are deleted."""

_REGISTERED_EARLIER = timedelta(milliseconds=20)
"""A change is registered before the row is stamped: a notification's time is slightly older than the row's."""

_COLLECTION_MARGIN = timedelta(milliseconds=50)


@dataclass(frozen=True, slots=True)
class Pending:
    """A change that waits to be notified."""

    kind: ChangeKind
    record_id: str
    at: datetime


class _Window:
    """The changes of one subscription since the last notification, in order."""

    def __init__(self) -> None:
        self.changes: list[Pending] = []
        self._newest: dict[str, int] = {}

    def add(self, change: Pending) -> None:
        """Append ``change``; an update takes the place of an update of the same record with nothing in between."""
        last = self._newest.get(change.record_id)
        if last is not None and change.kind == self.changes[last].kind == "updated":
            self.changes[last] = change
        else:
            self._newest[change.record_id] = len(self.changes)
            self.changes.append(change)


@dataclass(frozen=True, slots=True)
class _Delivery:
    """One body on its way to one receiver, with the subscriptions it speaks for."""

    url: str
    body: bytes
    subscription_ids: tuple[str, ...]
    attempts: int = 0


class Notifier:
    """Tells subscribers about changes, from a background thread."""

    def __init__(
        self, subscriptions: Subscriptions, settings: WebhookSettings, courier: Courier, client: httpx2.Client
    ) -> None:
        self._subscriptions = subscriptions
        self._settings = settings
        self._courier = courier
        self._client = client
        self._lock = threading.Lock()
        self._pending: dict[str, dict[str, _Window]] = {}

    def changed(self, change: Change) -> None:
        """Register a committed change; the first one for a receiver starts the delay."""
        for subscription in self._subscriptions.all():
            if subscription.page.table is change.table:
                self._register(subscription, Pending(change.kind, change.record_id, change.at - _REGISTERED_EARLIER))

    def _register(self, subscription: Subscription, pending: Pending) -> None:
        url = subscription.notification_url
        with self._lock:
            first = url not in self._pending
            self._pending.setdefault(url, {}).setdefault(subscription.id, _Window()).add(pending)
        if first:
            self._courier.schedule(self._settings.delay, lambda: self._flush(url))

    def _flush(self, url: str) -> None:
        with self._lock:
            pending = self._pending.pop(url, {})
        living = {subscription.id: subscription for subscription in self._subscriptions.all()}
        value: list[dict[str, Any]] = []
        for subscription_id, window in pending.items():
            if subscription_id in living:
                value += self._entries(living[subscription_id], window.changes)
        if value:
            body = json_codec.encode({"value": value})
            self._deliver(_Delivery(url, body, tuple(key for key in pending if key in living)))

    def _entries(self, subscription: Subscription, changes: Sequence[Pending]) -> list[dict[str, Any]]:
        if len(changes) > self._settings.collection_threshold:
            resource = subscription.resource
            if all(change.kind != "deleted" for change in changes):
                since = min(change.at for change in changes) - _COLLECTION_MARGIN
                resource += f"?$filter=lastModifiedDateTime%20gt%20{wire_time(since)}"
            return [_entry(subscription, resource, "collection", max(change.at for change in changes))]
        return [
            _entry(subscription, f"{subscription.resource}({change.record_id})", change.kind, change.at)
            for change in changes
        ]

    def _deliver(self, delivery: _Delivery) -> None:
        correlation_id = str(uuid.uuid4())
        headers = {
            "content-type": "application/json",
            "clientrequestid": correlation_id,
            "x-ms-correlation-id": correlation_id,
        }
        try:
            answer = self._client.post(
                delivery.url, content=delivery.body, headers=headers, timeout=self._settings.timeout
            )
            status = answer.status_code
        except httpx2.HTTPError:
            status = httpx2.codes.REQUEST_TIMEOUT
        if httpx2.codes.is_success(status):
            return
        retryable = status >= httpx2.codes.INTERNAL_SERVER_ERROR or status in (
            httpx2.codes.REQUEST_TIMEOUT,
            httpx2.codes.TOO_MANY_REQUESTS,
        )
        if retryable and delivery.attempts < len(RETRY_DELAYS):
            again = replace(delivery, attempts=delivery.attempts + 1)
            delay = RETRY_DELAYS[delivery.attempts] * self._settings.retry_factor
            self._courier.schedule(delay, lambda: self._deliver(again))
            return
        for subscription_id in delivery.subscription_ids:
            self._subscriptions.delete(subscription_id)


def _entry(subscription: Subscription, resource: str, change_type: str, at: datetime) -> dict[str, Any]:
    return {
        "subscriptionId": subscription.id,
        "clientState": subscription.client_state,
        "expirationDateTime": wire_time(subscription.expires_at.replace(microsecond=0)),
        "resource": resource,
        "changeType": change_type,
        "lastModifiedDateTime": wire_time(at),
    }
