"""The web receiver: both systems post their notifications here, and an answer of 2xx means they are on the topic.

``/business-central`` takes webhook notifications. Business Central deletes a subscription at any answer but 2xx, 5xx,
408 and 429, so whatever the sender cannot mend is accepted and whatever we cannot do now is 503. Each entry vouches for
itself by its ``clientState``; entries without the right one are dropped. ``/dataverse`` takes contexts of webhook
steps; the caller vouches for itself by a key.

A body that cannot be read goes onto the topic as it is, marked as refused: the worker moves it to the dead letters with
the reason, and nothing is lost. The key may stand in the query string, so serve this without an access log.
"""

import hmac
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

import structlog
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from schemas import business_central_notification, cloud_event, incoming, json_codec
from schemas.change_event import ChangeEvent
from schemas.errors import DeadLetter, Retry, SyncError
from schemas.topics import OutgoingMessage, Publisher

KEY_HEADER: Final = "x-twinrow-key"
KEY_PARAMETER: Final = "code"

BUSINESS_CENTRAL_LIMIT: Final = 16 * 1024 * 1024
"""Bytes. One post carries up to 1000 entries of every subscription of the address, about half a kilobyte each. Beyond
it the answer is 503: 413 would delete the subscription, and 2xx would lose the changes."""
DATAVERSE_LIMIT: Final = 1024 * 1024
"""Bytes; Dataverse itself cuts a context at 256 KB. Beyond it the answer is 413."""

_RETRY_AFTER = 10  # seconds; where the broker does not say how long it will be away
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")

_log = structlog.get_logger(__name__)


def create_app(
    publisher: Publisher,
    topic: str,
    *,
    client_state: str,
    webhook_key: str,
    new_id: Callable[[], str],
    clock: Callable[[], datetime],
) -> Starlette:
    """The receiver as an ASGI application.

    Args:
        client_state: the secret that Business Central's subscriptions were made with.
        webhook_key: the secret that Dataverse's webhooks were registered with, as header ``x-twinrow-key`` or as query
            parameter ``code``.
        new_id: makes the message keys of bodies that name no record.
        clock: the present time in UTC, for notifications that do not say when the change happened.

    Raises:
        ValueError: if a secret is empty, which anybody could guess.
    """
    if not client_state or not webhook_key:
        raise ValueError("the receiver needs a client state for Business Central and a webhook key for Dataverse")
    receiver = _Receiver(publisher, topic, client_state, webhook_key, new_id, clock)
    return Starlette(
        routes=[
            Route("/business-central", receiver.business_central, methods=["GET", "POST"]),
            Route("/dataverse", receiver.dataverse, methods=["POST"]),
            Route("/healthz", _healthy),
        ],
        exception_handlers={Exception: _unexpected},
    )


@dataclass(frozen=True, slots=True)
class _Trace:
    """W3C trace context of a request; both ``None`` where it has none that is valid."""

    parent: str | None
    state: str | None

    @classmethod
    def of(cls, request: Request) -> "_Trace":
        parent = request.headers.get("traceparent")
        if not parent or not _TRACEPARENT.fullmatch(parent):
            return cls(None, None)
        return cls(parent, request.headers.get("tracestate"))


@dataclass(frozen=True, slots=True)
class _Receiver:
    publisher: Publisher
    topic: str
    client_state: str = field(repr=False)
    webhook_key: str = field(repr=False)
    new_id: Callable[[], str]
    clock: Callable[[], datetime]

    async def business_central(self, request: Request) -> Response:
        token = request.query_params.get("validationToken")
        if token is not None:  # the handshake, when a subscription is made and when it is renewed
            return PlainTextResponse(token)
        if request.method != "POST":
            return PlainTextResponse("Notifications are posted.", 405, {"allow": "POST"})
        body = await _body(request, BUSINESS_CENTRAL_LIMIT)
        if body is None:
            _log.error("notification refused", reason="too large", limit=BUSINESS_CENTRAL_LIMIT)
            return _unavailable(_RETRY_AFTER)
        return await run_in_threadpool(self._take_notification, body, _Trace.of(request))

    async def dataverse(self, request: Request) -> Response:
        keys = (request.headers.get(KEY_HEADER), request.query_params.get(KEY_PARAMETER))
        if not any(_same(key, self.webhook_key) for key in keys):
            _log.warning("context refused", reason="wrong key")
            return PlainTextResponse("The key is wrong.", 401)
        body = await _body(request, DATAVERSE_LIMIT)
        if body is None:
            _log.error("context refused", reason="too large", limit=DATAVERSE_LIMIT)
            return PlainTextResponse("The body is too large.", 413)
        return await run_in_threadpool(self._take_context, body, _Trace.of(request))

    def _take_notification(self, body: bytes, trace: _Trace) -> Response:
        try:
            entries = _entries(body, self.clock())
        except DeadLetter as reason:
            return self._publish([self._refused(body, reason)])
        known = [entry for entry in entries if _same(entry.client_state, self.client_state)]
        if len(known) < len(entries):
            _log.warning("notification entries dropped", reason="wrong clientState", dropped=len(entries) - len(known))
        return self._publish(
            self._refused(json_codec.encode(entry.alone), entry.result)
            if isinstance(entry.result, DeadLetter)
            else _message(entry.result, trace)
            for entry in known
        )

    def _take_context(self, body: bytes, trace: _Trace) -> Response:
        reading = incoming.read(body, received=self.clock())
        messages = [_message(event, trace) for event in reading.events]
        return self._publish(messages + [self._refused(part.body, part.reason) for part in reading.unreadable])

    def _refused(self, body: bytes, reason: DeadLetter) -> OutgoingMessage:
        _log.warning("message cannot be read", code=reason.code, reason=reason.text)
        return OutgoingMessage(f"unreadable:{self.new_id()}", body, incoming.unreadable_header(reason))

    def _publish(self, messages: Iterable[OutgoingMessage]) -> Response:
        batch = list(messages)
        if batch:
            try:
                self.publisher.publish(self.topic, batch)
            except SyncError as error:
                _log.error("messages not published", topic=self.topic, messages=len(batch), reason=error.text)
                after = error.after if isinstance(error, Retry) else None
                return _unavailable(after or _RETRY_AFTER)
        return Response(status_code=202)


def _entries(body: bytes, received: datetime) -> list[business_central_notification.NotificationEntry]:
    document = incoming.parse(body)
    if not business_central_notification.is_notification(document):
        raise DeadLetter(
            "What was posted to /business-central is no notification of Business Central.", code="not_a_notification"
        )
    return business_central_notification.entries(document, received=received)


def _message(event: ChangeEvent, trace: _Trace) -> OutgoingMessage:
    traced = replace(event, traceparent=trace.parent, tracestate=trace.state) if trace.parent else event
    return cloud_event.encode(traced)


async def _body(request: Request, limit: int) -> bytes | None:
    """The request's body; ``None`` if it has more than ``limit`` bytes, of which the rest is not read."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            return None
    return bytes(body)


def _same(given: str | None, secret: str) -> bool:
    return hmac.compare_digest((given or "").encode(), secret.encode())


def _unavailable(after: float) -> Response:
    return PlainTextResponse("Not now; please send it again.", 503, {"retry-after": str(math.ceil(after))})


async def _unexpected(_: Request, __: Exception) -> Response:
    return _unavailable(_RETRY_AFTER)  # the server logs the error itself


async def _healthy(_: Request) -> Response:
    return PlainTextResponse("ok")
