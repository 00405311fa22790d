"""``$cbs``, where a client shows the token that opens an entity to its connection."""

from tests.servicebus.access import Access
from tests.servicebus.amqp.errors import AmqpError
from tests.servicebus.amqp.links import IncomingLink
from tests.servicebus.amqp.message import Message
from tests.servicebus.amqp.types import Int, Value
from tests.servicebus.faults import Faults
from tests.servicebus.namespace import entity_path
from tests.servicebus.requests import Requests

ADDRESS = "$cbs"


class Cbs(Requests):
    """The node of requests."""

    def __init__(self, access: Access, faults: Faults) -> None:
        super().__init__(ADDRESS, faults)
        self._access = access

    def handle(self, request: Message, link: IncomingLink) -> tuple[dict[str, Value], Value]:
        properties = request.application_property_map()
        token, audience = request.value(), str(properties.get("name", ""))
        text = token.decode() if isinstance(token, bytes) else str(token or "")
        self._access.check(text, audience)
        link.session.connection.authorized.add(entity_path(audience))
        return {"status-code": Int(202), "status-description": "Accepted"}, None

    def failure(self, error: AmqpError) -> dict[str, Value]:
        return {"status-code": Int(error.status), "status-description": error.description}
