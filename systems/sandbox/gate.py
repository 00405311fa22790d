"""What every request passes on its way to a system: token, limits, faults, latency, log."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from typing import Protocol

from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.types import Receive, Scope, Send

from systems.sandbox.exchange import Request, Response, User, split_url
from systems.sandbox.faults import Fault, Faults, with_wait
from systems.sandbox.http_server import AbortConnection
from systems.sandbox.latency import Delays
from systems.sandbox.limits import Refusal, Throttle
from systems.sandbox.request_log import RequestLog
from systems.sandbox.store import Clock
from systems.sandbox.tokens import TokenIssuer

ADMIN = "/_sandbox/"
_URI_TOO_LONG = 414
_WITHOUT_BODY = (204, 304)


class Api(Protocol):
    """A system's own part: its requests, and how it words refusals."""

    def handle(self, request: Request) -> Response:
        """The response to an authenticated request. Blocks for its work only."""

    def unauthorized(self) -> Response: ...

    def refused(self, refusal: Refusal) -> Response:
        """The answer to a request beyond a limit."""

    def failure(self, status: int, code: str) -> Response:
        """The answer to a request that fails on command."""

    @property
    def remaining_header(self) -> str | None:
        """The header that tells how many requests a user has left; ``None`` where there is none."""


class Admin(Protocol):
    """The way to command a sandbox from outside."""

    def handle(self, request: Request) -> Response: ...


@dataclass
class Knobs:
    """What can be turned while a system runs."""

    throttle: Throttle
    delays: Delays
    faults: Faults
    log: RequestLog


class Gate:
    """The ASGI application of one system."""

    def __init__(
        self,
        api: Api,
        admin: Admin,
        tokens: TokenIssuer,
        resources: Sequence[str],
        knobs: Knobs,
        clock: Clock,
        longest_url: int,
        abort: AbortConnection,
    ) -> None:
        self._api = api
        self._admin = admin
        self._tokens = tokens
        self._resources = resources
        self._knobs = knobs
        self._clock = clock
        self._longest_url = longest_url
        self._abort = abort
        self._place = asyncio.Condition()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        http = HttpRequest(scope, receive)
        try:
            request = await _read(http)
        except ClientDisconnect:
            return
        if request.path == self._tokens.path:
            await _send(send, self._tokens.answer(request.method, request.body))
        elif request.path.startswith(ADMIN) and _is_local(http):
            await _send(send, await asyncio.to_thread(self._admin.handle, request))
        else:
            user, response = await self._answer(request, http, receive)
            target = _target(http)
            self._knobs.log.add(
                at=self._clock(),
                user=user.id if user else "",
                method=request.method,
                path=target,
                status=response.status if response else 0,
                size=len(request.body),
                seconds=time.perf_counter() - started,
                parts=response.parts if response else (),
            )
            if response is not None:
                await _send(send, response)

    async def _answer(
        self, request: Request, http: HttpRequest, receive: Receive
    ) -> tuple[User | None, Response | None]:
        """Who asked, and the response; none where the client gets none."""
        fault = self._knobs.faults.take(request.method, _target(http))
        if fault is not None and not fault.after:
            return None, await self._fail(fault, http, receive)
        user = self._tokens.user(request.headers.get("authorization"), self._resources)
        if user is None:
            response = self._api.unauthorized()
        elif len(_target(http)) > self._longest_url:
            response = self._api.failure(_URI_TOO_LONG, "")
        else:
            response = await self._admitted(request, user)
        if fault is not None:
            lost = await self._fail(fault, http, receive)
            return user, lost and Response(lost.status, lost.headers, lost.body, response.parts)
        return user, response

    async def _admitted(self, request: Request, user: User) -> Response:
        throttle = self._knobs.throttle
        refusal = throttle.admit(user.id)
        if refusal is not None:
            return self._api.refused(refusal)
        async with self._place:
            await self._place.wait_for(lambda: throttle.start(user.id))
        started = time.perf_counter()
        try:
            delay = self._knobs.delays.next()
            if delay:
                await asyncio.sleep(delay)
            asked = Request(
                request.method, request.origin, request.path, request.query, request.headers, request.body, user
            )
            response = await asyncio.to_thread(self._api.handle, asked)
            header, remaining = self._api.remaining_header, throttle.remaining(user.id)
            if header is None or remaining is None:
                return response
            headers = {**response.headers, header: str(remaining)}
            return Response(response.status, headers, response.body, response.parts)
        finally:
            throttle.finish(user.id, timedelta(seconds=time.perf_counter() - started))
            async with self._place:
                self._place.notify_all()

    async def _fail(self, fault: Fault, http: HttpRequest, receive: Receive) -> Response | None:
        if fault.outcome == "status":
            return with_wait(fault, self._api.failure(fault.status, fault.code))
        if fault.outcome == "hang":
            await _client_leaves(receive, fault.seconds)
        if http.client is not None:
            self._abort((http.client.host, http.client.port))
        await _client_leaves(receive, fault.seconds)
        return None


_NOBODY = User("", "")


async def _read(http: HttpRequest) -> Request:
    path, query = split_url(_target(http))
    return Request(
        method=http.method,
        origin=f"{http.url.scheme}://{http.headers.get('host', http.url.netloc)}",
        path=path,
        query=query,
        headers=dict(http.headers),
        body=await http.body(),
        user=_NOBODY,
    )


def _is_local(http: HttpRequest) -> bool:
    return http.client is not None and ip_address(http.client.host).is_loopback


def _target(http: HttpRequest) -> str:
    """Path and query as sent, still encoded."""
    raw_path: bytes = http.scope["raw_path"]
    query: bytes = http.scope["query_string"]
    return (raw_path + b"?" + query if query else raw_path).decode("latin-1")


async def _client_leaves(receive: Receive, within: float) -> None:
    """Wait until the connection is closed."""
    try:
        async with asyncio.timeout(within):
            while (await receive())["type"] != "http.disconnect":
                continue
    except TimeoutError:
        return


async def _send(send: Send, response: Response) -> None:
    headers = [(name.encode(), value.encode("latin-1", "replace")) for name, value in response.headers.items()]
    if response.status not in _WITHOUT_BODY:
        headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})
