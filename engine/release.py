"""Running an open operation again: as an event of its record, so that it keeps its place among the record's changes."""

from datetime import datetime

from engine.ledger.open_operations import OpenOperation
from engine.plan import Plans
from schemas.change_event import ChangeEvent


def event_of(entry: OpenOperation, plans: Plans, *, event_id: str, now: datetime) -> ChangeEvent:
    """The event that runs ``entry`` again."""
    system = entry.key.direction.source
    return ChangeEvent(
        id=event_id,
        system=system,
        table=plans[entry.key.mapping].tables[system].name,
        record_id=entry.key.record_id,
        kind=entry.kind,
        time=now,
        run_id=entry.run_id,
    )
