"""A request and a response apart from any transport, so that the parts of a batch run through the same code."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from schemas import json_codec


@dataclass(frozen=True, slots=True)
class User:
    """Who asks: an application registered in the system, or a person."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    Attributes:
        method: in capitals.
        origin: scheme and authority, for links: ``http://127.0.0.1:8080``.
        path: still percent-encoded, with leading slash.
        query: decoded; ``+`` stays a plus, as OData reads it.
        headers: names in lower case.
    """

    method: str
    origin: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    user: User

    @property
    def url(self) -> str:
        return self.origin + self.path

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            schemas.json_codec.NotJson: if it is none.
        """
        return json_codec.decode(self.body)


@dataclass(frozen=True, slots=True)
class Part:
    """What became of one operation inside a batch, for the request log."""

    method: str
    url: str
    status: int


@dataclass(frozen=True, slots=True)
class Response:
    """One response. ``parts`` is filled by batches and is not sent."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    parts: tuple[Part, ...] = ()


class Refused(Exception):
    """A refusal that is an answer."""

    def response(self) -> Response:
        """The answer in the system's own words."""
        raise NotImplementedError


def split_url(url: str) -> tuple[str, dict[str, str]]:
    """The path, still encoded, and the decoded query of a URL or of what follows the host.

    The query is split by hand: the library's reader would turn ``+`` into a blank, which OData does not.
    """
    parts = urlsplit(url)
    pairs = (pair.partition("=") for pair in re.split("[&]", parts.query) if pair)
    return parts.path, {unquote(name): unquote(value) for name, _, value in pairs}
