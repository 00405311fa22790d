"""The node of a link on which a client sends to a queue or a topic."""

from collections.abc import Callable

from tests.servicebus.amqp.errors import AmqpError, too_large
from tests.servicebus.amqp.links import Incoming, IncomingLink
from tests.servicebus.amqp.message import BATCH_FORMAT, Message
from tests.servicebus.faults import Faults, Operation
from tests.servicebus.queue import Queue
from tests.servicebus.topic import Topic


class Sending:
    """Puts what comes where it belongs."""

    def __init__(self, destination: Queue | Topic, faults: Faults) -> None:
        self._destination = destination
        self._faults = faults

    def received(self, incoming: Incoming) -> None:
        link = incoming.link

        def carry_out() -> Callable[[], None]:
            self._send(incoming)
            return lambda: link.accept(incoming)

        def refuse(error: AmqpError) -> None:
            link.reject(incoming, error)

        self._faults.befall(Operation("send", self._destination.name.lower(), link, carry_out, refuse))

    def incoming_closed(self, link: IncomingLink) -> None:
        """What was accepted stays."""

    def _send(self, incoming: Incoming) -> None:
        limit = self._destination.settings.max_message_size
        if len(incoming.payload) > limit:
            raise too_large(len(incoming.payload), limit)
        message = Message.parse(incoming.payload)
        for each in message.batched() if incoming.message_format == BATCH_FORMAT else [message]:
            self._destination.send(each)
