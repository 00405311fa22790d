"""Ctrl-C and its like, noted instead of raised: what was opened is closed in order, however often it is pressed."""

import signal
from threading import Event
from types import FrameType, TracebackType
from typing import Any, Self

from console.signals import Interrupted

_SIGNALS = [found for name in ("SIGINT", "SIGTERM", "SIGHUP") if (found := getattr(signal, name, None))]
"""Windows has no SIGHUP."""


class Interruption:
    """Notes signals within a ``with`` block, and raises at the points where the program waits. For the main thread."""

    def __init__(self) -> None:
        self._asked = Event()
        self._reason: BaseException | None = None
        self._former: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._former = {number: signal.signal(number, self._note) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, former in self._former.items():
            signal.signal(number, former)

    def ask(self, reason: BaseException) -> None:
        """Ask to end; the first reason counts. From any thread."""
        if self._reason is None:
            self._reason = reason
        self._asked.set()

    def wait(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            BaseException: the reason, as soon as somebody asks to end: ``Interrupted`` for a signal.
        """
        if self._asked.wait(seconds) and self._reason is not None:
            raise self._reason

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.ask(Interrupted(number))
