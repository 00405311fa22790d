"""The multipart batch of the Dataverse Web API: requests as ``application/http`` parts, answered in the same form.

No change sets: each request is carried out by itself. A body is JSON on one line, so no line of it can be mistaken for
the boundary.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser, BytesParser

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
    message = BytesParser().parsebytes(b"Content-Type: " + content_type.encode("latin-1") + b"\r\n\r\n" + body)
    answers: dict[int, Answer] = {}
    for order, part in enumerate(_leaves(message), start=1):
        content_id = str(part.get("Content-ID", "")).strip("<> ")
        answer = _answer(part)
        if answer is not None:
            answers[(int(content_id) if content_id.isdigit() else order) - 1] = answer
    return answers


def _leaves(message: Message) -> list[Message]:
    return [part for part in message.walk() if part.get_content_type() == "application/http"]


def _answer(part: Message) -> Answer | None:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return None
    status_line, _, rest = payload.lstrip().replace(b"\r\n", b"\n").partition(b"\n")
    words = status_line.split(maxsplit=2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        return None
    head, _, body = rest.partition(b"\n\n")
    headers = {name.lower(): str(value) for name, value in BytesHeaderParser().parsebytes(head + b"\n\n").items()}
    return Answer(int(words[1]), headers, json_or_none(body.strip()))
