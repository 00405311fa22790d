"""Both kinds of links, as the broker's end sees them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tests.servicebus.amqp.errors import AmqpError
from tests.servicebus.amqp.performatives import (
    Accepted,
    Attach,
    Composite,
    Detach,
    Disposition,
    Flow,
    Rejected,
    Source,
    Transfer,
)
from tests.servicebus.amqp.types import UInt, ULong, Value

if TYPE_CHECKING:
    from tests.servicebus.amqp.session import Session

_CREDIT = 1000
"""Messages that a client may send ahead of what has been taken in."""

UNSETTLED, SETTLED = 0, 1
"""Settle modes of the end that sends."""


@dataclass(slots=True)
class Incoming:
    """A message that a client sends."""

    link: "IncomingLink"
    delivery_id: int
    message_format: int
    settled: bool
    payload: bytes


@dataclass(slots=True)
class Outgoing:
    """A message on its way to a client, until it is settled."""

    link: "OutgoingLink"
    delivery_id: int
    tag: bytes


class IncomingNode(Protocol):
    """What takes a link's messages."""

    def received(self, incoming: Incoming) -> None:
        """Take one; answer with its link's ``accept`` or ``reject``, now or later."""

    def incoming_closed(self, link: "IncomingLink") -> None:
        """The link is gone."""


class OutgoingNode(Protocol):
    """What gives a link its messages."""

    def credited(self, link: "OutgoingLink") -> None:
        """Send what there is, up to the link's credit."""

    def settled(self, outgoing: Outgoing, state: Value, confirm: Callable[[Composite], None]) -> None:
        """The client says what became of a delivery; ``confirm`` it with the state it has now, at once or later."""

    def outgoing_closed(self, link: "OutgoingLink") -> None:
        """The link is gone."""


class Link:
    """What both kinds share."""

    role: bool

    def __init__(self, session: "Session", attach: Attach, handle: int) -> None:
        """``handle`` is the number by which the broker names it."""
        self.session = session
        self.remote = attach
        self.handle = handle
        self.attached = False
        self.properties: dict[Value, Value] = {}

    @property
    def name(self) -> str:
        return self.remote.name

    @property
    def address(self) -> str:
        """The node it is attached to, as the client wrote it."""
        raise NotImplementedError

    def _attach(self, max_message_size: int, source: Source | None) -> None:
        self.attached = True
        self.session.send(
            Attach(
                name=self.name,
                handle=UInt(self.handle),
                role=self.role,
                snd_settle_mode=self.remote.snd_settle_mode,
                rcv_settle_mode=self.remote.rcv_settle_mode,
                source=source,
                target=self.remote.target,
                initial_delivery_count=None if self.role else UInt(0),
                max_message_size=ULong(max_message_size),
                properties=self.properties,
            )
        )

    def close(self) -> None:
        """Tell the node that the link is gone."""
        raise NotImplementedError

    def detach(self, error: AmqpError | None = None) -> None:
        """End it from our side; the node is told."""
        if self.handle in self.session.links:
            self.session.send(Detach(UInt(self.handle), closed=True, error=error.error() if error else None))
            self.session.forget(self)


class IncomingLink(Link):
    """A client sends on it."""

    role = True

    def __init__(self, session: "Session", attach: Attach, handle: int) -> None:
        super().__init__(session, attach, handle)
        self.node: IncomingNode | None = None
        self._parts: list[bytes] = []
        self._first: Transfer | None = None
        self._received = 0
        self._credit = 0

    @property
    def address(self) -> str:
        return getattr(self.remote.target, "address", None) or ""

    def attach(self, max_message_size: int) -> None:
        """Confirm it and let the client send."""
        self._attach(max_message_size, self.remote.source)
        self._grant()

    def transfer(self, frame: Transfer, payload: bytes) -> None:
        """Take a part of a message; hand the message on with its last one."""
        if self._first is None:
            self._first = frame
        self._parts.append(payload)
        if frame.more:
            return
        first, self._first = self._first, None
        payload, self._parts = b"".join(self._parts), []
        self._received += 1
        self._credit -= 1
        if self._credit < _CREDIT // 2:
            self._grant()
        if frame.aborted or self.node is None:
            return
        settled = bool(first.settled or frame.settled)
        self.node.received(Incoming(self, first.delivery_id or 0, first.message_format or 0, settled, payload))

    def close(self) -> None:
        if self.node is not None:
            self.node.incoming_closed(self)

    def accept(self, incoming: Incoming) -> None:
        """It is ours now."""
        self._settle(incoming, Accepted())

    def reject(self, incoming: Incoming, error: AmqpError) -> None:
        """It is not taken."""
        self._settle(incoming, Rejected(error.error()))

    def _settle(self, incoming: Incoming, state: Composite) -> None:
        if not incoming.settled:
            self.session.send(
                Disposition(True, UInt(incoming.delivery_id), UInt(incoming.delivery_id), settled=True, state=state)
            )

    def _grant(self) -> None:
        self._credit = _CREDIT
        self.session.send_flow(
            Flow(handle=UInt(self.handle), delivery_count=UInt(self._received), link_credit=UInt(_CREDIT))
        )


class OutgoingLink(Link):
    """A client receives on it."""

    role = False

    def __init__(self, session: "Session", attach: Attach, handle: int) -> None:
        super().__init__(session, attach, handle)
        self.node: OutgoingNode | None = None
        self.credit = 0
        self._delivery_count = 0
        self._sent = 0

    @property
    def address(self) -> str:
        return (self.remote.source.address if self.remote.source else None) or ""

    @property
    def pre_settled(self) -> bool:
        """Whether a message is gone as soon as it is sent."""
        return self.remote.snd_settle_mode == SETTLED

    def attach(self, max_message_size: int, source: Source | None) -> None:
        """Confirm it, from the source that was found."""
        self._attach(max_message_size, source)

    def flow(self, frame: Flow) -> None:
        """The client grants credit, or asks for what is left of it to be used up."""
        seen = frame.delivery_count if frame.delivery_count is not None else 0
        self.credit = max(0, seen + (frame.link_credit or 0) - self._delivery_count)
        if self.credit and self.attached and self.node is not None:
            self.node.credited(self)
        if frame.drain:
            self._delivery_count += self.credit
            self.credit = 0
            self._send_state(drain=True)
        elif frame.echo:
            self._send_state()

    def close(self) -> None:
        if self.node is not None:
            self.node.outgoing_closed(self)

    def _send_state(self, *, drain: bool | None = None) -> None:
        self.session.send_flow(
            Flow(
                handle=UInt(self.handle),
                delivery_count=UInt(self._delivery_count),
                link_credit=UInt(self.credit),
                drain=drain,
            )
        )

    def send(self, payload: bytes, tag: bytes | None = None, *, settled: bool = False) -> Outgoing:
        """Send a message, using up a credit; ``tag`` is made up where nobody needs it."""
        self._sent += 1
        self._delivery_count += 1
        self.credit -= 1
        return self.session.transfer(self, payload, tag or self._sent.to_bytes(4), settled=settled)
