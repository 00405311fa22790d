"""What a subscription lets through."""

from dataclasses import dataclass, field
from typing import Protocol

from tests.servicebus.amqp.message import Message, text_of_id
from tests.servicebus.amqp.types import Value
from tests.servicebus.sql_filter import Expression, parse

PROPERTIES = {
    "correlation-id": "correlation_id",
    "message-id": "message_id",
    "to": "to",
    "reply-to": "reply_to",
    "label": "subject",
    "session-id": "group_id",
    "reply-to-session-id": "reply_to_group_id",
    "content-type": "content_type",
}
"""Service Bus's names of properties in filters, and those of the standard."""


class Filter(Protocol):
    """Says which messages."""

    def matches(self, message: Message) -> bool:
        """Whether this one."""


@dataclass(frozen=True, slots=True)
class TrueFilter:
    """Every message."""

    def matches(self, message: Message) -> bool:  # noqa: ARG002 the name is the protocol's
        return True


@dataclass(frozen=True, slots=True)
class FalseFilter:
    """None."""

    def matches(self, message: Message) -> bool:  # noqa: ARG002 the name is the protocol's
        return False


@dataclass(frozen=True, slots=True)
class CorrelationFilter:
    """Messages whose properties are equal to all of these; ``system`` is by the standard's names."""

    system: dict[str, str] = field(default_factory=dict)
    application: dict[str, Value] = field(default_factory=dict)

    def matches(self, message: Message) -> bool:
        carried = message.application_property_map()
        return all(text_of_id(message.property_named(name)) == value for name, value in self.system.items()) and all(
            name in carried and carried[name] == value for name, value in self.application.items()
        )


@dataclass(frozen=True, slots=True)
class SqlFilter:
    """Messages for which an expression is true."""

    expression: str
    _parsed: Expression = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_parsed", parse(self.expression))

    def matches(self, message: Message) -> bool:
        carried = message.application_property_map()

        def value_of(name: str) -> Value:
            scope, _, rest = name.rpartition(".")
            if scope.lower() != "sys":
                return carried.get(rest)
            return message.property_named(PROPERTIES.get(_dashed(rest), rest.lower()))

        return self._parsed(value_of) is True


def _dashed(name: str) -> str:
    """``CorrelationId`` as ``correlation-id``."""
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("-")
