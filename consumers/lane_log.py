"""Telling people, once, that a lane waits for something, and once that it goes on: not a line for every attempt."""

from threading import Lock

import structlog

from engine.scheduler import Lane
from engine.synchronizer import BatchResult

_log = structlog.get_logger()


class LaneLog:
    """Hears of every batch. Safe to call from several threads."""

    def __init__(self) -> None:
        self._waiting: dict[Lane, str] = {}
        self._lock = Lock()

    def heard(self, lane: Lane, result: BatchResult) -> None:
        """Say what changed for ``lane``, if anything did."""
        with self._lock:
            before = self._waiting.pop(lane, None)
            if result.trouble is not None:
                self._waiting[lane] = result.trouble
            elif before is not None and not result.done:
                self._waiting[lane] = before  # nothing went through yet
        if result.trouble is not None and before is None:
            _log.warning(
                "waiting; nothing is lost", mapping=lane.mapping, direction=lane.direction.value, reason=result.trouble
            )
        elif result.trouble is None and before is not None and result.done:
            _log.info("going on", mapping=lane.mapping, direction=lane.direction.value)
