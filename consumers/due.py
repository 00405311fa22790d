"""What nobody sends an event for: open operations whose time has come, events that a dead worker did not publish."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Engine

from engine.ledger import open_operations, outbox
from engine.ledger.database import read, write
from engine.plan import Plans
from engine.release import event_of
from schemas import cloud_event
from schemas.change_event import ChangeEvent
from schemas.topics import Publisher

_ABANDONED = timedelta(seconds=10)
"""How old an unpublished event is before its worker counts as dead; publishing twice does no harm."""

_LIMIT = 500


class Due:
    """Publishes what is due. Safe to run in several workers: each entry is taken by one."""

    def __init__(
        self,
        database: Engine,
        plans: Plans,
        publisher: Publisher,
        topic: str,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._database = database
        self._plans = plans
        self._publisher = publisher
        self._topic = topic
        self._clock = clock
        self._new_id = new_id

    def publish(self) -> int:
        """Publish what is due now; the number of events.

        Raises:
            Retry, Stop: of database or broker; what was taken stays in the outbox.
        """
        now = self._clock()
        with read(self._database) as connection:
            waiting = open_operations.is_due(connection, now)
            events = outbox.left_over(connection, now - _ABANDONED, _LIMIT)
        if waiting:
            events += self._take(now)
        if events:
            self._publisher.publish(self._topic, [cloud_event.encode(event) for event in events])
            with write(self._database) as connection:
                outbox.remove(connection, [event.id for event in events])
        return len(events)

    def _take(self, now: datetime) -> list[ChangeEvent]:
        with write(self._database) as connection:
            entries = [
                entry
                for entry in open_operations.take_due(connection, now, _LIMIT)
                if entry.key.mapping in self._plans.by_name
            ]
            events = [event_of(entry, self._plans, event_id=self._new_id(), now=now) for entry in entries]
            outbox.add(connection, events, now)
        return events
