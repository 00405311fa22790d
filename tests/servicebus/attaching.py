"""What a link that a client attaches is attached to."""

import asyncio
from collections.abc import Callable

from tests.servicebus.access import Access, covers
from tests.servicebus.amqp.errors import AmqpError, argument, not_allowed, timeout, unauthorized
from tests.servicebus.amqp.links import IncomingLink, Link, OutgoingLink
from tests.servicebus.amqp.performatives import Source
from tests.servicebus.amqp.session import refuse
from tests.servicebus.amqp.types import Described, Symbol, Value
from tests.servicebus.cbs import ADDRESS, Cbs
from tests.servicebus.faults import Faults, Operation
from tests.servicebus.management import Management
from tests.servicebus.namespace import MANAGEMENT, Namespace, entity_path
from tests.servicebus.queue import Queue
from tests.servicebus.receiving import Receiving
from tests.servicebus.requests import Answers
from tests.servicebus.sending import Sending
from tests.servicebus.sessions import MessageSession
from tests.servicebus.topic import Topic

_SESSION_FILTER = "com.microsoft:session-filter"
_LOCKED_UNTIL = Symbol("com.microsoft:locked-until-utc")
_TIMEOUT = "com.microsoft:timeout"
_DEFAULT_TIMEOUT = 60.0
_TICKS_AT_1970 = 621355968000000000
_REQUEST_SIZE = 1024 * 1024


class Attaching:
    """Finds the node of a link, confirms the link or refuses it."""

    def __init__(self, namespace: Namespace, access: Access, faults: Faults) -> None:
        self._namespace = namespace
        self._access = access
        self._faults = faults

    def attach(self, link: Link) -> None:
        def carry_out() -> Callable[[], None]:
            self._attach(link)
            return lambda: None

        def refused(error: AmqpError) -> None:
            refuse(link, error)

        path = entity_path(link.address)
        if path == ADDRESS:
            carry_out()
        else:
            self._faults.befall(Operation("attach", path, link, carry_out, refused))

    def _attach(self, link: Link) -> None:
        path = entity_path(link.address)
        if path != ADDRESS and not any(covers(granted, path) for granted in link.session.connection.authorized):
            raise unauthorized(path)
        if isinstance(link, IncomingLink):
            self._attach_incoming(link, path)
        elif isinstance(link, OutgoingLink):
            self._attach_outgoing(link, path)

    def _attach_incoming(self, link: IncomingLink, path: str) -> None:
        size = _REQUEST_SIZE
        if path == ADDRESS:
            link.node = Cbs(self._access, self._faults)
        elif path.endswith(MANAGEMENT):
            link.node = Management(self._managed(path.removesuffix(f"/{MANAGEMENT}")), self._faults)
        else:
            destination = self._namespace.destination(path)
            size = destination.settings.max_message_size
            link.node = Sending(destination, self._faults)
        link.attach(size)

    def _attach_outgoing(self, link: OutgoingLink, path: str) -> None:
        source = link.remote.source or Source()
        if path == ADDRESS or path.endswith(MANAGEMENT):
            link.node = Answers()
            link.attach(_REQUEST_SIZE, source)
            return
        queue = self._namespace.source(path)
        wanted = _wanted_session(source)
        if queue.settings.requires_session != (wanted is not None):
            kind = "requires" if wanted is None else "does not support"
            raise not_allowed(f"'{queue.name}' {kind} sessions, other than the receiver.")
        link.node = consumer = Receiving(queue, link, self._faults)
        if wanted is None:
            queue.add_consumer(consumer)
            link.attach(queue.settings.max_message_size, source)
        elif (session_id := _id_of(wanted[1])) is not None:
            _confirm_session(link, queue, consumer, wanted[0], queue.accept_session(session_id, consumer))
        else:
            _wait_for_session(link, queue, consumer, wanted[0])

    def _managed(self, path: str) -> Queue | Topic:
        try:
            return self._namespace.source(path)
        except AmqpError:
            return self._namespace.destination(path)


def _wanted_session(source: Source) -> tuple[Value, Value] | None:
    """The filter for a session with its key; ``None`` if no session is asked for."""
    for key, value in (source.filter or {}).items():
        if key == _SESSION_FILTER:
            return key, value
    return None


def _id_of(wanted: Value) -> str | None:
    value = wanted.value if isinstance(wanted, Described) else wanted
    if not isinstance(value, str | None):
        raise argument(f"A session's id is a text, not {value!r}.")
    return value


def _confirm_session(
    link: OutgoingLink, queue: Queue, consumer: Receiving, key: Value, session: MessageSession
) -> None:
    """Confirm the link with the session that was chosen."""
    source = link.remote.source or Source()
    source.filter = {**(source.filter or {}), key: session.id}
    link.properties[_LOCKED_UNTIL] = round(session.locked_until * 1_000_000) * 10 + _TICKS_AT_1970
    queue.add_consumer(consumer)
    link.attach(queue.settings.max_message_size, source)


def _wait_for_session(link: OutgoingLink, queue: Queue, consumer: Receiving, key: Value) -> None:
    """Confirm the link as soon as a session is free, or refuse it when the client's patience ends."""
    patience = (link.remote.properties or {}).get(_TIMEOUT)
    seconds = _DEFAULT_TIMEOUT if patience is None else patience / 1000

    def accepted(session: MessageSession) -> None:
        timer.cancel()
        queue.accept_session(session.id, consumer)
        _confirm_session(link, queue, consumer, key, session)

    def too_late() -> None:
        give_up()
        refuse(link, timeout("No session with messages became free in time."))

    def closed() -> None:
        timer.cancel()
        give_up()

    timer = asyncio.get_running_loop().call_later(seconds, too_late)
    consumer.on_closed = closed
    give_up = queue.next_session(accepted)
