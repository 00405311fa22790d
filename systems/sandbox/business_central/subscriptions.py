"""Webhook subscriptions: made and renewed with a handshake, gone after three days."""

import re
import secrets
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import httpx2

from systems.sandbox.business_central.columns import wire_time
from systems.sandbox.business_central.errors import ApiError, bad_request
from systems.sandbox.business_central.etag import etag
from systems.sandbox.business_central.pages import Page, find_page
from systems.sandbox.business_central.quirks import Quirks
from systems.sandbox.store import Store

_RESOURCE = re.compile(r"(?:https?://.*)?/?api/(?P<root>.+)/companies\((?P<company>[^)]+)\)/(?P<set>\w+)")
_LONGEST_STATE = 2048


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """How webhooks behave; the defaults are the real ones.

    Attributes:
        delay: seconds from the first change to the notification.
        handshake_timeout: seconds in which the validation call must be answered.
        timeout: seconds in which a notification must be answered.
        retry_factor: what retry delays are multiplied with.
        collection_threshold: more pending changes of one subscription than this become one collection notification.
        lifetime: how long a subscription lives.
        limit: subscriptions that there may be.
    """

    delay: float = 30.0
    handshake_timeout: float = 5.0
    timeout: float = 30.0
    retry_factor: float = 1.0
    collection_threshold: int = 1000
    lifetime: timedelta = timedelta(days=3)
    limit: int = 200


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription; ``resource`` as the subscriber wrote it."""

    id: str
    page: Page
    resource: str
    notification_url: str
    client_state: str
    user_id: str
    created_at: datetime
    modified_at: datetime
    expires_at: datetime
    version: int

    def shown(self) -> dict[str, Any]:
        return {
            "@odata.etag": etag(self.version),
            "subscriptionId": self.id,
            "notificationUrl": self.notification_url,
            "resource": self.resource,
            "timestamp": self.version,
            "userId": self.user_id,
            "lastModifiedDateTime": wire_time(self.modified_at),
            "clientState": self.client_state,
            "expirationDateTime": wire_time(self.expires_at),
            "systemCreatedAt": wire_time(self.created_at),
            "systemCreatedBy": self.user_id,
            "systemModifiedAt": wire_time(self.modified_at),
            "systemModifiedBy": self.user_id,
        }


class Subscriptions:
    """All subscriptions of the environment. Safe to call from several threads."""

    def __init__(
        self, store: Store, quirks: Quirks, settings: WebhookSettings, company_id: str, client: httpx2.Client
    ) -> None:
        self._store = store
        self._quirks = quirks
        self._settings = settings
        self._company_id = company_id
        self._client = client
        self._lock = threading.Lock()
        self._subscriptions: dict[str, Subscription] = {}

    def all(self, root: str | None = None) -> list[Subscription]:
        """Those that have not expired, of one API or of all."""
        now = self._store.clock()
        with self._lock:
            expired = [key for key, subscription in self._subscriptions.items() if subscription.expires_at <= now]
            for key in expired:
                del self._subscriptions[key]
            return [found for found in self._subscriptions.values() if root in (None, found.page.root)]

    def get(self, root: str, subscription_id: str) -> Subscription:
        """One of an API.

        Raises:
            ApiError: there is none of that id.
        """
        found = next((found for found in self.all(root) if found.id == subscription_id), None)
        if found is None:
            raise ApiError(404, "Internal_RecordNotFound", "The Subscription does not exist.")
        return found

    def create(self, root: str, body: Mapping[str, Any], user_id: str) -> Subscription:
        """A new subscription, after the handshake.

        Raises:
            ApiError: the resource cannot be subscribed to, the pair exists, or the handshake failed.
        """
        url, resource, state = self._read(root, body)
        if any(found.notification_url == url and found.resource == resource for found in self.all()):
            raise ApiError(400, "Internal_EntityWithSameKeyExists", "The Subscription already exists.")
        if len(self.all()) >= self._settings.limit:
            raise bad_request(f"The maximum number of subscriptions, {self._settings.limit}, has been reached.")
        self._shake_hands(url)
        now = self._store.clock()
        created = Subscription(
            id=uuid.uuid4().hex,
            page=self._page(root, resource),
            resource=resource,
            notification_url=url,
            client_state=state,
            user_id=user_id,
            created_at=now,
            modified_at=now,
            expires_at=now + self._settings.lifetime,
            version=self._next_version(),
        )
        with self._lock:
            self._subscriptions[created.id] = created
        return created

    def renew(self, subscription: Subscription, body: Mapping[str, Any]) -> Subscription:
        """Shake hands again and live on for another lifetime, with what ``body`` changes.

        Raises:
            ApiError: as :meth:`create`.
        """
        changed = {"notificationUrl": subscription.notification_url, "resource": subscription.resource, **body}
        url, resource, state = self._read(subscription.page.root, {"clientState": subscription.client_state, **changed})
        self._shake_hands(url)
        now = self._store.clock()
        renewed = replace(
            subscription,
            page=self._page(subscription.page.root, resource),
            resource=resource,
            notification_url=url,
            client_state=state,
            modified_at=now,
            expires_at=now + self._settings.lifetime,
            version=self._next_version(),
        )
        with self._lock:
            self._subscriptions[renewed.id] = renewed
        return renewed

    def delete(self, subscription_id: str) -> None:
        """Idempotent."""
        with self._lock:
            self._subscriptions.pop(subscription_id, None)

    def supports(self, page: Page) -> bool:
        """Whether ``page`` can be subscribed to."""
        return page.documented_webhook or self._quirks.undocumented_webhooks

    def _next_version(self) -> int:
        with self._store.lock:
            return self._store.next_version()

    def _read(self, root: str, body: Mapping[str, Any]) -> tuple[str, str, str]:
        unknown = body.keys() - {"notificationUrl", "resource", "clientState"}
        if unknown:
            raise bad_request(f"The property '{min(unknown)}' does not exist on type 'Microsoft.NAV.subscriptions'.")
        url, resource, state = (body.get(name, "") for name in ("notificationUrl", "resource", "clientState"))
        if not all(isinstance(value, str) for value in (url, resource, state)):
            raise bad_request("notificationUrl, resource and clientState must be text.")
        if not url.startswith(("http://", "https://")):
            raise bad_request("The notificationUrl is not valid.")
        if len(state) > _LONGEST_STATE:
            raise ApiError(
                400,
                "Application_StringExceededLength",
                f"The length of the string is {len(state)}, but it must be less than or equal to {_LONGEST_STATE}"
                " characters.",
            )
        self._page(root, resource)
        return url, resource, state

    def _page(self, root: str, resource: str) -> Page:
        match = _RESOURCE.fullmatch(resource)
        page = find_page(match["root"], match["set"]) if match else None
        if match is None or page is None or page.root != root or not self.supports(page):
            raise bad_request(f"The resource '{resource}' does not support webhook notifications.")
        if match["company"].lower() != self._company_id:
            raise ApiError(404, "Internal_CompanyNotFound", "The company does not exist.")
        return page

    def _shake_hands(self, url: str) -> None:
        token = secrets.token_urlsafe(24)
        separator = "&" if "?" in url else "?"
        try:
            answer = self._client.request(
                self._quirks.handshake_method,
                f"{url}{separator}validationToken={token}",
                timeout=self._settings.handshake_timeout,
            )
        except httpx2.HTTPError as error:
            raise bad_request(f"The notificationUrl could not be validated: {type(error).__name__}.") from error
        if answer.status_code != httpx2.codes.OK or answer.text != token:
            raise bad_request(
                f"The notificationUrl could not be validated: it answered {answer.status_code}"
                f"{'' if answer.text == token else ' and not the validation token'}."
            )
