"""JSON in and out, as every part of the API does it."""

from collections.abc import Mapping
from typing import Any

from schemas import json_codec
from systems.sandbox.business_central.errors import ApiError, bad_request
from systems.sandbox.exchange import Request, Response

JSON = "application/json; odata.metadata=minimal"


def answer(document: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer."""
    sent = {"content-type": JSON, "odata-version": "4.0", **(headers or {})}
    return Response(status, sent, json_codec.encode(document))


def no_content() -> Response:
    return Response(204, {"odata-version": "4.0"})


def submitted_object(request: Request) -> dict[str, Any]:
    """The object in the request's body, without annotations.

    Raises:
        ApiError: the body is no JSON object, or is not declared to be.
    """
    if "json" not in request.headers.get("content-type", ""):
        raise ApiError(415, "BadRequest", "The content type of the request body must be application/json.")
    try:
        document = request.json()
    except json_codec.NotJson as error:
        raise bad_request(f"The request body is not JSON: {error}.") from error
    if not isinstance(document, dict):
        raise bad_request("The request body must be an object.")
    return {name: value for name, value in document.items() if "@" not in name}
