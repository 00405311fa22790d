"""The frames' bodies, and the terminal states of a delivery, with the fields of the standard in their order."""

from dataclasses import dataclass, fields
from functools import cache
from types import NoneType, UnionType
from typing import Any, ClassVar, TypeVar, get_args, get_type_hints

from tests.servicebus.amqp.codec import decode_at, encode
from tests.servicebus.amqp.types import Described, Symbol, UByte, UInt, ULong, UShort, Value

P = TypeVar("P", bound="Composite")


@dataclass(slots=True)
class Composite:
    """A list of fields whose meaning is told by a number."""

    code: ClassVar[int]

    def described(self) -> Described:
        """As a value that can be encoded."""
        values = [_wire(kind, getattr(self, name)) for name, kind in _kinds(self.code)]
        return Described(ULong(self.code), values)


@dataclass(slots=True)
class Error(Composite):
    """Why something ended."""

    code = 0x1D
    condition: Symbol
    description: str | None = None
    info: dict[Value, Value] | None = None


@dataclass(slots=True)
class Source(Composite):
    """Where messages of a link come from."""

    code = 0x28
    address: str | None = None
    durable: UInt | None = None
    expiry_policy: Symbol | None = None
    timeout: UInt | None = None
    dynamic: bool | None = None
    dynamic_node_properties: dict[Value, Value] | None = None
    distribution_mode: Symbol | None = None
    filter: dict[Value, Value] | None = None
    default_outcome: Any = None
    outcomes: Any = None
    capabilities: Any = None


@dataclass(slots=True)
class Target(Composite):
    """Where messages of a link go to."""

    code = 0x29
    address: str | None = None
    durable: UInt | None = None
    expiry_policy: Symbol | None = None
    timeout: UInt | None = None
    dynamic: bool | None = None
    dynamic_node_properties: dict[Value, Value] | None = None
    capabilities: Any = None


@dataclass(slots=True)
class Received(Composite):
    """How far a delivery has come; no end of it."""

    code = 0x23
    section_number: UInt | None = None
    section_offset: ULong | None = None


@dataclass(slots=True)
class Accepted(Composite):
    """Done with."""

    code = 0x24


@dataclass(slots=True)
class Rejected(Composite):
    """Refused for good."""

    code = 0x25
    error: Error | None = None


@dataclass(slots=True)
class Released(Composite):
    """Given back untouched."""

    code = 0x26


@dataclass(slots=True)
class Modified(Composite):
    """Given back, with a remark."""

    code = 0x27
    delivery_failed: bool | None = None
    undeliverable_here: bool | None = None
    message_annotations: dict[Value, Value] | None = None


@dataclass(slots=True)
class Open(Composite):
    """The first frame of a connection."""

    code = 0x10
    container_id: str = ""
    hostname: str | None = None
    max_frame_size: UInt | None = None
    channel_max: UShort | None = None
    idle_time_out: UInt | None = None
    outgoing_locales: Any = None
    incoming_locales: Any = None
    offered_capabilities: Any = None
    desired_capabilities: Any = None
    properties: dict[Value, Value] | None = None


@dataclass(slots=True)
class Begin(Composite):
    """The first frame of a session."""

    code = 0x11
    remote_channel: UShort | None = None
    next_outgoing_id: UInt | None = None
    incoming_window: UInt | None = None
    outgoing_window: UInt | None = None
    handle_max: UInt | None = None
    offered_capabilities: Any = None
    desired_capabilities: Any = None
    properties: dict[Value, Value] | None = None


@dataclass(slots=True)
class Attach(Composite):
    """The first frame of a link. ``role`` is true for the end that receives."""

    code = 0x12
    name: str = ""
    handle: UInt | None = None
    role: bool = False
    snd_settle_mode: UByte | None = None
    rcv_settle_mode: UByte | None = None
    source: Source | None = None
    target: Any = None
    unsettled: dict[Value, Value] | None = None
    incomplete_unsettled: bool | None = None
    initial_delivery_count: UInt | None = None
    max_message_size: ULong | None = None
    offered_capabilities: Any = None
    desired_capabilities: Any = None
    properties: dict[Value, Value] | None = None


