"""The multipart batch of the Dataverse Web API: requests as ``application/http`` parts, answered in the same form.

No change sets: each request is carried out by itself. A body is JSON on one line, so no line of it can be mistaken for
the boundary.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import Message

from schemas.json_codec import encode
from schemas.row import Value
from systems.http import Answer, json_or_none

_BOUNDARY = "batch_twinrow"
CONTENT_TYPE = f"multipart/mixed; boundary={_BOUNDARY}"


@dataclass(frozen=True, slots=True)
class Part:
    """One request of a batch. ``path`` is absolute, without scheme and host."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Value] | None = None


def encode_batch(parts: Sequence[Part]) -> bytes:
    """The body of a batch; a part's Content-ID is its place, counted from 1."""
    lines: list[bytes] = []
    for number, part in enumerate(parts, start=1):
        lines += [
            f"--{_BOUNDARY}".encode(),
            b"Content-Type: application/http",
            b"Content-Transfer-Encoding: binary",
            f"Content-ID: {number}".encode(),
            b"",
            f"{part.method} {part.path} HTTP/1.1".encode(),
            *(f"{name}: {value}".encode() for name, value in part.headers.items()),
            b"",
            b"" if part.body is None else encode(part.body),
        ]
    return b"\r\n".join([*lines, f"--{_BOUNDARY}--".encode(), b""])


def is_batch(content_type: str) -> bool:
    """Whether an answer is a batch's: a batch that is throttled or refused as a whole is answered in plain JSON."""
    return content_type.lower().startswith("multipart/mixed")


def batch_answers(content_type: str, body: bytes) -> dict[int, Answer]:
    """The answers by place of the request; one that is missing or cut off has none.

    Told apart by Content-ID where the system sends it back, else by order. Line ends may be LF alone.
    """
    answers: dict[int, Answer] = {}
    for order, part in enumerate(_parts(content_type, body), start=1):
        head, http = _split(part)
        content_id = head.get("content-id", "").strip("<> ")
        answer = _answer(http)
        if answer is not None:
            answers[(int(content_id) if content_id.isdigit() else order) - 1] = answer
    return answers


def _parts(content_type: str, body: bytes) -> Sequence[bytes]:
    """What stands between the boundaries; split by hand, since the library's parser costs as much as all the rest."""
    described = Message()
    described["content-type"] = content_type
    boundary = str(described.get_param("boundary", "")).encode()
    pieces = (b"\n" + body.replace(b"\r\n", b"\n")).split(b"\n--" + boundary)
    return [piece.removeprefix(b"\n") for piece in pieces[1:] if not piece.startswith(b"--")]


def _split(message: bytes) -> tuple[dict[str, str], bytes]:
    """Headers by their names in lower case, and what follows the blank line."""
    head, _, body = message.partition(b"\n\n")
    pairs = (line.partition(":") for line in head.decode("latin-1").splitlines())
    return {name.strip().lower(): value.strip() for name, _, value in pairs}, body


def _answer(http: bytes) -> Answer | None:
    status_line, _, rest = http.lstrip().partition(b"\n")
    words = status_line.split(maxsplit=2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        return None
    headers, body = _split(rest)
    return Answer(int(words[1]), headers, json_or_none(body.strip()))
