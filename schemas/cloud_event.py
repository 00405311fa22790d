"""A change event on a topic: CloudEvents 1.0, structured JSON (github.com/cloudevents/spec, json-format).

::

    {"specversion": "1.0", "id": "…", "time": "2026-11-22T10:00:00Z",
     "type":    "twinrow.modified",              the kind
     "source":  "/business_central/<company>",   the system, and the company where known
     "subject": "customers/<record id>",         a whole table has no slash
     "runid", "origin", "actor", "traceparent", "tracestate": extension attributes, absent where there is nothing to say
     "datacontenttype": "application/json", "data": {"since": "…"}}   collections with a lower bound only

Types are ``twinrow.`` and a :class:`~schemas.change_event.ChangeKind`: ``modified``, ``deleted``, ``sync_all``,
``collection``. Any other producer may write such events; unknown attributes are ignored.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import quote, unquote

import msgspec

from schemas import json_codec
from schemas.change_event import ChangeEvent, ChangeKind
from schemas.errors import DeadLetter
from schemas.system import System
from schemas.topics import OutgoingMessage

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"

_KINDS = {f"twinrow.{kind}": kind for kind in ChangeKind}
_SYSTEMS = {system.value: system for system in System}

_Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class _Data(msgspec.Struct, frozen=True):
    since: _Moment | None = None


class _Envelope(msgspec.Struct, frozen=True, omit_defaults=True):
    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    subject: str
    time: _Moment
    runid: str | None = None
    origin: str | None = None
    actor: str | None = None
    traceparent: str | None = None
    tracestate: str | None = None
    datacontenttype: str | None = None
    data: _Data | None = None


def encode(event: ChangeEvent) -> OutgoingMessage:
    """The message that carries ``event``. The table's name must not contain a slash (no system has such tables)."""
    envelope = _Envelope(
        specversion="1.0",
        id=event.id,
        source=f"/{event.system}/{quote(event.company, safe='')}" if event.company else f"/{event.system}",
        type=f"twinrow.{event.kind}",
        subject=event.table if event.record_id is None else f"{event.table}/{event.record_id}",
        time=_utc(event.time),
        runid=event.run_id,
        origin=event.origin,
        actor=event.actor,
        traceparent=event.traceparent,
        tracestate=event.tracestate,
        datacontenttype="application/json" if event.since else None,
        data=_Data(_utc(event.since)) if event.since else None,
    )
    headers = {"content-type": CONTENT_TYPE}
    if event.traceparent:
        headers["traceparent"] = event.traceparent
    return OutgoingMessage(event.key, json_codec.encode(envelope), headers)


def decode(document: Mapping[str, Any]) -> ChangeEvent:
    """The event in a decoded JSON document; the inverse of :func:`encode`.

    Raises:
        DeadLetter: ``bad_cloud_event``, with the attribute that is wrong.
    """
    try:
        envelope = msgspec.convert(document, _Envelope)
        time = _utc(envelope.time)
        since = _utc(envelope.data.since) if envelope.data and envelope.data.since else None
    except (msgspec.ValidationError, OverflowError) as error:
        raise _refused(document, str(error)) from error
    kind = _KINDS.get(envelope.type)
    if kind is None:
        raise _refused(document, f"type {envelope.type!r} is none of {', '.join(_KINDS)}")
    root, _, source = envelope.source.partition("/")
    name, _, company = source.partition("/")
    system = _SYSTEMS.get(name)
    if system is None or root:
        raise _refused(document, f"source {envelope.source!r} does not begin with /business_central or /dataverse")
    table, slash, record_id = envelope.subject.partition("/")
    if not table or bool(slash) is (kind is ChangeKind.COLLECTION):
        raise _refused(document, f"subject {envelope.subject!r} does not fit type {envelope.type}")
    return ChangeEvent(
        id=envelope.id,
        system=system,
        table=table,
        record_id=record_id if slash else None,
        kind=kind,
        time=time,
        since=since,
        company=unquote(company) if company else None,
        run_id=envelope.runid,
        origin=envelope.origin,
        actor=envelope.actor,
        traceparent=envelope.traceparent,
        tracestate=envelope.tracestate,
    )


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


def _refused(document: Mapping[str, Any], fault: str) -> DeadLetter:
    return DeadLetter(f"CloudEvent {document.get('id')!r}: {fault}", code="bad_cloud_event")
