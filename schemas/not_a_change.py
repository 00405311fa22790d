"""What else arrives where changes are expected, and what to tell the person who finds it among the dead letters."""

from collections.abc import Mapping
from typing import Any

from schemas.errors import DeadLetter

_SETTING = "Set Message Format to JSON at the service endpoint (Plug-in Registration Tool, Update Service Endpoint)."


def not_json(body: bytes, fault: str) -> DeadLetter:
    """``xml``, ``binary`` or ``not_json``: why ``body`` is no JSON document; ``fault`` is what the parser says."""
    text = body.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"<"):
        return DeadLetter(f"The body is XML, as an endpoint in message format XML sends it. {_SETTING}", code="xml")
    if any(byte < 0x20 and byte not in b"\t\n\r" for byte in text[:256]):
        return DeadLetter(
            f"The body is binary, as an endpoint in message format .NETBinary (msbin1) sends it. {_SETTING}",
            code="binary",
        )
    return DeadLetter(f"The body is not one JSON document: {fault}.", code="not_json")


def unknown_document(document: Any) -> DeadLetter:
    """``api_answer``, ``subscription``, ``business_event`` or ``unknown_format``."""
    if not isinstance(document, Mapping):
        return DeadLetter(f"The message is no JSON object but {_kind(document)}.", code="unknown_format")
    error = document.get("error")
    if isinstance(error, Mapping):
        return DeadLetter(
            f"This is an error answer of a web API ({error.get('code') or 'without a code'}), not a change.",
            code="api_answer",
        )
    if any(member.startswith("@odata.") for member in document) or {"id", "lastModifiedDateTime"} <= set(document):
        return DeadLetter("This is a row, or an answer of a web API with rows in it: no change.", code="api_answer")
    if "notificationUrl" in document:
        return DeadLetter("This is a webhook subscription, not a notification.", code="subscription")
    if "eventName" in document and "payload" in document:
        return DeadLetter(
            f"This is the business event {document['eventName']!r}; Twinrow reads notifications of subscriptions only.",
            code="business_event",
        )
    return DeadLetter(
        "This is neither a CloudEvent, nor a RemoteExecutionContext of Dataverse, nor a notification of Business "
        f"Central. Its members: {', '.join(sorted(document)[:12]) or 'none'}.",
        code="unknown_format",
    )


def _kind(document: Any) -> str:
    names = {str: "a text", bool: "true or false", list: "a list", type(None): "null"}
    return names.get(type(document), "a number")
