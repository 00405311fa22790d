"""Telling subscribers in the same process at once that something was published; other processes find it by polling."""

from threading import Condition

from sqlalchemy import Engine


class LogSignal:
    """Counts publications to one database. Safe to use from several threads."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._count = 0

    @property
    def count(self) -> int:
        """Publications so far in this process."""
        return self._count

    def publish(self) -> None:
        """Wake whoever waits."""
        with self._changed:
            self._count += 1
            self._changed.notify_all()

    def wait(self, seen: int, timeout: float) -> bool:
        """Wait until there are more than ``seen`` publications, ``timeout`` seconds at most; whether there are."""
        with self._changed:
            return self._changed.wait_for(lambda: self._count > seen, timeout)


_signals: dict[str, LogSignal] = {}


def log_signal(engine: Engine) -> LogSignal:
    """The signal of the database behind ``engine``, shared by all engines of this process."""
    return _signals.setdefault(str(engine.url), LogSignal())
