"""The address in a Business Central notification: which table, which record, which company, since when.

It repeats what was subscribed, so it comes with or without a leading slash, as a path or as a whole URL, under the
standard API (``api/v2.0``, ``api/beta``) or a custom one (``api/publisher/group/version``). Keys are GUIDs, integers,
or quoted and escaped codes.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qs, unquote

from schemas import timestamps

_ROUTE = re.compile(r"(?:^|/)api/(?:[^/]+/[^/]+/)?(?:v\d+(?:\.\d+)*|beta)/", re.IGNORECASE)
_SEGMENT = re.compile(r"/?(?P<set>[A-Za-z_]\w*)(?:\((?P<key>'(?:[^']|'')*'|[^()]*)\))?(?=[/?]|$)")
_BARE_KEY = re.compile(r"[\w.-]+")
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
# The sender writes lastModifiedDateTime, its documentation lastDateTimeModified; custom pages have systemModifiedAt.
_SINCE = re.compile(
    r"\b(?:lastModifiedDateTime|lastDateTimeModified|systemModifiedAt)[\s+]+g[te][\s+]+(?P<since>[\d:.TZ+-]+)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Resource:
    """What a ``resource`` names.

    Attributes:
        table: the entity set, as written.
        record_id: GUID in lower case, or the unescaped text of another key; ``None`` for the whole table.
        company: the company's id in lower case, or its name as written; ``None`` where the address has none.
        since: the lower bound of a filter by modification time (UTC).
    """

    table: str
    record_id: str | None
    company: str | None
    since: datetime | None


def parse(resource: str) -> Resource:
    """What ``resource`` names.

    Raises:
        ValueError: if it is not the address of a table or record of a Business Central API.
    """
    route = _ROUTE.search(resource)
    if not route:
        raise ValueError("it has no API route such as api/v2.0/")
    position = route.end()
    segments: list[tuple[str, str | None]] = []
    while segment := _SEGMENT.match(resource, position):
        segments.append((segment["set"], None if segment["key"] is None else _key(segment["key"])))
        position = segment.end()
    rest = resource[position:].removeprefix("/")
    if not segments or (rest and not rest.startswith("?")):
        raise ValueError(f"it cannot be read behind {resource[:position]!r}")
    *parents, (table, record_id) = segments
    query = rest.removeprefix("?")
    return Resource(table, record_id, _company(parents, query), _since(query))


def _key(raw: str) -> str:
    key = unquote(raw)
    if len(key) >= 2 and key[0] == key[-1] == "'":
        return key[1:-1].replace("''", "'")
    if not _BARE_KEY.fullmatch(key):
        raise ValueError(f"its key ({raw}) is neither a GUID, a number nor a quoted code")
    return _lower_guid(key)


def _company(parents: list[tuple[str, str | None]], query: str) -> str | None:
    in_path = next((key for name, key in parents if name.lower() == "companies"), None)
    in_query = parse_qs(query).get("company", [None])[0]
    company = in_path or in_query
    return _lower_guid(company) if company else None


def _since(query: str) -> datetime | None:
    found = _SINCE.search(unquote(query))
    if not found:
        return None
    try:
        return timestamps.parse(found["since"])
    except ValueError:
        return None  # an unreadable bound is no bound: reading every row is never wrong, only slower


def _lower_guid(text: str) -> str:
    return text.lower() if _GUID.fullmatch(text) else text
