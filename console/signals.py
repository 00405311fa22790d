"""SIGINT and SIGTERM, for commands that run until they are told to end. For the main thread."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """A signal ended the command. ``code`` is the exit code that says so."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number


@contextmanager
def stopping(stop: Callable[[], None]) -> Iterator[None]:
    """Within the block the first signal calls ``stop``; a second one ends the process at once, by 128 + its number."""
    asked = False

    def handle(number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            os._exit(128 + number)
        asked = True
        stop()

    with _handled_by(handle):
        yield


@contextmanager
def interruptible() -> Iterator[None]:
    """Within the block either signal raises :class:`Interrupted`, so that what runs is left in order."""

    def handle(number: int, _frame: FrameType | None) -> None:
        raise Interrupted(number)

    with _handled_by(handle):
        yield


@contextmanager
def _handled_by(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)
