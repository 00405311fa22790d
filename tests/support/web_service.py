"""A web service for unit tests: canned answers to an adapter's requests, which are kept to be looked at."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import httpx2

from schemas.json_codec import decode, encode
from systems.credentials import Token

Reply: TypeAlias = httpx2.Response | httpx2.TransportError | Callable[[httpx2.Request], httpx2.Response]


@dataclass
class WebService:
    """Answers each request with the next reply; ``metadata`` answers every request for ``$metadata``."""

    metadata: str = ""
    requests: list[httpx2.Request] = field(default_factory=list)
    replies: deque[Reply] = field(default_factory=deque)

    def reply(self, *replies: Reply) -> None:
        """Answer the next requests so."""
        self.replies.extend(replies)

    @property
    def transport(self) -> httpx2.BaseTransport:
        """What to hand to an adapter."""
        return httpx2.MockTransport(self._answer)

    @property
    def last(self) -> httpx2.Request:
        """The latest request."""
        return self.requests[-1]

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("$metadata"):
            return httpx2.Response(200, content=self.metadata.encode())
        self.requests.append(request)
        reply = self.replies.popleft()
        if isinstance(reply, httpx2.TransportError):
            raise reply
        return reply if isinstance(reply, httpx2.Response) else reply(request)


@dataclass
class Tokens:
    """A credential that is always good; each fetch gives another token."""

    client_id: str = "worker"
    fetched: int = 0

    def fetch(self) -> Token:
        self.fetched += 1
        return Token(f"token {self.fetched}", expires_at=4e9)


def json_reply(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> httpx2.Response:
    """An answer in JSON, decimals with all their digits."""
    return httpx2.Response(
        status, headers={"Content-Type": "application/json", **(headers or {})}, content=encode(document)
    )


def error_reply(
    status: int, code: str, message: str = "No.", headers: Mapping[str, str] | None = None
) -> httpx2.Response:
    """An error as both systems answer it."""
    return json_reply(error_body(code, message), status, headers)


def error_body(code: str, message: str = "No.") -> dict[str, Any]:
    """The body of an error."""
    return {"error": {"code": code, "message": message}}


def json_of(request: httpx2.Request) -> Any:
    """The JSON that was sent."""
    return decode(request.content)
