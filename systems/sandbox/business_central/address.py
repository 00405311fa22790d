"""Addresses: ``/v2.0/{tenant}/{environment}/api/{root}/companies({id})/customers({id})`` taken apart."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from systems.sandbox.business_central.errors import ApiError, segment_not_found
from systems.sandbox.business_central.pages import CUSTOM, RUNTIME, STANDARD

_SEGMENT = re.compile(r"(?P<name>[$\w.]+)(?:\((?P<key>[^()]*)\))?")
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ROOTS = (STANDARD, CUSTOM, RUNTIME)


@dataclass(frozen=True, slots=True)
class Segment:
    """One step of a path: a name, and what stands in parentheses behind it."""

    name: str
    key: str | None = None

    @property
    def guid(self) -> str:
        """The key as a GUID.

        Raises:
            ApiError: it is none; GUIDs are written without quotes.
        """
        lower = (self.key or "").lower()
        if not _GUID.fullmatch(lower):
            raise ApiError(
                400, "BadRequest_InvalidRequestUrl", f"The key '{self.key}' of segment '{self.name}' is not a GUID."
            )
        return lower

    @property
    def text(self) -> str:
        """The key as a quoted text.

        Raises:
            ApiError: it is none.
        """
        key = self.key or ""
        if len(key) < len("''") or key[0] != "'" or key[-1] != "'":
            raise ApiError(400, "BadRequest_InvalidRequestUrl", f"The key of segment '{self.name}' is not a text.")
        return key[1:-1].replace("''", "'")


@dataclass(frozen=True, slots=True)
class Address:
    """An API root and what follows it."""

    root: str
    segments: tuple[Segment, ...]


def split_root(path: str, prefix: str) -> tuple[str, str]:
    """The API root and the rest of a path that begins with ``prefix``.

    Raises:
        ApiError: the path is outside of every API.
    """
    for root in _ROOTS:
        start = f"{prefix}/api/{root}"
        if path.lower() == start.lower() or path.lower().startswith(f"{start.lower()}/"):
            return root, path[len(start) :].strip("/")
    raise segment_not_found(path.strip("/").partition("/")[0])


def parse(root: str, rest: str) -> Address:
    """The segments of ``rest``, decoded.

    Raises:
        ApiError: a segment is malformed.
    """
    segments = []
    for part in filter(None, rest.split("/")):
        match = _SEGMENT.fullmatch(unquote(part))
        if match is None:
            raise segment_not_found(unquote(part))
        segments.append(Segment(match["name"], match["key"]))
    return Address(root, tuple(segments))
