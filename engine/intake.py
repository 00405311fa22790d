"""Intake: from an event to the operations that it asks for.

One event becomes an operation for every mapping that takes its table (a Dataverse account may be a customer or a
vendor; which, its row will tell), in the direction out of its system. That goes for one-way mappings too: an edit on
the side that does not count is noticed, and set right from the side that does.
"""

from engine.operation import Delivery, Operation
from engine.plan import Plans
from schemas.change_event import ChangeEvent, ChangeKind
from schemas.operations import OperationKey
from schemas.system import Direction
from schemas.topics import Message

_OURS = "twinrow:"

SWEEP = ""
"""In place of a mapping's name: the operation is the sweep of a table, for whatever maps it."""


def our_tag(mapping: str, unique: str) -> str:
    """What marks a write as ours, and as this mapping's: to another mapping of the table it is a change like any."""
    return f"{_OURS}{mapping}:{unique}"


def _writer(event: ChangeEvent) -> str | None:
    """The mapping whose write of ours caused the event."""
    if event.origin is None or not event.origin.startswith(_OURS):
        return None
    return event.origin.removeprefix(_OURS).rpartition(":")[0]


class Intake:
    """Makes operations of events."""

    def __init__(self, plans: Plans) -> None:
        self._plans = plans

    def operations(self, message: Message, events: list[ChangeEvent]) -> list[Operation]:
        """The operations of one message, sharing its delivery; none where no mapping takes the events."""
        operations = [operation for event in events for operation in self._of(event)]
        if operations:
            delivery = Delivery(message, len(operations))
            for operation in operations:
                operation.deliveries.append(delivery)
        return operations

    def _of(self, event: ChangeEvent) -> list[Operation]:
        direction = Direction.out_of(event.system)
        plans = self._plans.of_table(event.system, event.table)
        if event.record_id is None:
            key = OperationKey(SWEEP, direction, event.table)
            return [Operation(key, ChangeKind.COLLECTION, event.time, sweep=event)] if plans else []
        writer = _writer(event)
        return [
            Operation(
                key=OperationKey(plan.name, direction, event.record_id),
                kind=event.kind,
                time=event.time,
                run_ids=(event.run_id,) if event.run_id else (),
                writer=writer,
            )
            for plan in plans
        ]
