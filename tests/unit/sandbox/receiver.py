"""A web server that takes notifications and answers as it is told."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from schemas import json_codec
from systems.sandbox.http_server import HttpServer


@dataclass
class Received:
    """One post."""

    headers: dict[str, str]
    query: str
    body: bytes

    def json(self) -> Any:
        return json_codec.decode(self.body)


@dataclass
class Receiver:
    """What came, and how the next ones are answered.

    Attributes:
        statuses: of the next answers, then 200.
        echoes: whether validation tokens are given back.
    """

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    echoes: bool = True
    received: list[Received] = field(default_factory=list)
    handshakes: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def entries(self) -> list[dict[str, Any]]:
        """All entries of all Business Central notifications."""
        with self.lock:
            return [entry for post in self.received for entry in post.json()["value"]]

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = await request.body()
        token = request.query_params.get("validationToken")
        with self.lock:
            if token is not None:
                self.handshakes.append(request.method)
                status = 200
            else:
                self.received.append(Received(dict(request.headers), request.url.query, body))
                status = self.statuses.pop(0) if self.statuses else 200
        text = token if token is not None and self.echoes else "no"
        await PlainTextResponse(text, status)(scope, receive, send)


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    def application(_: object) -> ASGIApp:
        return receiver.answer

    server = HttpServer(application, host="127.0.0.1", port=0)
    server.start()
    receiver.url = f"{server.url}/hook"
    try:
        yield receiver
    finally:
        server.stop()
