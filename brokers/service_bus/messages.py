"""Messages as Service Bus carries them: the key and the headers are application properties, texts under their names.

The header ``content-type`` is the message's own content type, as every other sender has it.
"""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, Final

from azure.servicebus import ServiceBusMessage, ServiceBusReceivedMessage
from azure.servicebus.amqp import AmqpMessageBodyType

from schemas.topics import Message, OutgoingMessage

KEY: Final = "twinrow-key"
"""Application property with the message's key; messages that others send have none."""

_CONTENT_TYPE = "content-type"


def sent(message: OutgoingMessage, message_id: str) -> ServiceBusMessage:
    """What to send for ``message``.

    Args:
        message_id: a new one. An entity that detects duplicates takes a message under an id that it remembers, says
            that all is well, and drops it: what is published again on purpose has to have another id.
    """
    properties: dict[str | bytes, Any] = {
        KEY: message.key,
        **{name: value for name, value in message.headers.items() if name != _CONTENT_TYPE},
    }
    return ServiceBusMessage(
        message.body,
        application_properties=properties,
        content_type=message.headers.get(_CONTENT_TYPE),
        message_id=message_id,
    )


def received(message: ServiceBusReceivedMessage, topic: str) -> Message:
    """``message`` as one of the only partition of ``topic``."""
    headers = {_text(name): _text(value) for name, value in (message.application_properties or {}).items()}
    if message.content_type is not None:
        headers[_CONTENT_TYPE] = _text(message.content_type)
    return Message(
        topic,
        0,
        message.sequence_number or 0,
        headers.pop(KEY, ""),
        body(message),
        headers,
        message.enqueued_time_utc or datetime.fromtimestamp(0, UTC),
        message.delivery_count or 0,
    )


def body(message: ServiceBusReceivedMessage) -> bytes:
    """The body's bytes; of a body that is an AMQP value or a sequence of them, its text."""
    content: Any = message.body
    if message.body_type is AmqpMessageBodyType.DATA:
        return b"".join(content)
    return content if isinstance(content, bytes) else str(content).encode()


def copied(message: ServiceBusReceivedMessage, message_id: str, without: Collection[str]) -> ServiceBusMessage:
    """``message`` to be sent once more, under another id (see :func:`sent`).

    Args:
        without: application properties to leave out.
    """
    properties = {
        name: value for name, value in (message.application_properties or {}).items() if _text(name) not in without
    }
    return ServiceBusMessage(
        body(message),
        application_properties=properties,
        content_type=message.content_type,
        correlation_id=message.correlation_id,
        subject=message.subject,
        message_id=message_id,
    )


def _text(value: object) -> str:
    """As text that a database can keep: whoever sent it may have put anything there."""
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")
