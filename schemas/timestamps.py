"""Moments as text: RFC 3339 in UTC outwards, the ISO 8601 that both systems send inwards."""

import re
from datetime import UTC, datetime

_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?")


def parse(text: str) -> datetime:
    """The moment, in UTC. Without an offset it is UTC already; fractions beyond microseconds are cut.

    Raises:
        ValueError: if ``text`` is no date with a time, or outside the years 1 to 9999.
    """
    if not _ISO.fullmatch(text):
        raise ValueError(f"not an ISO 8601 date with a time: {text!r}")
    moment = datetime.fromisoformat(text)
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"outside the years 1 to 9999 in UTC: {text!r}") from error


def text(moment: datetime) -> str:
    """``moment`` as RFC 3339 in UTC with ``Z``, with the fewest of 0, 3 or 6 fraction digits."""
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    if utc.microsecond == 0:
        return utc.isoformat() + "Z"
    return utc.isoformat(timespec="microseconds" if utc.microsecond % 1000 else "milliseconds") + "Z"
