"""Moments as people type them: a time, or how long ago it was."""

import re
from datetime import UTC, datetime, timedelta

from console.failures import Misconfigured

_AGO = re.compile(r"(\d+)\s*(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def moment(text: str, now: datetime) -> datetime:
    """``2026-11-22T10:00Z``; without a zone local time, without a time midnight; ``90m`` is 90 minutes before ``now``.

    Raises:
        Misconfigured: it is neither.
    """
    if ago := _AGO.fullmatch(text.strip()):
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        return datetime.fromisoformat(text.strip()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Misconfigured(
            f"{text!r} is not a time.", "Write 2026-11-22T10:00Z, 2026-11-22T10:00 (local time), or 90m, 12h, 7d ago."
        ) from None
