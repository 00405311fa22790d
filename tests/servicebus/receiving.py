"""The node of a link on which a client receives from a queue."""

from collections.abc import Callable
from uuid import UUID

from tests.servicebus.amqp.errors import AmqpError
from tests.servicebus.amqp.links import Outgoing, OutgoingLink
from tests.servicebus.amqp.performatives import Accepted, Composite, Modified, Rejected, Released
from tests.servicebus.amqp.types import Value
from tests.servicebus.faults import Faults, Operation
from tests.servicebus.queue import Queue
from tests.servicebus.sessions import MessageSession
from tests.servicebus.stored_message import StoredMessage


class Receiving:
    """A consumer at the other end of a link."""

    def __init__(self, queue: Queue, link: OutgoingLink, faults: Faults) -> None:
        self.session: MessageSession | None = None
        self.on_closed: Callable[[], None] = lambda: None
        self.keeps = not link.pre_settled
        self._queue = queue
        self._link = link
        self._faults = faults

    @property
    def credit(self) -> int:
        return self._link.credit

    def deliver(self, stored: StoredMessage) -> None:
        if stored.lock is None:
            self._link.send(stored.encode(), settled=True)
        else:
            self._link.send(stored.encode_locked(stored.lock), stored.lock.token.bytes_le)

    def lost_session(self, error: AmqpError) -> None:
        self._link.detach(error)

    def credited(self, link: OutgoingLink) -> None:  # noqa: ARG002 it is our own
        if self.session is None:
            self._queue.wake()
        else:
            self._queue.wake_session(self.session)

    def outgoing_closed(self, link: OutgoingLink) -> None:  # noqa: ARG002 it is our own
        self.on_closed()
        self._queue.remove_consumer(self)

    def settled(self, outgoing: Outgoing, state: Value, confirm: Callable[[Composite], None]) -> None:
        def carry_out() -> Callable[[], None]:
            self._settle(UUID(bytes_le=outgoing.tag), state)
            return lambda: confirm(_confirmed(state))

        def refuse(error: AmqpError) -> None:
            confirm(Rejected(error.error()))

        self._faults.befall(Operation("settle", self._queue.name.lower(), self._link, carry_out, refuse))

    def _settle(self, token: UUID, state: Value) -> None:
        match state:
            case Released():
                self._queue.release(token)
            case Modified(undeliverable_here=True):
                self._queue.defer(token, state.message_annotations)
            case Modified():
                self._queue.abandon(token, state.message_annotations)
            case Rejected():
                info = dict((state.error.info if state.error else None) or {})
                reason = info.pop("DeadLetterReason", None)
                description = info.pop("DeadLetterErrorDescription", None)
                self._queue.dead_letter(token, reason, description, info)
            case _:
                self._queue.complete(token)


def _confirmed(state: Value) -> Composite:
    """What confirms a state: the same one. An error in it would say that it was refused."""
    return (
        state if isinstance(state, Released | Modified) else Rejected() if isinstance(state, Rejected) else Accepted()
    )
