"""Ctrl-C and its like, noted instead of raised: what was opened is closed in order, however often it is pressed."""

import signal
from threading import Event
from types import FrameType, TracebackType
from typing import Any, Self

from console.signals import Interrupted

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """Notes signals within a ``with`` block, and raises at the points where the program waits. For the main thread."""

    def __init__(self) -> None:
        self._asked = Event()
        self._number = 0
        self._former: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._former = {number: signal.signal(number, self._note) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, former in self._former.items():
            signal.signal(number, former)

    def check(self) -> None:
        """Go on only if nobody has asked to end.

        Raises:
            Interrupted: somebody has.
        """
        self.wait(0)

    def wait(self, seconds: float | None) -> None:
        """Let time pass; ``None``: without end.

        Raises:
            Interrupted: as soon as somebody asks to end.
        """
        if self._asked.wait(seconds):
            raise Interrupted(self._number)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._number = self._number or number
        self._asked.set()
