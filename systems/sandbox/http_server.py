"""One HTTP server in a thread of this process."""

import socket
import threading
from collections.abc import Callable
from typing import TypeAlias

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

Peer: TypeAlias = tuple[str, int]
AbortConnection: TypeAlias = Callable[[Peer], None]


class _Server(uvicorn.Server):
    def __init__(self, application: Callable[[AbortConnection], ASGIApp]) -> None:
        config = uvicorn.Config(
            application(self.abort),
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
        self._application = application
        self._address = (host, port)
        self._running: tuple[_Server, threading.Thread, socket.socket] | None = None

    @property
    def url(self) -> str:
        """Scheme, host and port; known from :meth:`start` on."""
        host, port = self._address
        return f"http://{host}:{port}"

    def start(self) -> None:
        """Answer requests from now on.

        Raises:
            OSError: the port is taken.
        """
        listening = socket.create_server(self._address, backlog=2048)
        # Accepted connections inherit it; without it every small answer waits for the client's delayed acknowledgement.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._address = listening.getsockname()[:2]
        server = _Server(self._application)
        thread = threading.Thread(target=server.run, args=([listening],), name=f"serving {self.url}", daemon=True)
        self._running = (server, thread, listening)
        thread.start()
        server.ready.wait()

    def ask_to_stop(self) -> None:
        """Begin to close, without waiting for it."""
        if self._running is not None:
            self._running[0].should_exit = True

    def stop(self) -> None:
        """Close every connection and the port. Idempotent."""
        self.ask_to_stop()
        if self._running is not None:
            _, thread, listening = self._running
            thread.join()
            listening.close()
            self._running = None
