"""One HTTP server in a thread of this process."""

import socket
import threading
from collections.abc import Callable
from typing import TypeAlias

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

Peer: TypeAlias = tuple[str, int]
AbortConnection: TypeAlias = Callable[[Peer], None]


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await super().shutdown(sockets)

    def abort(self, peer: Peer) -> None:
        for connection in list(self.server_state.connections):
            if isinstance(connection, H11Protocol) and connection.client == peer:
                connection.transport.abort()


class HttpServer:
    """Serves an ASGI application on a port; port 0 takes a free one."""

    def __init__(self, application: Callable[[AbortConnection], ASGIApp], *, host: str, port: int) -> None:
        """``application`` gets a function that closes the connection to a peer without an answer."""
        self._socket = socket.create_server((host, port), backlog=2048)
        # Accepted connections inherit it; without it every small answer waits for the client's delayed acknowledgement.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.host, self.port = self._socket.getsockname()[:2]
        self._application = application
        self._app: ASGIApp | None = None
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def start(self) -> None:
        """Answer requests from now on."""
        config = uvicorn.Config(
            self._serve,
            interface="asgi3",
            proxy_headers=False,
            lifespan="off",
            http="h11",
            ws="none",
            server_header=False,
            timeout_graceful_shutdown=1,
            h11_max_incomplete_event_size=128 * 1024,
            log_config=None,
            log_level="error",
            access_log=False,
        )
        server = _Server(config)
        self._app = self._application(server.abort)
        self._server = server
        self._thread = threading.Thread(
            target=server.run, args=([self._socket],), name=f"sandbox-{self.port}", daemon=True
        )
        self._thread.start()
        server.ready.wait()

    def stop(self) -> None:
        """Close every connection and the port. Idempotent."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join()
        self._socket.close()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._app is not None:
            await self._app(scope, receive, send)
