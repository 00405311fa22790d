"""What the producers that read systems and publish events work with."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Engine

from engine.ledger.clock import Clock
from schemas import cloud_event
from schemas.change_event import ChangeEvent, ChangeKind
from schemas.mapping import Mappings
from schemas.system import System
from schemas.topics import Publisher
from systems.interface import RecordSystem


@dataclass(frozen=True, slots=True)
class ProducerContext:
    """Everything that is the same for all runs and sweeps.

    Attributes:
        topic: where events go: the one that workers read.
        clock: now, UTC and aware.
        new_id: unique text, for runs and events.
        wait: lets so many seconds pass.
        page_size: rows asked for at once.
        ahead: rows of a run published and not processed at which it pauses: changes of the running flow wait behind
            them.
    """

    database: Engine
    mappings: Mappings
    systems: Mapping[System, RecordSystem]
    publisher: Publisher
    topic: str
    clock: Clock
    new_id: Callable[[], str]
    wait: Callable[[float], None]
    page_size: int = 500
    ahead: int = 10_000

    def event(
        self, system: System, table: str, record_id: str, kind: ChangeKind, *, run_id: str | None = None
    ) -> ChangeEvent:
        """A new event of a record, as of now."""
        return ChangeEvent(self.new_id(), system, table, record_id, kind, self.clock(), run_id=run_id)

    def publish(self, events: Iterable[ChangeEvent]) -> None:
        """Publish; they are acknowledged when it returns.

        Raises:
            Retry, Stop: see :meth:`schemas.topics.Publisher.publish`.
        """
        messages = [cloud_event.encode(event) for event in events]
        if messages:
            self.publisher.publish(self.topic, messages)
