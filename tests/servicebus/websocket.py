"""AMQP inside a WebSocket, as clients speak it that are let out through port 443 only."""

import asyncio
from collections.abc import Callable

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Event, Ping, Request
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from tests.servicebus.amqp.connection import Connection

_SUBPROTOCOL = "AMQPWSB10"


class WebSocket(asyncio.Protocol):
    """One client. What its messages carry is a connection's."""

    def __init__(self, new_connection: Callable[[], Connection]) -> None:
        self._new_connection = new_connection
        self._connection: Connection | None = None
        self._websocket = WSConnection(ConnectionType.SERVER)
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._connection is not None:
            self._connection.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        try:
            self._websocket.receive_data(data)
            for event in self._websocket.events():
                self._handle(event)
        except (LocalProtocolError, RemoteProtocolError):
            self.abort()

    def send(self, event: Event) -> None:
        """Send a message of the WebSocket's; nothing if the client is gone."""
        if self._transport is not None:
            self._transport.write(self._websocket.send(event))

    def abort(self) -> None:
        """Cut the line."""
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Hang up when everything is sent; what comes later is not sent."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def _handle(self, event: Event) -> None:
        match event:
            case Request():
                self.send(AcceptConnection(subprotocol=_SUBPROTOCOL if _SUBPROTOCOL in event.subprotocols else None))
                self._connection = self._new_connection()
                self._connection.connection_made(_Inside(self))
            case BytesMessage() if self._connection is not None:
                self._connection.data_received(bytes(event.data))
            case Ping():
                self.send(event.response())
            case CloseConnection():
                self.send(event.response())
                self.close()


class _Inside(asyncio.Transport):
    """The transport of a connection inside a WebSocket."""

    def __init__(self, websocket: WebSocket) -> None:
        super().__init__()
        self._websocket = websocket

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._websocket.send(BytesMessage(data=bytes(data)))

    def abort(self) -> None:
        self._websocket.abort()

    def close(self) -> None:
        self._websocket.close()
