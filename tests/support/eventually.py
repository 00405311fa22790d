"""Waiting for what another thread or process will bring about."""

from collections.abc import Callable
from threading import Event
from time import monotonic
from typing import TypeVar

T = TypeVar("T")


def eventually(condition: Callable[[], T], within: float = 10.0) -> T:
    """The first truthy answer of ``condition``, asked again and again; AssertionError after ``within`` seconds."""
    deadline = monotonic() + within
    never = Event()
    while not (answer := condition()):
        assert monotonic() < deadline, f"not within {within} s: {condition}, which says {answer!r}"
        never.wait(0.005)
    return answer