@dataclass(slots=True)
class Flow(Composite):
    """How much may be sent."""

    code = 0x13
    next_incoming_id: UInt | None = None
    incoming_window: UInt | None = None
    next_outgoing_id: UInt | None = None
    outgoing_window: UInt | None = None
    handle: UInt | None = None
    delivery_count: UInt | None = None
    link_credit: UInt | None = None
    available: UInt | None = None
    drain: bool | None = None
    echo: bool | None = None
    properties: dict[Value, Value] | None = None


@dataclass(slots=True)
class Transfer(Composite):
    """A message, or a part of one."""

    code = 0x14
    handle: UInt | None = None
    delivery_id: UInt | None = None
    delivery_tag: bytes | None = None
    message_format: UInt | None = None
    settled: bool | None = None
    more: bool | None = None
    rcv_settle_mode: UByte | None = None
    state: Any = None
    resume: bool | None = None
    aborted: bool | None = None
    batchable: bool | None = None


@dataclass(slots=True)
class Disposition(Composite):
    """What became of deliveries ``first`` to ``last``."""

    code = 0x15
    role: bool = False
    first: UInt | None = None
    last: UInt | None = None
    settled: bool | None = None
    state: Any = None
    batchable: bool | None = None


@dataclass(slots=True)
class Detach(Composite):
    """The last frame of a link."""

    code = 0x16
    handle: UInt | None = None
    closed: bool | None = None
    error: Error | None = None


@dataclass(slots=True)
class End(Composite):
    """The last frame of a session."""

    code = 0x17
    error: Error | None = None


@dataclass(slots=True)
class Close(Composite):
    """The last frame of a connection."""

    code = 0x18
    error: Error | None = None


@dataclass(slots=True)
class SaslMechanisms(Composite):
    """How a client may say who it is."""

    code = 0x40
    mechanisms: Any = None


@dataclass(slots=True)
class SaslInit(Composite):
    """How this client says it."""

    code = 0x41
    mechanism: Symbol | None = None
    initial_response: bytes | None = None
    hostname: str | None = None


@dataclass(slots=True)
class SaslOutcome(Composite):
    """Whether it is believed; 0 is yes."""

    code = 0x44
    outcome: UByte | None = None
    additional_data: bytes | None = None


_BY_CODE: dict[int, type[Composite]] = {
    kind.code: kind
    for kind in (
        *(Error, Source, Target, Received, Accepted, Rejected, Released, Modified),
        *(Open, Begin, Attach, Flow, Transfer, Disposition, Detach, End, Close),
        *(SaslMechanisms, SaslInit, SaslOutcome),
    )
}


def composite(value: Value) -> Value:
    """``value`` with the composites of the standard in place of what describes them; others stay as they are."""
    if not isinstance(value, Described):
        return value
    kind = _BY_CODE.get(value.descriptor) if isinstance(value.descriptor, int) else None
    if kind is None or not isinstance(value.value, list):
        return value
    return kind(*map(composite, value.value))


def encode_composite(value: Composite) -> bytes:
    """The bytes of a frame's body."""
    return encode(value.described())


def decode_composite(data: bytes) -> tuple[Value, bytes]:
    """The composite that ``data`` begins with, and the payload behind it."""
    value, end = decode_at(data, 0)
    return composite(value), data[end:]


@cache
def _kinds(code: int) -> tuple[tuple[str, type | None], ...]:
    """The fields of a composite and the type of each on the wire, where Python's own does not say it."""
    kind = _BY_CODE[code]
    hints = get_type_hints(kind)
    return tuple((field.name, _wire_type(hints[field.name])) for field in fields(kind))


def _wire_type(hint: Any) -> type | None:
    (kind, *_) = [part for part in get_args(hint) if part is not NoneType] if isinstance(hint, UnionType) else [hint]
    return kind if kind in {UByte, UShort, UInt, ULong, Symbol} else None


def _wire(kind: type | None, value: Value) -> Value:
    if value is None:
        return None
    if isinstance(value, Composite):
        return value.described()
    return value if kind is None else kind(value)
