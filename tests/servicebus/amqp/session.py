"""A session: it numbers deliveries, keeps the client's window, and knows its links."""

from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from tests.servicebus.amqp.errors import AmqpError
from tests.servicebus.amqp.links import IncomingLink, Link, Outgoing, OutgoingLink
from tests.servicebus.amqp.performatives import (
    Attach,
    Begin,
    Composite,
    Detach,
    Disposition,
    Flow,
    Source,
    Transfer,
)
from tests.servicebus.amqp.types import UInt, Value

if TYPE_CHECKING:
    from tests.servicebus.amqp.connection import Connection

_WINDOW = 2**31 - 1


class Session:
    """One session of a connection."""

    def __init__(self, connection: "Connection", channel: int, begin: Begin) -> None:
        """``channel`` is the client's; ours is the same."""
        self.connection = connection
        self.channel = channel
        self.links: dict[int, Link] = {}
        self._by_remote: dict[int, Link] = {}
        self._handles = 0
        self._deliveries = 0
        self._next_outgoing = 0
        self._next_incoming: int = begin.next_outgoing_id or 0
        self._remote_window: int = begin.incoming_window or 0
        self._waiting: deque[tuple[Transfer, bytes]] = deque()
        self._unsettled: dict[int, Outgoing] = {}

    def send(self, frame: Composite, payload: bytes = b"") -> None:
        self.connection.send(self.channel, frame, payload)

    def send_flow(self, flow: Flow) -> None:
        """``flow`` of a link, with the session's own numbers."""
        flow.next_incoming_id = UInt(self._next_incoming)
        flow.incoming_window = UInt(_WINDOW)
        flow.next_outgoing_id = UInt(self._next_outgoing)
        flow.outgoing_window = UInt(_WINDOW)
        self.send(flow)

    def handle(self, frame: Value, payload: bytes) -> None:
        """A frame on the session's channel."""
        match frame:
            case Transfer():
                self._next_incoming += 1
                link = self._by_remote.get(frame.handle or 0)
                if isinstance(link, IncomingLink):
                    link.transfer(frame, payload)
            case Disposition():
                self._disposition(frame)
            case Flow():
                self._flow(frame)
            case Attach():
                self._attach(frame)
            case Detach():
                self._detach(frame)

    def transfer(self, link: OutgoingLink, payload: bytes, tag: bytes, *, settled: bool) -> Outgoing:
        """Send a message in as many frames as the client's frame size asks for."""
        delivery_id = self._deliveries
        self._deliveries += 1
        outgoing = Outgoing(link, delivery_id, tag)
        if not settled:
            self._unsettled[delivery_id] = outgoing
        room = self.connection.max_payload
        for start in range(0, len(payload), room):
            frame = Transfer(
                handle=UInt(link.handle),
                delivery_id=UInt(delivery_id),
                delivery_tag=tag,
                message_format=UInt(0),
                settled=settled,
                more=start + room < len(payload),
            )
            self._waiting.append((frame, payload[start : start + room]))
        self._send_waiting()
        return outgoing

    def forget(self, link: Link) -> None:
        """The link is gone, from whichever side."""
        if self.links.pop(link.handle, None) is None:
            return
        self._by_remote.pop(link.remote.handle or 0, None)
        self._unsettled = {number: out for number, out in self._unsettled.items() if out.link is not link}
        link.close()

    def close(self) -> None:
        """Every link is gone."""
        for link in list(self.links.values()):
            self.forget(link)

    def _send_waiting(self) -> None:
        while self._waiting and self._remote_window > 0:
            frame, payload = self._waiting.popleft()
            self._remote_window -= 1
            self._next_outgoing += 1
            self.send(frame, payload)

    def _flow(self, frame: Flow) -> None:
        begin = frame.next_incoming_id if frame.next_incoming_id is not None else 0
        self._remote_window = begin + (frame.incoming_window or 0) - self._next_outgoing
        self._send_waiting()
        if frame.handle is None:
            if frame.echo:
                self.send_flow(Flow())
            return
        link = self._by_remote.get(frame.handle)
        if isinstance(link, OutgoingLink):
            link.flow(frame)

    def _attach(self, frame: Attach) -> None:
        kind: type[OutgoingLink | IncomingLink] = OutgoingLink if frame.role else IncomingLink
        link = kind(self, frame, self._handles)
        self._handles += 1
        self.links[link.handle] = link
        self._by_remote[frame.handle or 0] = link
        try:
            self.connection.container.attach(link)
        except AmqpError as error:
            refuse(link, error)

    def _detach(self, frame: Detach) -> None:
        link = self._by_remote.get(frame.handle or 0)
        if link is not None:
            self.send(Detach(UInt(link.handle), closed=frame.closed))
            self.forget(link)

    def _disposition(self, frame: Disposition) -> None:
        if not frame.role or (frame.state is None and not frame.settled):
            return
        first: int = frame.first or 0
        last: int = first if frame.last is None else frame.last
        for number in range(first, last + 1):
            outgoing = self._unsettled.pop(number, None)
            if outgoing is not None and outgoing.link.node is not None:
                confirm = _nothing if frame.settled else partial(self._confirm, number)
                outgoing.link.node.settled(outgoing, frame.state, confirm)

    def _confirm(self, number: int, state: Composite) -> None:
        self.send(Disposition(False, UInt(number), UInt(number), settled=True, state=state))


def refuse(link: Link, error: AmqpError) -> None:
    """Answer an attach with an error: attached without a source or target, and ended at once."""
    link.session.send(
        Attach(
            name=link.name,
            handle=UInt(link.handle),
            role=link.role,
            source=Source() if link.role else None,
            initial_delivery_count=None if link.role else UInt(0),
        )
    )
    link.detach(error)


def _nothing(_: Composite) -> None:
    """The client has settled by itself and waits for no answer."""
