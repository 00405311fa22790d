"""The token endpoint: OAuth 2.0 client credentials, as Microsoft Entra answers them."""

import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import parse_qs

from schemas import json_codec
from systems.sandbox.exchange import Response, User
from systems.sandbox.store import Clock

_DEFAULT = "/.default"


@dataclass(frozen=True, slots=True)
class Client:
    """A registered application, and the user it is in both systems."""

    client_id: str
    client_secret: str = field(repr=False)
    user: User


@dataclass(frozen=True, slots=True)
class _Token:
    user: User
    resource: str
    expires_at: datetime


class TokenIssuer:
    """Gives out bearer tokens and knows them again. Safe to call from several threads."""

    def __init__(self, tenant: str, clients: Sequence[Client], lifetime: timedelta, clock: Clock) -> None:
        self._tenant = tenant
        self._clients = {client.client_id: client for client in clients}
        self._lifetime = lifetime
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens: dict[str, _Token] = {}

    @property
    def path(self) -> str:
        return f"/{self._tenant}/oauth2/v2.0/token"

    def answer(self, method: str, body: bytes) -> Response:
        """The response to a form posted to :attr:`path`."""
        form = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
        scope = form.get("scope", "")
        client = self._clients.get(form.get("client_id", ""))
        if method != "POST" or form.get("grant_type") != "client_credentials":
            return _refusal(400, "unsupported_grant_type", "AADSTS70003: The app requested an unsupported grant type.")
        if client is None:
            return _refusal(401, "invalid_client", "AADSTS700016: The application was not found in the directory.")
        if not secrets.compare_digest(client.client_secret, form.get("client_secret", "")):
            return _refusal(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.")
        if not scope.endswith(_DEFAULT) or " " in scope:
            return _refusal(400, "invalid_scope", "AADSTS70011: The provided value for the scope is not valid.")
        token = self.issue(client.user, scope.removesuffix(_DEFAULT))
        seconds = int(self._lifetime.total_seconds())
        return _json(
            200, {"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token}
        )

    def issue(self, user: User, resource: str) -> str:
        """A token of ``user`` for a resource: the address that scopes begin with."""
        token = secrets.token_urlsafe(48)
        with self._lock:
            now = self._clock()
            self._tokens = {key: known for key, known in self._tokens.items() if known.expires_at > now}
            self._tokens[token] = _Token(user, resource.rstrip("/"), now + self._lifetime)
        return token

    def user(self, authorization: str | None, resources: Sequence[str]) -> User | None:
        """Who a bearer token of one of ``resources`` belongs to; ``None`` if it is unknown, expired or of another."""
        scheme, _, token = (authorization or "").partition(" ")
        with self._lock:
            known = self._tokens.get(token) if scheme.lower() == "bearer" else None
        if known is None or known.expires_at <= self._clock() or known.resource not in resources:
            return None
        return known.user

    def revoke_all(self) -> None:
        """Make every token given out so far invalid."""
        with self._lock:
            self._tokens.clear()


def _refusal(status: int, error: str, description: str) -> Response:
    return _json(status, {"error": error, "error_description": description})


def _json(status: int, document: dict[str, object]) -> Response:
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return Response(status, headers, json_codec.encode(document))
