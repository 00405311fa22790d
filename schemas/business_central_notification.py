"""Business Central's webhook notifications, read as change events.

One body carries entries of several subscriptions, and one unreadable entry must not lose the others::

    {"value": [{"subscriptionId": …, "clientState": …, "resource": "api/v2.0/companies(…)/customers(…)",
                "changeType": "created | updated | deleted | collection", "lastModifiedDateTime": …}, …]}

Subscriptions made for Dataverse's virtual tables send ``{"ProviderName": …, "Request": "<the array as JSON text>"}``
with the acting user besides. Field names: API reference, *Working with webhooks*.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas import business_central_resource, json_codec, timestamps
from schemas.change_event import ChangeEvent, ChangeKind
from schemas.errors import DeadLetter
from schemas.system import System

_KINDS = {
    "created": ChangeKind.MODIFIED,
    "updated": ChangeKind.MODIFIED,
    "deleted": ChangeKind.DELETED,
    "collection": ChangeKind.COLLECTION,
}
_IDS = uuid.uuid5(uuid.NAMESPACE_URL, "twinrow:business-central-notification")
_NOBODY = str(uuid.UUID(int=0))


@dataclass(frozen=True, slots=True)
class NotificationEntry:
    """One entry of a notification.

    Attributes:
        client_state: the secret by which the subscriber knows the sender; ``None`` where the entry has none.
        result: the event, or why there is none.
        alone: the entry as a notification of its own, without its secret.
    """

    client_state: str | None = field(repr=False)
    result: ChangeEvent | DeadLetter
    alone: Mapping[str, Any] = field(repr=False)


def is_notification(document: Any) -> bool:
    """Whether a decoded JSON document is meant as a notification, however faulty."""
    if not isinstance(document, Mapping) or "@odata.context" in document:
        return False
    if isinstance(document.get("Request"), str) and "ProviderName" in document:
        return True
    value = document.get("value")
    return isinstance(value, list) and (not value or any(_is_entry(entry) for entry in value))


def entries(document: Mapping[str, Any], *, received: datetime | None = None) -> list[NotificationEntry]:
    """The entries of a notification, in order; readable or not.

    Args:
        document: for which :func:`is_notification` holds.
        received: stands in where an entry does not say when its change happened.

    Raises:
        DeadLetter: ``bad_notification`` if there is no list of entries.
    """
    return [_entry(raw, received) for raw in _raw_entries(document)]


def _is_entry(entry: Any) -> bool:
    return isinstance(entry, Mapping) and ("subscriptionId" in entry or "changeType" in entry)


def _raw_entries(document: Mapping[str, Any]) -> list[Any]:
    value = document.get("value")
    if "Request" in document:
        try:
            value = json_codec.decode(document["Request"])
        except json_codec.NotJson as error:
            raise DeadLetter(f"The notification's Request is not JSON: {error}", code="bad_notification") from error
    if not isinstance(value, list):
        raise DeadLetter("The notification holds no list of entries.", code="bad_notification")
    return value


def _entry(raw: Any, received: datetime | None) -> NotificationEntry:
    if not isinstance(raw, Mapping):
        fault = DeadLetter("An entry of the notification is not an object.", code="bad_notification_entry")
        return NotificationEntry(None, fault, {"value": [raw]})
    client_state = raw.get("clientState")
    without_secret = {name: value for name, value in raw.items() if name != "clientState"}
    result: ChangeEvent | DeadLetter
    try:
        result = _event(raw, received)
    except ValueError as error:
        result = DeadLetter(
            f"Notification of {str(raw.get('resource'))[:300]!r}: {error}", code="bad_notification_entry"
        )
    return NotificationEntry(
        client_state if isinstance(client_state, str) else None,
        result,
        {"value": [without_secret]},
    )


def _event(raw: Mapping[str, Any], received: datetime | None) -> ChangeEvent:
    change_type = _text(raw, "changeType")
    kind = _KINDS.get(change_type.lower())
    if kind is None:
        raise ValueError(f"changeType {change_type!r} is none of {', '.join(_KINDS)}")
    address = _text(raw, "resource")
    resource = business_central_resource.parse(address)
    whole_table = kind is ChangeKind.COLLECTION
    if not whole_table and resource.record_id is None:
        raise ValueError(f"changeType {change_type} needs the key of a record")
    time = _time(raw, received)
    names = (str(raw.get("subscriptionId")), address, change_type, timestamps.text(time))
    return ChangeEvent(
        id=str(uuid.uuid5(_IDS, "\n".join(names))),
        system=System.BUSINESS_CENTRAL,
        table=resource.table,
        record_id=None if whole_table else resource.record_id,
        kind=kind,
        time=time,
        since=resource.since if whole_table else None,
        company=resource.company,
        actor=_actor(raw.get("initiatingAadUserId")),
    )


def _text(raw: Mapping[str, Any], member: str) -> str:
    value = raw.get(member)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{member} is missing")
    return value


def _time(raw: Mapping[str, Any], received: datetime | None) -> datetime:
    value = raw.get("lastModifiedDateTime")
    if isinstance(value, str):
        try:
            return timestamps.parse(value)
        except ValueError:
            if received is None:
                raise
    if received is None:
        raise ValueError("lastModifiedDateTime is missing")
    return received


def _actor(user: Any) -> str | None:
    return user.lower() if isinstance(user, str) and user and user != _NOBODY else None
