"""Deciding what to write for a coupled row. No I/O: everything needed has been read."""

from engine.context import BatchContext
from engine.ledger.open_operations import OpenStatus
from engine.merge import merge
from engine.updating import recognise
from engine.work import Work
from schemas.errors import Skip
from schemas.outcomes import Outcome
from schemas.row import Row
from schemas.system import System
from systems.interface import Update


def needs_destination(work: Work, context: BatchContext) -> bool:
    """Whether the destination row must be read to decide: where it is not known to agree with the base."""
    coupling = work.coupling
    if (
        coupling is None
        or work.overwrite
        or work.under_way
        or coupling.version_in(context.direction.destination) is None
    ):
        return True
    return any(column.compared and column.name not in coupling.base for column in work.plan.flowing(context.direction))


def decide(work: Work, context: BatchContext) -> None:
    """Merge the source into the destination: gives the work its merge and write, or ends it.

    ``work.destination_row`` is set where :func:`needs_destination`.
    """
    destination = work.destination_row
    try:
        there = context.canonical(context.direction.destination, destination) if destination else None
        if recognise(work, there or {}, work.under_way):
            work.found = work.found or Outcome.MODIFIED
        coupling, row = work.coupling, work.row
        if coupling is None or row is None:
            raise ValueError("only a coupled row that was read can be decided on")
        work.merge = merge(
            work.plan,
            context.direction,
            base=coupling.base,
            source=work.source,
            destination=there,
            newer=_newer(row, destination, context),
            source_wins=work.overwrite,
        )
        if work.merge.conflicts:
            _end_in_conflict(work)
            return
        work.write = None
        if work.merge.write:
            version = destination.version if destination else coupling.version_in(context.direction.destination)
            values = context.written(work.merge.write)
            work.write = Update(coupling.id_in(context.direction.destination), version or "", values)
    except Skip as error:
        work.end(Outcome.FAILED, error)


def _newer(row: Row, destination: Row | None, context: BatchContext) -> System | None:
    """Which side was modified last; ``None`` where that cannot be told."""
    if destination is None or row.modified_at is None or destination.modified_at is None:
        return None
    ours_is_newer = row.modified_at >= destination.modified_at
    return context.direction.source if ours_is_newer else context.direction.destination


def _end_in_conflict(work: Work) -> None:
    conflicts = work.merge.conflicts if work.merge else []
    names = ", ".join(conflict.column for conflict in conflicts)
    work.end(
        Outcome.CONFLICT,
        Skip(f"{names} changed on both sides; choose a side, or make both equal", code="both_changed"),
        status=OpenStatus.CONFLICT,
        detail=[
            {
                "column": conflict.column,
                "base": conflict.base,
                "source": conflict.source,
                "destination": conflict.destination,
            }
            for conflict in conflicts
        ],
    )
