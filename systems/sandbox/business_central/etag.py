"""Etags: ``W/"<base64>"`` around a text that shows neither order nor meaning."""

import base64
from functools import lru_cache

_SCATTER = 8_764_320_913_371
_SPAN = 9 * 10**18


@lru_cache(maxsize=200_000)
def etag(version: int) -> str:
    """The etag of a row at ``version``: different versions, unrelated etags."""
    number = 10**19 + version * _SCATTER % _SPAN
    opaque = base64.b64encode(f"'20;{number};00;'".encode()).decode()
    return f'W/"{opaque}"'


def is_well_formed(text: str) -> bool:
    """Whether ``text`` could be an etag at all: a stale one can, a bare word cannot."""
    return text.startswith('W/"') and text.endswith('"') and len(text) > len('W/""')
