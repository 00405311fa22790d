"""The heartbeat of a process that uses the systems: it is among the workers, and has its shares of the API budgets."""

from collections.abc import Callable
from threading import Event, Thread
from types import TracebackType
from typing import Self

import structlog

from engine.ledger.worker_lease import Backlog, WorkerLease
from schemas.errors import SyncError

WORKER = "worker"
"""What a process serves as that takes changes off the topic; others serve as the command that they are."""

EVERY = 2.0
"""Seconds between two heartbeats; a share that another process gives up takes one of each to change hands."""

WAITING = 0.5
"""The same while shares are still to come."""

_log = structlog.get_logger()


class Heartbeat:
    """Beats from a thread of its own, within a ``with`` block; leaves at its end.

    Args:
        backlog: tells what is unfinished now; quick.
    """

    def __init__(
        self,
        lease: WorkerLease,
        backlog: Callable[[], Backlog] = Backlog,
        *,
        every: float = EVERY,
        waiting: float = WAITING,
    ) -> None:
        self._lease = lease
        self._backlog = backlog
        self._every = every
        self._waiting = waiting
        self._over = Event()
        self._thread = Thread(target=self._work, name="heartbeat")

    def __enter__(self) -> Self:
        """The first beat is over when the block begins, whether it succeeded or not."""
        self._wait = self._beat()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        try:
            self._lease.leave()
        except SyncError as trouble:
            _log.warning("left without telling; the others notice in seconds", reason=trouble.text)

    def _work(self) -> None:
        while not self._over.wait(self._wait):
            self._wait = self._beat()

    def _beat(self) -> float:
        """Seconds until the next one."""
        try:
            return self._every if self._lease.beat(self._backlog()) else self._waiting
        except SyncError as error:
            _log.warning("heartbeat failed; without one nothing is sent to the systems", reason=error.text)
            return self._every
