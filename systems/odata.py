"""What both systems' web APIs share: OData 4.0 addresses, literals, links to the next page and times."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urljoin

from schemas import timestamps
from schemas.row import Value

_LONGEST_URL = 8000  # bytes; servers and gateways in between commonly take 8 KiB


def address(path: str, **options: str) -> str:
    """``path`` with query options (``select="a,b"`` gives ``$select=a,b``); empty ones are left out.

    Blanks become ``%20``: a plus sign is no blank to every server.
    """
    query = "&".join(f"${name}={escape(value)}" for name, value in options.items() if value)
    return f"{path}?{query}" if query else path


def escape(text: str) -> str:
    """``text`` as part of a query."""
    return quote(text, safe="(),'$/:;@!*")


def text_literal(text: str) -> str:
    """``text`` as a string literal: in quotes, quotes inside doubled."""
    return "'" + text.replace("'", "''") + "'"


def bare_literal(value: Value) -> str:
    """A number, truth value, GUID, date or null as it stands in a filter: without quotes."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def any_of(key: str, ids: Sequence[str]) -> str:
    """A filter that admits the rows with these ids, which go out in lower case."""
    return " or ".join(f"{key} eq {id_.lower()}" for id_ in ids)


def id_batches(ids: Sequence[str], key: str, fixed: str, limit: int) -> Iterator[Sequence[str]]:
    """``ids`` in batches of at most ``limit`` whose :func:`any_of` fits an address together with ``fixed``."""
    guid = "0" * 36
    one = len(escape(any_of(key, [guid, guid]))) - len(escape(any_of(key, [guid])))
    size = max(1, min(limit, (_LONGEST_URL - len(fixed)) // one))
    for start in range(0, len(ids), size):
        yield ids[start : start + size]


def next_page(document: Any, asked: str) -> str | None:
    """The absolute address of the next page; ``None`` on the last one.

    An absolute link is taken verbatim; a relative one is resolved against the context (OData JSON 4.0, 4.5.1), or
    else against the address that was ``asked``.
    """
    link = document.get("@odata.nextLink")
    return urljoin(urljoin(asked, document.get("@odata.context", "")), link) if link else None


def parse_time(text: object) -> datetime | None:
    """The UTC time in ``text``: a date alone is its midnight; nothing, and year 1 (blank in BC), is ``None``."""
    if not isinstance(text, str) or not text or text.startswith("0001-"):
        return None
    return timestamps.parse(text if "T" in text else f"{text}T00:00:00")
