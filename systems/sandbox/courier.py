"""Delayed work in the background: what a system sends out after a change."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

Job: TypeAlias = Callable[[], None]


class Courier:
    """Runs jobs when they are due, in wall-clock time. With one worker, jobs due at the same time keep their order."""

    def __init__(self, name: str, *, workers: int = 1) -> None:
        self._due: list[tuple[float, int, Job]] = []
        self._numbers = itertools.count()
        self._running = 0
        self._closed = False
        self._changed = threading.Condition()
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix=f"{name}-delivery")
        self._thread = threading.Thread(target=self._dispatch, name=f"{name}-courier", daemon=True)

    def schedule(self, delay: float, job: Job) -> None:
        """Run ``job`` in ``delay`` seconds; never after :meth:`close`. A job must handle its own errors."""
        with self._changed:
            if not self._closed:
                if not self._thread.is_alive():
                    self._thread.start()
                heapq.heappush(self._due, (time.monotonic() + delay, next(self._numbers), job))
                self._changed.notify_all()

    def hurry(self) -> None:
        """Make everything waiting due now, in the order it would have been."""
        with self._changed:
            now = time.monotonic()
            self._due = [(now, index, job) for index, (_, _, job) in enumerate(sorted(self._due))]
            self._changed.notify_all()

    def wait_until_idle(self, within: float) -> bool:
        """Wait for everything scheduled to be done; False when that takes longer than ``within`` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._due and not self._running, within)

    def close(self) -> None:
        """Drop what waits, and finish what runs."""
        with self._changed:
            self._closed = True
            self._due.clear()
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()
        self._pool.shutdown()

    def _dispatch(self) -> None:
        with self._changed:
            while not self._closed:
                wait = self._due[0][0] - time.monotonic() if self._due else None
                if wait is None or wait > 0:
                    self._changed.wait(wait)
                    continue
                _, _, job = heapq.heappop(self._due)
                self._running += 1
                self._pool.submit(self._run, job)

    def _run(self, job: Job) -> None:
        try:
            job()
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()
