"""A message in its sections. What nobody changes stays the bytes that came."""

from dataclasses import dataclass, field, replace

from tests.servicebus.amqp.codec import decode_at, encode
from tests.servicebus.amqp.types import Described, Symbol, Timestamp, UInt, ULong, Value

BATCH_FORMAT = 0x80013700
"""The message format of a transfer whose data sections are messages."""

HEADER, DELIVERY_ANNOTATIONS, ANNOTATIONS, PROPERTIES, APPLICATION_PROPERTIES = range(0x70, 0x75)
DATA, SEQUENCE, VALUE = range(0x75, 0x78)

_PROPERTY_NAMES = (
    "message_id",
    "user_id",
    "to",
    "subject",
    "reply_to",
    "correlation_id",
    "content_type",
    "content_encoding",
    "absolute_expiry_time",
    "creation_time",
    "group_id",
    "group_sequence",
    "reply_to_group_id",
)


class MessageError(ValueError):
    """The bytes are no message."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message.

    Attributes:
        header: durable, priority, time to live in milliseconds, first acquirer, delivery count.
        delivery_annotations: the broker's words about this delivery; those of a sender are not kept.
        annotations: the broker's words about it; most begin with ``x-opt-``.
        properties: the section as it came, empty if there is none.
        application_properties: likewise.
        body: its sections as they came, the footer too.
    """

    header: list[Value] = field(default_factory=list)
    delivery_annotations: dict[Value, Value] = field(default_factory=dict)
    annotations: dict[Value, Value] = field(default_factory=dict)
    properties: bytes = b""
    application_properties: bytes = b""
    body: bytes = b""

    @staticmethod
    def parse(data: bytes) -> "Message":
        """The message that ``data`` holds.

        Raises:
            MessageError: a section is none of a message.
            DecodeError: it is not AMQP at all.
        """
        header: list[Value] = []
        annotations: dict[Value, Value] = {}
        sections = {PROPERTIES: b"", APPLICATION_PROPERTIES: b""}
        at = 0
        while at < len(data):
            start, section = at, _section(data, at)
            if section >= DATA:
                break
            value, at = decode_at(data, at)
            if section == HEADER:
                header = value.value
            elif section == ANNOTATIONS:
                annotations = value.value
            elif section in sections:
                sections[section] = data[start:at]
        return Message(header, {}, annotations, sections[PROPERTIES], sections[APPLICATION_PROPERTIES], data[at:])

    def encode(self) -> bytes:
        """The bytes of all sections."""
        said = {HEADER: self.header, DELIVERY_ANNOTATIONS: self.delivery_annotations, ANNOTATIONS: self.annotations}
        parts = [encode(Described(ULong(section), value)) for section, value in said.items() if value]
        return b"".join([*parts, self.properties, self.application_properties, self.body])

    def batched(self) -> list["Message"]:
        """The messages of a transfer in the batch format."""
        return [Message.parse(data) for data in self.data()]

    def data(self) -> list[bytes]:
        """The data sections of the body."""
        found, at = [], 0
        while at < len(self.body):
            section = _section(self.body, at)
            value, at = decode_at(self.body, at)
            if section == DATA:
                found.append(value.value)
        return found

    def value(self) -> Value:
        """What a body of one value holds; ``None`` if it is of another kind."""
        if not self.body or _section(self.body, 0) != VALUE:
            return None
        return decode_at(self.body, 0)[0].value

    def property_named(self, name: str) -> Value:
        """A property by its name in the standard, with underscores; ``None`` if it is not set."""
        if not self.properties:
            return None
        values = decode_at(self.properties, 0)[0].value
        index = _PROPERTY_NAMES.index(name)
        return values[index] if index < len(values) else None

    def application_property_map(self) -> dict[Value, Value]:
        """The application's own properties."""
        found: dict[Value, Value] = {}
        if self.application_properties:
            found = decode_at(self.application_properties, 0)[0].value or {}
        return found

    def with_application_properties(self, more: dict[str, Value]) -> "Message":
        """The same message with more properties of the application."""
        return replace(
            self, application_properties=_application_properties({**self.application_property_map(), **more})
        )

    def with_annotations(self, more: dict[str, Value]) -> "Message":
        """The same message with annotations added or replaced; ``None`` removes one."""
        changed = {**self.annotations, **{Symbol(name): value for name, value in more.items()}}
        return replace(self, annotations={name: value for name, value in changed.items() if value is not None})

    def with_delivery_count(self, count: int) -> "Message":
        """The same message with its failed deliveries in the header."""
        durable, priority, ttl, first_acquirer, *_ = [*self.header, None, None, None, None]
        return replace(self, header=[durable, priority, ttl, first_acquirer, UInt(count)])

    @property
    def time_to_live(self) -> float | None:
        """Seconds."""
        ttl = self.header[2] if len(self.header) > 2 else None
        return None if ttl is None else ttl / 1000

    @property
    def scheduled_for(self) -> float | None:
        """When it is to appear, in seconds since 1970."""
        moment = self.annotations.get(Symbol("x-opt-scheduled-enqueue-time"))
        return moment / 1000 if isinstance(moment, Timestamp) else None


def answer(correlation_id: Value, application_properties: dict[str, Value], body: Value = None) -> bytes:
    """A response, encoded: ``body`` is its only value."""
    properties = [None] * 5 + [correlation_id]
    return (
        encode(Described(ULong(PROPERTIES), properties))
        + _application_properties(application_properties)
        + encode(Described(ULong(VALUE), body))
    )


def text_of_id(value: Value) -> str | None:
    """A message id as text: the standard lets it be a number, a UUID, bytes or text."""
    if value is None:
        return None
    return value.hex() if isinstance(value, bytes) else str(value)


def _application_properties(values: dict[Value, Value]) -> bytes:
    return encode(Described(ULong(APPLICATION_PROPERTIES), values))


def _section(data: bytes, at: int) -> int:
    if data[at] != 0x00:
        raise MessageError(f"no section begins at byte {at}")
    descriptor, _ = decode_at(data, at + 1)
    if isinstance(descriptor, ULong) and HEADER <= descriptor <= 0x78:
        return int(descriptor)
    raise MessageError(f"{descriptor!r} is no section of a message")
