"""Running batches: take from the scheduler, synchronize, publish what follows, give back. One thread of several."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import TypeAlias

import structlog

from consumers.lane_log import LaneLog
from engine.scheduler import Batch, Scheduler
from engine.synchronizer import BatchResult, Synchronizer
from schemas import cloud_event
from schemas.change_event import ChangeEvent
from schemas.errors import SyncError
from schemas.topics import Publisher

_log = structlog.get_logger()

Observer: TypeAlias = Callable[[Batch, BatchResult], None]
"""Hears of every batch that ended, on the thread that ran it: for progress and metrics. Must be quick."""


@dataclass(slots=True)
class Published:
    """Ids of events that the topic has acknowledged, to be removed from the outbox with the next recording."""

    _ids: list[str] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def add(self, events: list[ChangeEvent]) -> None:
        """These are acknowledged."""
        with self._lock:
            self._ids.extend(event.id for event in events)

    def take(self) -> list[str]:
        """All of them; whoever takes them removes them, or puts them back."""
        with self._lock:
            ids, self._ids = self._ids, []
            return ids


class Executor:
    """Runs batches until the scheduler is closed.

    Args:
        limit: operations in a batch, at most.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        synchronizer: Synchronizer,
        publisher: Publisher,
        topic: str,
        *,
        limit: int,
        published: Published,
        observer: Observer,
    ) -> None:
        self._scheduler = scheduler
        self._synchronizer = synchronizer
        self._publisher = publisher
        self._topic = topic
        self._limit = limit
        self._published = published
        self._observer = observer
        self._lanes = LaneLog()

    def turn(self, timeout: float) -> bool:
        """Run one batch, waiting up to ``timeout`` seconds for it; whether there was one."""
        batch = self._scheduler.take(self._limit, timeout)
        if batch is None:
            return False
        self._finish(batch, self._synchronizer.run(batch, self._published.take()))
        return True

    def _finish(self, batch: Batch, result: BatchResult) -> None:
        if result.events:
            self._publish(result.events)
        if result.hold:
            self._scheduler.hold(batch.lane, result.hold)
        for operation, delay in result.again:
            self._scheduler.give_back(operation, delay)
        self._scheduler.done(result.done)
        self._lanes.heard(batch.lane, result)
        self._observer(batch, result)

    def _publish(self, events: list[ChangeEvent]) -> None:
        try:
            self._publisher.publish(self._topic, [cloud_event.encode(event) for event in events])
        except SyncError as error:
            # They stay in the outbox, and are published from there when they are found left over.
            _log.warning("events are published later", events=len(events), reason=error.text)
        else:
            self._published.add(events)
