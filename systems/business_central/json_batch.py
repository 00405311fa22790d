"""OData's JSON batch as Business Central takes it: at most 100 requests, answers told apart by id alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.json_codec import encode
from schemas.row import Value
from systems.http import Answer


@dataclass(frozen=True, slots=True)
class Part:
    """One request of a batch. ``url`` is relative to the service root, without a leading slash."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: Mapping[str, Value] | None = None


def encode_batch(parts: Sequence[Part]) -> bytes:
    """The body of a batch; a part's id is its place, as text."""
    return encode({"requests": [_request(str(place), part) for place, part in enumerate(parts)]})


def batch_answers(document: Any) -> dict[int, Answer] | None:
    """The answers by place of the part; a part that was not executed has none. ``None`` if this is no batch answer."""
    responses = document.get("responses") if isinstance(document, dict) else None
    if not isinstance(responses, list):
        return None
    answers: dict[int, Answer] = {}
    for response in responses:
        place = str(response.get("id"))
        if place.isdigit():
            headers = {name.lower(): str(value) for name, value in (response.get("headers") or {}).items()}
            answers[int(place)] = Answer(int(response.get("status", 0)), headers, response.get("body"))
    return answers


def _request(place: str, part: Part) -> dict[str, Any]:
    request: dict[str, Any] = {"id": place, "method": part.method, "url": part.url, "headers": part.headers}
    if part.body is not None:
        request["body"] = part.body
    return request
