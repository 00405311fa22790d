"""An ASGI application served from a thread of this process."""

import socket
from threading import Event, Thread
from types import TracebackType
from typing import Self

import uvicorn
from starlette.types import ASGIApp

_GRACE = 10
"""Seconds that requests under way have to end when the server stops."""


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


class WebServer:
    """Serves within a ``with`` block. Keeps no access log: keys may stand in the query.

    Args:
        port: 0 takes a free one.

    Raises:
        OSError: the port is taken, or not ours to take.
    """

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=2048)
        self._server = _Server(
            uvicorn.Config(
                app, access_log=False, log_config=None, lifespan="off", ws="none", timeout_graceful_shutdown=_GRACE
            )
        )
        self._thread = Thread(target=self._server.run, args=([self._socket],), name="web-server")

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self._socket.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._server.ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
