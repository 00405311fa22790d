"""A connection: SASL, frames, and the sessions on it."""

import asyncio
import struct
from typing import Protocol

from tests.servicebus.amqp.codec import DecodeError
from tests.servicebus.amqp.errors import AmqpError
from tests.servicebus.amqp.links import Link
from tests.servicebus.amqp.message import MessageError
from tests.servicebus.amqp.performatives import (
    Begin,
    Close,
    Composite,
    End,
    Open,
    SaslInit,
    SaslMechanisms,
    SaslOutcome,
    decode_composite,
    encode_composite,
)
from tests.servicebus.amqp.session import Session
from tests.servicebus.amqp.types import Array, Symbol, UByte, UInt, UShort, Value

_AMQP = b"AMQP\x00\x01\x00\x00"
_SASL = b"AMQP\x03\x01\x00\x00"
_MECHANISMS = ("ANONYMOUS", "MSSBCBS", "PLAIN", "EXTERNAL")
_FRAME = struct.Struct(">IBBH")
_MAX_FRAME_SIZE = 65536
_TRANSFER_OVERHEAD = 512
_IDLE_TIME_OUT = 240.0
_HEARTBEAT = 10.0
"""Seconds. A client whose thread waits for a frame with a lock in its hand is freed by an empty one."""


class Container(Protocol):
    """What the connections are connected to."""

    def connected(self, connection: "Connection") -> None:
        """A client is there."""

    def disconnected(self, connection: "Connection") -> None:
        """It is gone; its links have been told."""

    def attach(self, link: Link) -> None:
        """Give the link a node and confirm it.

        Raises:
            AmqpError: it cannot be attached.
        """


class Connection(asyncio.Protocol):
    """One client. Lives on the event loop of its transport."""

    def __init__(self, container: Container) -> None:
        self.container = container
        self.max_payload = _MAX_FRAME_SIZE - _TRANSFER_OVERHEAD
        self.authorized: set[str] = set()
        self._sessions: dict[int, Session] = {}
        self._received = bytearray()
        self._sending = bytearray()
        self._expects_header = True
        self._flushing = False
        self._heartbeat: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()

    @property
    def links(self) -> list[Link]:
        """All links of all sessions."""
        return [link for session in self._sessions.values() for link in session.links.values()]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.container.connected(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 the name is asyncio's
        self._transport = None
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        for session in self._sessions.values():
            session.close()
        self._sessions.clear()
        self.container.disconnected(self)

    def data_received(self, data: bytes) -> None:
        self._received += data
        try:
            while self._take():
                pass
        except (DecodeError, MessageError) as error:
            self.close(AmqpError("amqp:decode-error", str(error)))

    def drop(self) -> None:
        """Cut the line without a word."""
        if self._transport is not None:
            self._transport.abort()

    def close(self, error: AmqpError | None = None) -> None:
        """Say good-bye and hang up."""
        self.send(0, Close(error.error() if error else None))
        self._flush()
        if self._transport is not None:
            self._transport.close()

    def send(self, channel: int, frame: Composite, payload: bytes = b"", kind: int = 0) -> None:
        """Send a frame; several in one go are written together."""
        body = encode_composite(frame)
        self._sending += _FRAME.pack(8 + len(body) + len(payload), 2, kind, channel)
        self._sending += body
        self._sending += payload
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if self._transport is not None and self._sending:
            self._transport.write(bytes(self._sending))
        self._sending.clear()

    def _take(self) -> bool:
        """One header or frame of what has come; whether there was one."""
        if len(self._received) < 8:
            return False
        if self._expects_header:
            self._header(bytes(self._received[:8]))
            del self._received[:8]
            return True
        size, offset, _, channel = _FRAME.unpack_from(self._received)
        if len(self._received) < size:
            return False
        body = bytes(self._received[4 * offset : size])
        del self._received[:size]
        if body:
            self._frame(channel, *decode_composite(body))
        return True

    def _header(self, header: bytes) -> None:
        self._sending += header
        if header == _SASL:
            self.send(0, SaslMechanisms(Array(map(Symbol, _MECHANISMS))), kind=1)
        elif header != _AMQP:
            self._sending[:] = _SASL
            self._flush()
            self.drop()
        self._expects_header = False

    def _frame(self, channel: int, frame: Value, payload: bytes) -> None:
        match frame:
            case SaslInit():
                self.send(0, SaslOutcome(UByte(0)), kind=1)
                self._expects_header = True
            case Open():
                self._open(frame)
            case Begin():
                self._sessions[channel] = Session(self, channel, frame)
                self.send(
                    channel,
                    Begin(
                        remote_channel=UShort(channel),
                        next_outgoing_id=UInt(0),
                        incoming_window=UInt(2**31 - 1),
                        outgoing_window=UInt(2**31 - 1),
                        handle_max=UInt(2**32 - 1),
                    ),
                )
            case End():
                self.send(channel, End())
                if session := self._sessions.pop(channel, None):
                    session.close()
            case Close():
                self.close()
            case _:
                if session := self._sessions.get(channel):
                    session.handle(frame, payload)

    def _open(self, frame: Open) -> None:
        size = min(frame.max_frame_size or _MAX_FRAME_SIZE, _MAX_FRAME_SIZE)
        self.max_payload = max(size - _TRANSFER_OVERHEAD, 1)
        self.send(
            0,
            Open(
                container_id="twinrow-test-broker",
                hostname=frame.hostname,
                max_frame_size=UInt(_MAX_FRAME_SIZE),
                channel_max=UShort(4999),
                idle_time_out=UInt(int(_IDLE_TIME_OUT * 1000)),
                offered_capabilities=None,
                properties={},
            ),
        )
        every = min(_HEARTBEAT, (frame.idle_time_out or 2**32) / 2000)
        self._heartbeat = self._loop.call_later(every, self._beat, every)

    def _beat(self, every: float) -> None:
        """Empty frames, so that the client does not think us dead."""
        if self._transport is not None:
            self._sending += _FRAME.pack(8, 2, 0, 0)
            self._flush()
            self._heartbeat = self._loop.call_later(every, self._beat, every)
