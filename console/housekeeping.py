"""What a worker does on the side, every few minutes: chores that may fail and are done again."""

from collections.abc import Callable, Sequence
from threading import Event, Thread
from types import TracebackType
from typing import Self

import structlog

from schemas.errors import SyncError

EVERY = 300.0
AFTER_TROUBLE = 30.0
"""Seconds between two rounds."""

_log = structlog.get_logger()


class Housekeeping:
    """Does the chores from a thread of its own, within a ``with`` block.

    Args:
        chores: by what the log calls them; each raises a :class:`~schemas.errors.SyncError` where it could not be done.
    """

    def __init__(
        self,
        chores: Sequence[tuple[str, Callable[[], object]]],
        *,
        every: float = EVERY,
        after_trouble: float = AFTER_TROUBLE,
    ) -> None:
        self._chores = chores
        self._every = every
        self._after_trouble = after_trouble
        self._over = Event()
        self._thread = Thread(target=self._work, name="housekeeping")

    def round(self) -> bool:
        """Do every chore once; whether all succeeded."""
        failed = [name for name, chore in self._chores if not self._done(name, chore)]
        return not failed

    def __enter__(self) -> Self:
        """The first round is over when the block begins."""
        self._wait = self._every if self.round() else self._after_trouble
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._over.wait(self._wait):
            self._wait = self._every if self.round() else self._after_trouble

    def _done(self, name: str, chore: Callable[[], object]) -> bool:
        try:
            chore()
        except SyncError as error:
            _log.warning("chore is done later", chore=name, reason=error.text)
            return False
        return True
