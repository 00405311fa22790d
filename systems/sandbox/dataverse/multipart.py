"""``multipart/mixed`` bodies as OData batches use them: strict about line ends, as the platform is."""

import re
from dataclasses import dataclass

from systems.sandbox.dataverse.errors import ApiError, bad_payload

_BOUNDARY = re.compile(r'boundary="?([^";]+)"?')


@dataclass(frozen=True, slots=True)
class BodyPart:
    """One part: its headers, names in lower case, and its content."""

    headers: dict[str, str]
    content: bytes


def boundary_of(content_type: str) -> str:
    """The boundary in a content type.

    Raises:
        ApiError: it is no multipart content type.
    """
    match = _BOUNDARY.search(content_type)
    if not content_type.lower().startswith("multipart/mixed") or match is None:
        raise ApiError(415, "0x80060888", "The content type of a batch must be multipart/mixed with a boundary.")
    return match.group(1)


def split(body: bytes, boundary: str) -> list[BodyPart]:
    """The parts of ``body``.

    Raises:
        ApiError: the body is not multipart, or its lines do not end with CRLF.
    """
    delimiter = b"--" + boundary.encode()
    if not body.startswith(delimiter):
        body = body[body.find(b"\r\n" + delimiter) + 2 :]
    sections = (b"\r\n" + body).split(b"\r\n" + delimiter)
    if len(sections) == 1 or not sections[-1].startswith(b"--"):
        raise bad_payload("The batch does not end with its boundary; lines must end with CRLF.")
    return [_part(section) for section in sections[1:-1]]


def head_and_body(message: bytes) -> tuple[list[str], bytes]:
    """The lines before the first empty one, and what follows it.

    Raises:
        ApiError: there is no empty line.
    """
    head, separator, body = message.partition(b"\r\n\r\n")
    if not separator:
        head, body = message.removesuffix(b"\r\n"), b""
    return head.decode().split("\r\n"), body


def headers_of(lines: list[str]) -> dict[str, str]:
    """Header lines by lower-case name.

    Raises:
        ApiError: a line is no header.
    """
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise bad_payload(f"'{line}' is not a header.")
        headers[name.strip().lower()] = value.strip()
    return headers


def join(parts: list[bytes], boundary: str) -> bytes:
    """A multipart body of complete parts."""
    delimiter = b"--" + boundary.encode()
    return b"".join(delimiter + b"\r\n" + part + b"\r\n" for part in parts) + delimiter + b"--\r\n"


def _part(section: bytes) -> BodyPart:
    if not section.startswith(b"\r\n"):
        raise bad_payload("A line break is expected behind a boundary; lines must end with CRLF.")
    lines, content = head_and_body(section.removeprefix(b"\r\n"))
    return BodyPart(headers_of(lines), content)
