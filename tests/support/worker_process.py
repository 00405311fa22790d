"""A worker process in a thread of this one: objects of its own, started and stopped like the real thing."""

from collections.abc import Callable, Mapping
from threading import Event, Thread
from typing import TypeAlias

from console.composition import Composition
from engine.local_currency import LocalCurrency
from schemas.system import System
from systems.interface import RecordSystem

_PATIENCE = 0.02
"""Seconds that a producer waits at most where it would wait longer."""

_END = 30.0
"""Seconds after which a worker that does not end has failed."""

Systems: TypeAlias = Mapping[System, RecordSystem]
Through: TypeAlias = Callable[[Systems], Systems]
"""Wraps the systems of a process."""


class WorkerProcess:
    """See the module's docstring. Owns ``composition``. ``plain``: nothing about it is meddled with."""

    def __init__(self, composition: Composition, *, plain: bool) -> None:
        self.composition = composition
        self.plain = plain
        self.worker = composition.worker()
        self._errors: list[Exception] = []
        self._thread = Thread(target=self._run, name="worker")
        self._stopped = False

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._thread.is_alive()

    @property
    def idle(self) -> bool:
        """Whether nothing is under way in it."""
        return self.worker.idle

    def ask_to_stop(self) -> None:
        """As SIGTERM does; returns at once."""
        self.worker.stop()

    def start(self) -> None:
        """Begin to work."""
        objects = self.composition
        LocalCurrency(
            None, objects.plans, objects.systems, objects.database, clock=objects.clock, new_id=objects.new_id
        ).couple()
        self._thread.start()

    def stop(self) -> None:
        """As SIGTERM does; returns when it has ended in order. Idempotent.

        Raises:
            AssertionError: it does not end, or it ended in an error.
        """
        if self._stopped:
            return
        self._stopped = True
        self.worker.stop()
        self._thread.join(_END)
        assert not self.alive, "the worker does not end"
        self.composition.__exit__(None, None, None)
        assert not self._errors, self._errors

    def _run(self) -> None:
        try:
            self.worker.run()
        except Exception as error:  # noqa: BLE001 - shown when the process is stopped
            self._errors.append(error)


def soon(seconds: float) -> None:
    """Lets so many seconds pass, or a few milliseconds if that is less: what producers wait by."""
    Event().wait(min(seconds, _PATIENCE))
