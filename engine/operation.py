"""An operation on its way through the engine, and the deliveries that are finished when it is."""

from dataclasses import dataclass, field
from datetime import datetime

from schemas.change_event import ChangeEvent, ChangeKind
from schemas.operations import OperationKey
from schemas.topics import Message


@dataclass(slots=True, eq=False)
class Delivery:
    """A message, and how many of its operations are unfinished."""

    message: Message
    pending: int


@dataclass(slots=True, eq=False)
class Operation:
    """The synchronization of one record in one direction, for one or more events that asked for it.

    Attributes:
        time: of the oldest event in it: where its latency counts from.
        run_ids: the runs that wait for its outcome.
        writer: the mapping whose write of ours caused every event in it; ``None``: not ours alone.
        attempts: how often it was given back as transient.
        sweep: of a whole table instead (the key's record id is the table's name): the event that asked for it.
    """

    key: OperationKey
    kind: ChangeKind
    time: datetime
    run_ids: tuple[str, ...] = ()
    writer: str | None = None
    deliveries: list[Delivery] = field(default_factory=list)
    attempts: int = 0
    sweep: ChangeEvent | None = None

    def absorbs(self, later: "Operation") -> bool:
        """Whether one synchronization serves both: it reads the row as it is when it runs.

        Only what comes after a delete stays apart: the record may have come back as a new one.
        """
        return self.kind is not ChangeKind.DELETED or later.kind is ChangeKind.DELETED

    def absorb(self, later: "Operation") -> None:
        """Take over what a later operation of the same key was for. A delete stays a delete."""
        if later.kind is ChangeKind.DELETED or self.kind is ChangeKind.MODIFIED:
            self.kind = later.kind
        self.time = min(self.time, later.time)
        if later.run_ids:
            self.run_ids = tuple(dict.fromkeys((*self.run_ids, *later.run_ids)))
        self.writer = self.writer if self.writer == later.writer else None
        self.deliveries.extend(later.deliveries)
