"""Doing something again until transient trouble is over."""

from collections.abc import Callable
from typing import TypeVar

from engine.backoff import delay
from schemas.errors import Retry

T = TypeVar("T")


def patiently(call: Callable[[], T], wait: Callable[[float], None]) -> T:
    """What ``call`` answers; after a ``Retry`` it is called again, as often as it takes.

    Args:
        wait: lets so many seconds pass.
    """
    failures = 0
    while True:
        try:
            return call()
        except Retry as error:
            failures += 1
            wait(delay(failures, error))
