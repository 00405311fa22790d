"""JSON in and out, as every part of the API does it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas import json_codec
from systems.sandbox.dataverse.errors import ApiError, bad_payload
from systems.sandbox.exchange import Request, Response
from systems.sandbox.odata.options import preferences


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a ``Prefer`` header asks for.

    Attributes:
        representation: the row in the answer to a write.
        annotations: patterns of annotations, ``*`` for all; empty for none.
        tracked: change tracking.
    """

    representation: bool
    annotations: tuple[str, ...]
    tracked: bool
    given: Mapping[str, str]


def preferred(request: Request) -> Preferences:
    header = request.headers.get("prefer", "")
    annotations = ""
    if 'odata.include-annotations="' in header:
        # The value is itself a list with commas, which the general reader would take apart.
        annotations = header.partition('odata.include-annotations="')[2].partition('"')[0]
    given = preferences(header)
    annotations = annotations or given.get("odata.include-annotations", "")
    return Preferences(
        representation=given.get("return") == "representation",
        annotations=tuple(part.strip() for part in annotations.split(",") if part.strip()),
        tracked="odata.track-changes" in given,
        given=given,
    )


def answer(document: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer."""
    sent = {"content-type": "application/json; odata.metadata=minimal", "odata-version": "4.0", **(headers or {})}
    return Response(status, sent, json_codec.encode(document))


def no_content(headers: Mapping[str, str] | None = None) -> Response:
    return Response(204, {"odata-version": "4.0", **(headers or {})})


def submitted_object(request: Request) -> dict[str, Any]:
    """The object in the request's body.

    Raises:
        ApiError: the body is no JSON object, or is not declared to be.
    """
    if "json" not in request.headers.get("content-type", ""):
        raise ApiError(415, "0x0", "The content type of the request body must be application/json.")
    try:
        document = request.json()
    except json_codec.NotJson as error:
        raise bad_payload(f"An error occurred while validating input parameters: {error}.") from error
    if not isinstance(document, dict):
        raise bad_payload("A JSON object is expected.")
    return document
