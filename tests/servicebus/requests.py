"""Nodes that answer requests: a client sends on one link and gets the answer on another one beside it."""

from collections import deque
from collections.abc import Callable

from tests.servicebus.amqp.errors import AmqpError
from tests.servicebus.amqp.links import Incoming, IncomingLink, Outgoing, OutgoingLink
from tests.servicebus.amqp.message import Message, answer
from tests.servicebus.amqp.performatives import Composite
from tests.servicebus.amqp.types import Value
from tests.servicebus.faults import Faults, Operation
from tests.servicebus.namespace import entity_path


class Answers:
    """The node of the link that carries answers."""

    def __init__(self) -> None:
        self._waiting: deque[bytes] = deque()

    def post(self, link: OutgoingLink, payload: bytes) -> None:
        """Send an answer as soon as there is credit."""
        self._waiting.append(payload)
        self.credited(link)

    def credited(self, link: OutgoingLink) -> None:
        while self._waiting and link.credit > 0:
            link.send(self._waiting.popleft(), settled=True)

    def settled(self, outgoing: Outgoing, state: Value, confirm: Callable[[Composite], None]) -> None:
        """Answers are settled when they are sent."""

    def outgoing_closed(self, link: OutgoingLink) -> None:
        """Answers that have not been sent are lost with it."""


class Requests:
    """The node of the link that carries requests; what they mean is for a subclass to say."""

    def __init__(self, entity: str, faults: Faults) -> None:
        self._entity = entity
        self._faults = faults

    def operation_of(self, request: Message) -> str:
        """The name of what is asked for."""
        return str(request.application_property_map().get("operation", "")).removeprefix("com.microsoft:")

    def handle(self, request: Message, link: IncomingLink) -> tuple[dict[str, Value], Value]:
        """Do it; the answer's application properties and body.

        Raises:
            AmqpError: it cannot be done.
        """
        raise NotImplementedError

    def failure(self, error: AmqpError) -> dict[str, Value]:
        """The application properties of an answer that says so."""
        raise NotImplementedError

    def received(self, incoming: Incoming) -> None:
        link = incoming.link
        link.accept(incoming)
        request = Message.parse(incoming.payload)

        def carry_out() -> Callable[[], None]:
            properties, body = self.handle(request, link)
            return lambda: self._answer(link, request, properties, body)

        def refuse(error: AmqpError) -> None:
            self._answer(link, request, self.failure(error), None)

        self._faults.befall(Operation(self.operation_of(request), self._entity, link, carry_out, refuse))

    def incoming_closed(self, link: IncomingLink) -> None:
        """Requests are handled as they come."""

    def _answer(self, asked_on: IncomingLink, request: Message, properties: dict[str, Value], body: Value) -> None:
        payload = answer(request.property_named("message_id"), properties, body)
        reply_to = request.property_named("reply_to")
        beside = _links_beside(asked_on)
        wanted = [link for link, _ in beside if reply_to in (link.name, getattr(link.remote.target, "address", None))]
        for link, answers in beside:
            if link in wanted or not wanted:
                answers.post(link, payload)
                return


def _links_beside(asked_on: IncomingLink) -> list[tuple[OutgoingLink, Answers]]:
    """The links of the same connection on which answers from the same node can go."""
    path = entity_path(asked_on.address)
    return [
        (link, link.node)
        for link in asked_on.session.connection.links
        if isinstance(link, OutgoingLink) and isinstance(link.node, Answers) and entity_path(link.address) == path
    ]
