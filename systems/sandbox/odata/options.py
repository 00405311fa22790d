"""The query options of a request: what is asked for, how much, in which order."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from systems.sandbox.odata.syntax import Expression, parse


class BadOption(ValueError):
    """A query option that cannot be understood or is not supported; the message names it."""


_EXPANSIONS = re.compile(r"[^,(\s]+(?:\([^)]*\))?")
_EXPANSION = re.compile(r"([^(]+)(?:\(\$select=([^)]*)\))?")


@dataclass(frozen=True, slots=True)
class QueryOptions:
    """``$filter``, ``$orderby``, ``$select``, ``$expand``, ``$top``, ``$skip``, ``$count`` and ``$skiptoken``.

    Attributes:
        orderby: (property, descending) pairs.
        expand: navigation properties, each with the columns selected of it; none selected means all.
    """

    filter: Expression | None
    orderby: Sequence[tuple[str, bool]]
    select: tuple[str, ...]
    expand: Mapping[str, tuple[str, ...]]
    top: int | None
    skip: int
    count: bool
    skiptoken: str | None


_NOTHING = QueryOptions(filter=None, orderby=(), select=(), expand={}, top=None, skip=0, count=False, skiptoken=None)


def read_options(query: Mapping[str, str], supported: Callable[[str], bool]) -> QueryOptions:
    """The options in a decoded query string.

    Raises:
        BadOption: an option is malformed, or is not ``supported``.
        FilterSyntaxError: from the filter.
    """
    if not query:
        return _NOTHING
    for name in query:
        if name.startswith("$") and not supported(name):
            raise BadOption(f"The query parameter '{name}' is not supported.")
    filter_text = query.get("$filter")
    return QueryOptions(
        filter=None if filter_text is None else parse(filter_text),
        orderby=[_ordering(part) for part in _list(query.get("$orderby"))],
        select=tuple(_list(query.get("$select"))),
        expand=dict(_expansion(part) for part in _EXPANSIONS.findall(query.get("$expand", ""))),
        top=_number(query, "$top"),
        skip=_number(query, "$skip") or 0,
        count=_flag(query, "$count"),
        skiptoken=query.get("$skiptoken"),
    )


def preferences(header: str | None) -> dict[str, str]:
    """The preferences of a ``Prefer`` header, names in lower case, quotes removed: ``{"odata.maxpagesize": "500"}``."""
    pairs = (part.strip().partition("=") for part in (header or "").replace(";", ",").split(",") if part.strip())
    return {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}


def page_size(preferred: Mapping[str, str], largest: int) -> int:
    """The rows that a page may hold.

    Raises:
        BadOption: if ``odata.maxpagesize`` is not a positive number.
    """
    text = preferred.get("odata.maxpagesize", preferred.get("maxpagesize"))
    if text is None:
        return largest
    if not text.isdigit() or int(text) == 0:
        raise BadOption(f"Invalid value '{text}' for odata.maxpagesize.")
    return min(int(text), largest)


def _list(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _expansion(part: str) -> tuple[str, tuple[str, ...]]:
    match = _EXPANSION.fullmatch(part)
    if match is None:
        raise BadOption(f"Only $select is supported inside $expand: '{part}'.")
    return match.group(1), tuple(_list(match.group(2)))


def _ordering(part: str) -> tuple[str, bool]:
    words = part.split()
    if len(words) > 2 or (len(words) == 2 and words[1] not in ("asc", "desc")):
        raise BadOption(f"Syntax error in $orderby: '{part}'.")
    return words[0], words[1:] == ["desc"]


def _number(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if not text.isdigit():
        raise BadOption(f"Invalid value '{text}' for {name} query option found. It must be a non-negative integer.")
    return int(text)


def _flag(query: Mapping[str, str], name: str) -> bool:
    text = query.get(name, "false")
    if text not in ("true", "false"):
        raise BadOption(f"Invalid value '{text}' for {name} query option found. Valid values are 'true', 'false'.")
    return text == "true"
