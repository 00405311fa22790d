"""The position behind a page, as opaque text in a next link."""

import base64
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from schemas import json_codec
from systems.sandbox.odata.selection import Position


class BadSkipToken(ValueError):
    """The token is not one of ours."""


def encode(position: Position) -> str:
    key, row_id = position
    document = [[[rank, *_tagged(value)] for rank, value in key], row_id]
    return base64.urlsafe_b64encode(json_codec.encode(document)).decode()


def decode(token: str) -> Position:
    """The position that :func:`encode` wrote.

    Raises:
        BadSkipToken: if ``token`` was not made by it.
    """
    try:
        key, row_id = json_codec.decode(base64.urlsafe_b64decode(token))
        return tuple((rank, _untagged(tag, value)) for rank, tag, value in key), row_id
    except (ValueError, TypeError, KeyError) as error:
        raise BadSkipToken(token) from error


def _tagged(value: object) -> tuple[str, object]:
    match value:
        case datetime():
            return "time", value.isoformat()
        case date():
            return "date", value.isoformat()
        case Decimal():
            return "number", str(value)
        case _:
            return "plain", value


def _untagged(tag: str, value: Any) -> Any:
    readers: dict[str, Callable[[str], Any]] = {
        "time": datetime.fromisoformat,
        "date": date.fromisoformat,
        "number": Decimal,
    }
    return value if tag == "plain" else readers[tag](value)
