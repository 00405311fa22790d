"""Who a worker is to a system: client credentials, and the bearer tokens bought with them.

A :class:`TokenSource` fetches a token; :class:`BearerAuth` keeps it until shortly before it expires and puts it on
every request. A client secret of Microsoft Entra ID: ``systems/entra.py``.
"""

import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Protocol

import httpx2

from schemas.errors import Retry, Stop
from schemas.json_codec import NotJson, decode
from systems.tls import tls_context

_DEFAULT_LIFETIME = 3599


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token. ``expires_at`` is in seconds since the epoch."""

    value: str = field(repr=False)
    expires_at: float


class TokenSource(Protocol):
    """One credential of a system, and the scope that its tokens are for (``https://contoso.crm4.dynamics.com/.default``)."""

    @property
    def client_id(self) -> str:
        """The application (client) id: what messages call the credential."""

    def fetch(self) -> Token:
        """A fresh token.

        Raises:
            Stop: the credential is refused.
            Retry: whoever issues tokens cannot be reached.
        """


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """A plain OAuth 2.0 token endpoint that takes client credentials as a form (RFC 6749, 4.4)."""

    url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str
    clock: Callable[[], float] = field(default=time.time, repr=False)
    transport: httpx2.BaseTransport | None = field(default=None, repr=False)

    def fetch(self) -> Token:
        """See :meth:`TokenSource.fetch`."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "scope": self.scope,
        }
        asked_at = self.clock()
        try:
            with httpx2.Client(timeout=30, verify=tls_context(), transport=self.transport) as client:
                response = client.post(self.url, data=form)
        except httpx2.UnsupportedProtocol as error:
            raise Stop(f"The token endpoint {self.url} is not an http address. Correct it.") from error
        except httpx2.RequestError as error:
            raise Retry(f"No token for client {self.client_id}: {self.url} cannot be reached ({error}).") from error
        answer = _json_object(response.content)
        if response.status_code == httpx2.codes.TOO_MANY_REQUESTS or response.is_server_error:
            raise Retry(f"No token for client {self.client_id}: {self.url} answered {response.status_code}.")
        token = answer.get("access_token")
        if not response.is_success or not isinstance(token, str):
            reason = answer.get("error_description") or answer.get("error") or f"status {response.status_code}"
            raise refused(self.client_id, self.client_secret, self.url, str(reason))
        return Token(token, asked_at + float(str(answer.get("expires_in") or _DEFAULT_LIFETIME)))


class BearerAuth(httpx2.Auth):
    """Puts a token on every request; a request answered 401 is sent once more with a fresh one. Thread-safe.

    A 401 means that nothing was carried out, so sending a write again is safe.
    """

    def __init__(self, source: TokenSource, *, clock: Callable[[], float] = time.time) -> None:
        self._source = source
        self._clock = clock
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._renew_at = 0.0

    def __repr__(self) -> str:
        return f"BearerAuth({self._source.client_id!r})"

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """What httpx2 runs around each request."""
        token = self._current(refused=None)
        request.headers["Authorization"] = f"Bearer {token.value}"
        response = yield request
        if response.status_code == httpx2.codes.UNAUTHORIZED:
            token = self._current(refused=token)
            request.headers["Authorization"] = f"Bearer {token.value}"
            yield request

    def _current(self, refused: Token | None) -> Token:
        # Fetched under the lock: of many threads that find the token expired, one asks and the others wait for it.
        with self._lock:
            token = self._token
            if token is None or token is refused or self._clock() >= self._renew_at:
                token = self._token = self._source.fetch()
                lifetime = token.expires_at - self._clock()
                self._renew_at = token.expires_at - min(300.0, lifetime / 10)
            return token


def refused(client_id: str, secret: str, where: str, reason: str) -> Stop:
    """The error for a credential that whoever issues tokens refuses; the secret never shows."""
    shown = reason.splitlines()[0] if reason else "no reason given"
    if secret:
        shown = shown.replace(secret, "***")
    advice = "Check the client id, and that its secret is right and has not expired."
    return Stop(f"{where} refuses client {client_id}: {shown} {advice}", code="credentials")


def _json_object(body: bytes) -> dict[str, object]:
    try:
        document = decode(body)
    except NotJson:
        return {}
    return document if isinstance(document, dict) else {}
