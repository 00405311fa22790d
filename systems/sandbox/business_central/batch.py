"""``$batch`` in its JSON form: up to a hundred operations in one request, in order."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from schemas import json_codec
from systems.sandbox.business_central.answers import answer, submitted_object
from systems.sandbox.business_central.errors import ApiError, bad_request
from systems.sandbox.business_central.rows import Rows
from systems.sandbox.exchange import Part, Request, Response, split_url
from systems.sandbox.odata.options import preferences

MOST_OPERATIONS = 100
_FAILED = 400
_DUPLICATE = b"Internal_EntityWithSameKeyExists"
_PASSED_ON = ("authorization", "accept-language", "company", "data-access-intent")
"""Headers of the batch that hold for its operations, unless they have their own."""


def run(request: Request, root_url: str, rows: Rows, handle: Callable[[Request], Response]) -> Response:
    """Carry out the operations.

    Without ``continue-on-error`` the first failure is the last one carried out; earlier ones stay done. With
    ``Isolation: snapshot`` a failure undoes everything, and the earlier answers still claim success: the real one
    does that too.

    Raises:
        ApiError: the batch itself is refused, and nothing was done.
    """
    if request.method != "POST":
        raise ApiError(405, "BadRequest_MethodNotAllowed", "$batch needs POST.")
    operations = submitted_object(request).get("requests")
    if not isinstance(operations, list) or not all(isinstance(operation, dict) for operation in operations):
        raise bad_request("A batch must have a member 'requests' with a list of operations.")
    if len(operations) > MOST_OPERATIONS:
        message = f"The batch exceeds the maximum of '{MOST_OPERATIONS}' query operations."
        raise ApiError(500, "Internal_ServerError", message)
    batch = _Batch(request, root_url, rows, handle)
    read = [batch.read(operation) for operation in operations]
    if request.headers.get("isolation", "").lower() == "snapshot":
        batch.run_as_one(read)
    else:
        batch.run_each(read)
    return batch.response()


@dataclass(frozen=True, slots=True)
class _Operation:
    """One operation of a batch; ``id`` is echoed as it came."""

    id: Any
    request: Request


class _Batch:
    def __init__(self, request: Request, root_url: str, rows: Rows, handle: Callable[[Request], Response]) -> None:
        self._request = request
        self._root_url = root_url
        self._rows = rows
        self._handle = handle
        self._answers: list[dict[str, Any]] = []
        self._parts: list[Part] = []
        self._goes_on = "odata.continue-on-error" in preferences(request.headers.get("prefer"))
        passed_on = {name: value for name, value in request.headers.items() if name in _PASSED_ON}
        self._headers = {"content-type": "application/json", **passed_on}

    def read(self, operation: Mapping[str, Any]) -> _Operation:
        """One operation: its URL is relative to the service root, without a leading slash.

        Raises:
            ApiError: it is malformed.
        """
        url, method, headers = (operation.get(name) for name in ("url", "method", "headers"))
        if not isinstance(url, str) or not isinstance(method, str) or not isinstance(headers or {}, dict):
            raise bad_request("Every operation of a batch needs a method and a url.")
        if url.startswith("/"):
            raise ApiError(400, "BadRequest_InvalidRequestUrl", f"The URL '{url}' must not begin with a slash.")
        path, query = split_url(url if url.startswith("http") else f"{self._root_url}/{url}")
        lower_only = self._rows.quirks.batch_headers_in_lower_case
        own = {name.lower(): str(value) for name, value in (headers or {}).items() if name.islower() or not lower_only}
        body = operation.get("body")
        request = Request(
            method=method.upper(),
            origin=self._request.origin,
            path=path,
            query=query,
            headers=self._headers | own,
            body=b"" if body is None else json_codec.encode(body),
            user=self._request.user,
        )
        return _Operation(operation.get("id"), request)

    def run_each(self, operations: Sequence[_Operation]) -> None:
        for index, operation in enumerate(operations):
            failed = self._run(operation) >= _FAILED
            runs_on = self._goes_on or (index > 0 and self._rows.quirks.batch_answers_all)
            if failed and not runs_on:
                break

    def run_as_one(self, operations: Sequence[_Operation]) -> None:
        with self._rows.store.transaction() as transaction:
            transaction.undone = any(self._run(operation) >= _FAILED for operation in operations)

    def response(self) -> Response:
        sent = answer({"responses": self._answers})
        return Response(sent.status, sent.headers, sent.body, tuple(self._parts))

    def _run(self, operation: _Operation) -> int:
        request = operation.request
        response = self._handle(request)
        self._parts.append(Part(request.method, request.path, response.status))
        if self._rows.quirks.duplicate_key_fails_batch and _DUPLICATE in response.body:
            raise ApiError(response.status, _DUPLICATE.decode(), "A record of that key already exists.")
        document: dict[str, Any] = {"id": operation.id, "status": response.status, "headers": dict(response.headers)}
        if response.body:
            document["body"] = _content(response)
        self._answers.append(document)
        return response.status


def _content(response: Response) -> msgspec.Raw | str:
    """What an operation's answer has as its body: gateways' pages are text."""
    is_json = "json" in response.headers.get("content-type", "")
    return msgspec.Raw(response.body) if is_json else response.body.decode()
