"""The time, where no other clock is injected."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

Clock: TypeAlias = Callable[[], datetime]
"""Tells the time: aware."""


def utc_now() -> datetime:
    """The machine's clock."""
    return datetime.now(UTC)
