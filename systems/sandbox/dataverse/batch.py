"""``$batch``: up to a thousand operations as multipart, with change sets that happen whole or not at all."""

import re
import uuid
from collections.abc import Callable
from http import HTTPStatus

from systems.sandbox.dataverse import multipart
from systems.sandbox.dataverse.answers import preferred
from systems.sandbox.dataverse.errors import ApiError, bad_payload, bad_request, method_not_allowed
from systems.sandbox.dataverse.multipart import BodyPart
from systems.sandbox.exchange import Part, Request, Response, split_url
from systems.sandbox.store import Store

MOST_OPERATIONS = 1000
_FAILED = 400
_CONTENT_ID = re.compile(rb'"\$(\w+)(?=[/"])')

Handle = Callable[[Request], Response]


def run(request: Request, root: str, store: Store, handle: Handle) -> Response:
    """Carry out the operations in order; without ``continue-on-error`` the first failure ends the batch.

    Raises:
        ApiError: the batch itself is refused, and nothing was done.
    """
    if request.method != "POST":
        raise method_not_allowed(request.method)
    parts = multipart.split(request.body, multipart.boundary_of(request.headers.get("content-type", "")))
    change_sets = {index: _change_set(part) for index, part in enumerate(parts) if _is_multipart(part)}
    operations = sum(len(change_sets[index]) if index in change_sets else 1 for index in range(len(parts)))
    if operations > MOST_OPERATIONS:
        raise bad_request(f"The number of operations in the batch, {operations}, exceeds {MOST_OPERATIONS}.")
    batch = _Batch(request, root, store, handle)
    goes_on = "odata.continue-on-error" in preferred(request).given
    status = 200
    for index, part in enumerate(parts):
        failed = batch.change_set(change_sets[index]) if index in change_sets else batch.single(part)
        if failed is not None and not goes_on:
            status = failed
            break
    return batch.response(status)


class _Batch:
    def __init__(self, request: Request, root: str, store: Store, handle: Handle) -> None:
        self._request = request
        self._root = root
        self._store = store
        self._handle = handle
        self._answers: list[bytes] = []
        self._done: list[Part] = []

    def single(self, part: BodyPart) -> int | None:
        """Carry out one operation; its status if it failed."""
        response = self._carry_out(part, {})
        self._answers.append(_http_part(response, ""))
        return response.status if response.status >= _FAILED else None

    def change_set(self, parts: list[BodyPart]) -> int | None:
        """Carry out a change set; its status if it failed, in which case one answer stands for all."""
        entities: dict[str, str] = {}
        answers: list[bytes] = []
        with self._store.transaction() as transaction:
            for part in parts:
                response = self._carry_out(part, entities, in_change_set=True)
                if response.status >= _FAILED:
                    transaction.undone = True
                    self._answers.append(_http_part(response, ""))
                    return response.status
                content_id = part.headers.get("content-id", "")
                entities[content_id] = response.headers.get("odata-entityid", "")
                answers.append(_http_part(response, content_id))
        boundary = f"changesetresponse_{uuid.uuid4()}"
        head = f"Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n".encode()
        self._answers.append(head + multipart.join(answers, boundary))
        return None

    def response(self, status: int) -> Response:
        boundary = f"batchresponse_{uuid.uuid4()}"
        headers = {"content-type": f"multipart/mixed; boundary={boundary}", "odata-version": "4.0"}
        return Response(status, headers, multipart.join(self._answers, boundary), tuple(self._done))

    def _carry_out(self, part: BodyPart, entities: dict[str, str], *, in_change_set: bool = False) -> Response:
        try:
            request = self._operation(part, entities)
            if in_change_set and request.method == "GET":
                raise bad_request("A change set cannot contain GET.")
            if request.path.endswith("/$batch"):
                raise bad_request("A batch cannot contain a batch.")
        except ApiError as error:
            return error.response()
        response = self._handle(request)
        self._done.append(Part(request.method, request.path, response.status))
        return response

    def _operation(self, part: BodyPart, entities: dict[str, str]) -> Request:
        if part.headers.get("content-type", "").partition(";")[0] != "application/http":
            raise bad_payload("The content type of an operation must be application/http.")
        lines, body = multipart.head_and_body(part.content)
        words = lines[0].split(" ")
        if len(words) != len(("method", "address", "version")):
            raise bad_payload(f"'{lines[0]}' is not a request line.")
        method, url, _ = words
        for content_id, entity in entities.items():
            if url.lstrip("/") == f"${content_id}" or url.lstrip("/").startswith(f"${content_id}/"):
                url = entity + url.lstrip("/").removeprefix(f"${content_id}")
        path, query = split_url(url)
        if not path.startswith("/"):
            path = f"{self._root}/{path}"
        named = {content_id.encode(): entity.encode() for content_id, entity in entities.items()}
        body = _CONTENT_ID.sub(lambda match: b'"' + named.get(match[1], b"$" + match[1]), body)
        own = multipart.headers_of(lines[1:])
        return Request(method, self._request.origin, path, query, own, body.removesuffix(b"\r\n"), self._request.user)


def _is_multipart(part: BodyPart) -> bool:
    return part.headers.get("content-type", "").startswith("multipart/mixed")


def _change_set(part: BodyPart) -> list[BodyPart]:
    return multipart.split(part.content, multipart.boundary_of(part.headers["content-type"]))


def _http_part(response: Response, content_id: str) -> bytes:
    lines = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    if content_id:
        lines.append(f"Content-ID: {content_id}")
    lines += ["", f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}"]
    lines += [f"{_canonical(name)}: {value}" for name, value in response.headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + response.body


def _canonical(name: str) -> str:
    special = {"odata-entityid": "OData-EntityId", "odata-version": "OData-Version", "etag": "ETag"}
    return special.get(name, name.title())
