"""A worker in a thread of this process, for a run that should not need another process."""

from threading import Event, Thread
from types import TracebackType
from typing import Self

from consumers.worker import Worker


class BackgroundWorker:
    """Runs ``worker`` within a ``with`` block, and stops it in order at its end."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._over = Event()
        self._trouble: Exception | None = None
        self._thread = Thread(target=self._run, name="worker")

    def wait(self, seconds: float) -> None:
        """Let so many seconds pass, but not if the worker has died: nobody would do what is waited for.

        Raises:
            Stop: the broker or the database refuses.
        """
        if self._over.wait(seconds) and self._trouble is not None:
            raise self._trouble

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._worker.stop()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._worker.run()
        except Exception as error:  # noqa: BLE001 - raised again where somebody waits
            self._trouble = error
        finally:
            self._over.set()
