"""Any message that may lie on a topic, read as change events: ours, or what either system posts there itself.

The reasons for which a message or a part of it is refused (``DeadLetter.code``) stand in :mod:`schemas.not_a_change`,
:mod:`schemas.cloud_event`, :mod:`schemas.business_central_notification` and :mod:`schemas.dataverse_context`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from schemas import business_central_notification, cloud_event, dataverse_context, json_codec
from schemas.change_event import ChangeEvent, ChangeKind
from schemas.dataverse_values import SentColumn, columns
from schemas.errors import DeadLetter
from schemas.not_a_change import not_json, unknown_document

UNREADABLE: Final = "twinrow-unreadable"
"""Header of a message that a receiver has refused: the reason. :func:`read` does not look at such a body, since
whoever sent it may not have been known to the receiver."""

CLOUD_EVENT: Final = "CloudEvents 1.0"
CONTEXT: Final = "Dataverse RemoteExecutionContext"
NOTIFICATION: Final = "Business Central notification"
UNKNOWN: Final = "unknown"

_HEADER_LENGTH = 1000  # characters; brokers limit all headers together, Service Bus to 64 KB


@dataclass(frozen=True, slots=True)
class Inspected:
    """One change that a message tells of, or one part of it that cannot be read.

    Attributes:
        format: the sender's: one of the constants above.
        result: the event, or why there is none.
        document: what ``result`` was read from: the part of the message, for a context only the ``Entity`` in it.
            ``None`` where there is none.
    """

    format: str
    result: ChangeEvent | DeadLetter
    document: Any = field(repr=False)  # may hold personal data

    @property
    def columns(self) -> list[SentColumn] | None:
        """The columns as sent; ``None`` where the message does not tell which columns changed."""
        if self.format != CONTEXT or isinstance(self.result, DeadLetter):
            return None
        if self.document is None:
            return [] if self.result.kind is ChangeKind.DELETED else None
        return columns(self.document)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The part of a message that cannot be read, as the body of a message of its own."""

    body: bytes = field(repr=False)  # may hold personal data
    reason: DeadLetter


@dataclass(frozen=True, slots=True)
class Reading:
    """A message read: one unreadable part does not lose the rest."""

    events: list[ChangeEvent]
    unreadable: list[Unreadable]


def events(
    body: bytes, *, headers: Mapping[str, str] | None = None, received: datetime | None = None
) -> list[ChangeEvent]:
    """The changes that a message tells of.

    Args:
        headers: of the message, where it has any.
        received: stands in where the sender does not say when the change happened.

    Raises:
        DeadLetter: if any part cannot be read; :func:`read` keeps the others.
    """
    reading = read(body, headers=headers, received=received)
    if reading.unreadable:
        raise reading.unreadable[0].reason
    return reading.events


def read(body: bytes, *, headers: Mapping[str, str] | None = None, received: datetime | None = None) -> Reading:
    """The changes that a message tells of, and apart from them what cannot be read. Arguments as for :func:`events`."""
    if headers and UNREADABLE in headers:
        code, _, text = headers[UNREADABLE].partition(": ")
        return Reading([], [Unreadable(body, DeadLetter(text, code=code))])
    try:
        document = parse(body)
        if _format_of(document) == CLOUD_EVENT:  # one event a message is what nearly all messages are
            return Reading([cloud_event.decode(document)], [])
    except DeadLetter as reason:
        return Reading([], [Unreadable(body, reason)])
    parts = list(_parts(document, received))
    found = [part.result for part in parts if isinstance(part.result, ChangeEvent)]
    refused = [(part, part.result) for part in parts if isinstance(part.result, DeadLetter)]
    if not found and len(refused) == 1:
        return Reading([], [Unreadable(body, refused[0][1])])
    return Reading(found, [Unreadable(json_codec.encode(part.document), reason) for part, reason in refused])


def inspect(body: bytes, *, received: datetime | None = None) -> list[Inspected]:
    """What a message says, or a file of messages: a JSON array of them, or one JSON document a line."""
    whole = _inspect(body, received)
    if any(part.document is not None for part in whole):
        return whole
    by_line = [part for line in body.splitlines() if line.strip() for part in _inspect(line, received)]
    return by_line if any(part.format != UNKNOWN for part in by_line) else whole


def unreadable_header(reason: DeadLetter) -> dict[str, str]:
    """The header under which a body that was refused for ``reason`` is put on a topic."""
    return {UNREADABLE: f"{reason.code}: {reason.text}"[:_HEADER_LENGTH]}


def parse(body: bytes) -> Any:
    """The JSON document in ``body``.

    Raises:
        DeadLetter: ``xml``, ``binary`` or ``not_json``.
    """
    try:
        return json_codec.decode(body)
    except json_codec.NotJson as error:
        raise not_json(body, str(error)) from error


def _inspect(body: bytes, received: datetime | None) -> list[Inspected]:
    try:
        return list(_parts(parse(body), received))
    except DeadLetter as reason:
        return [Inspected(UNKNOWN, reason, None)]


def _parts(document: Any, received: datetime | None) -> Iterator[Inspected]:
    for member in document if isinstance(document, list) else [document]:
        format_ = _format_of(member)
        try:
            yield from _changes(format_, member, received)
        except DeadLetter as reason:
            yield Inspected(format_, reason, member)


def _format_of(document: Any) -> str:
    if not isinstance(document, Mapping):
        return UNKNOWN
    if "specversion" in document:
        return CLOUD_EVENT
    if dataverse_context.is_context(document):
        return CONTEXT
    return NOTIFICATION if business_central_notification.is_notification(document) else UNKNOWN


def _changes(format_: str, document: Any, received: datetime | None) -> Iterator[Inspected]:
    if format_ == CLOUD_EVENT:
        yield Inspected(format_, cloud_event.decode(document), document)
    elif format_ == CONTEXT:
        for change in dataverse_context.changes(document, received=received):
            yield Inspected(format_, change.event, change.entity)
    elif format_ == NOTIFICATION:
        for entry in business_central_notification.entries(document, received=received):
            yield Inspected(format_, entry.result, entry.alone)
    else:
        raise unknown_document(document)
