"""Writing a batch, and coming to terms with rows that were not as the ledger knew them.

Every write is conditional. Where a condition fails, the destination's present row decides, and the write is tried again
with what is left to change::

    written            couple, with both versions
    changed meanwhile  read it, merge, write again
    exists already     it is our own, from an earlier attempt: adopt it, merge, write again
    gone meanwhile     a deletion on the other side
    refused            Failed; the same error twice: Skipped
    not allowed        Stopped
    transient          run it again
"""

from collections.abc import Iterable, Sequence

from engine.context import BatchContext
from engine.creating import give_back_overdue
from engine.decision import decide
from engine.ledger.couplings import Coupling
from engine.ledger.open_operations import OpenStatus
from engine.matching import new_coupling
from engine.merge import Canonical, agrees
from engine.work import Work
from schemas.errors import Reread, RereadReason, Retry, Skip, Stop
from schemas.outcomes import Outcome
from schemas.row import Row, Value
from schemas.system import Direction, System
from systems.interface import Create, Refused

_ROUNDS = 4
"""Writes of one row within one batch; whoever edits a row faster than that is let finish first."""

_BOUNCE_LIMIT = 3
"""Writes in a row that the destination did not keep, before it is left in peace."""

NOT_KEPT = "not_kept"
"""Code of the error of such a pair."""


def write_all(works: Sequence[Work], context: BatchContext) -> list[Work]:
    """Carry out the writes of open works, and end them; answer those whose destination row is gone.

    One request a round; a second round only for rows whose condition failed.

    Raises:
        Retry, Stop: nothing more was written; works that are ended stay ended.
    """
    gone: list[Work] = []
    waiting = [work for work in works if work.open]
    for _ in range(_ROUNDS):
        for work in waiting:
            if work.open and work.write is None and work not in gone:
                _end_unwritten(work, context)
        give_back_overdue(waiting, context)
        waiting = [work for work in waiting if work.open and work.write is not None]
        if not waiting:
            return gone
        reread = _write_once(waiting, context, gone)
        _reconsider(reread, context, gone)
        waiting = [work for work in reread if work not in gone]
    for work in waiting:
        if work.open:
            work.again(Retry("the row is being edited on the other side just now"))
    return gone


def _write_once(works: Sequence[Work], context: BatchContext, gone: list[Work]) -> list[Work]:
    """One request; the answer is which rows must be read again."""
    writes = [work.write for work in works if work.write is not None]
    results = context.destination.write(context.destination_table, writes, tag=context.tag)
    written = [result.row for result in results if not isinstance(result, Refused) and result.row is not None]
    context.learn_references(context.direction.destination, written)
    reread = []
    for work, result in zip(works, results, strict=True):
        if isinstance(result, Refused):
            error = result.error
            if isinstance(error, Reread):
                if error.reason is RereadReason.GONE:
                    gone.append(work)
                else:
                    reread.append(work)
            elif isinstance(error, Retry):
                work.again(error)
            elif isinstance(error, Stop):
                work.stop(error)
            else:
                work.end(Outcome.FAILED, error)
        elif result.row is not None:
            _end_written(work, result.row, context)
    return reread


def _reconsider(works: Iterable[Work], context: BatchContext, gone: list[Work]) -> None:
    """Read the present destination rows of works whose condition failed, and decide again."""
    ids = {work: _destination_id(work, context) for work in works}
    rows = context.read_destination(ids.values())
    for work, row_id in ids.items():
        row = rows.get(row_id)
        if row is None:
            gone.append(work)
            continue
        work.destination_row = row
        if work.coupling is None:
            work.coupling = new_coupling(work, context, row, {})  # nobody knows what it was created with
            work.found = Outcome.INSERTED
        decide(work, context)


def _destination_id(work: Work, context: BatchContext) -> str:
    if work.coupling is not None:
        return work.coupling.id_in(context.direction.destination)
    return work.write.id or "" if isinstance(work.write, Create) else ""


def _end_unwritten(work: Work, context: BatchContext) -> None:
    """Nothing to write: both sides agree already, as far as this operation goes."""
    merged, before = work.merge, work.coupling
    if merged is None or before is None:
        raise ValueError("only a merged work ends without a write")
    coupling = before.copy()
    coupling.base, work.carry_back = merged.base, merged.carry_back
    if work.destination_row is not None:
        destination, row = context.direction.destination, work.destination_row
        there = _readable(destination, row, context)
        work.agreed = _note_version(work, coupling, destination, row, there)
    _end(work, coupling, context, work.found or Outcome.UNCHANGED)


def _end_written(work: Work, row: Row, context: BatchContext) -> None:
    """Written: couple, and see whether the destination kept what it was given."""
    destination = context.direction.destination
    merged, before = work.merge, work.coupling
    there = _readable(destination, row, context)
    if before is None:
        coupling, outcome = new_coupling(work, context, row, _first_base(work, there, context)), Outcome.INSERTED
    else:
        coupling, outcome = before.copy(), work.found or Outcome.MODIFIED
    if merged is not None:
        coupling.base, work.carry_back = merged.base, merged.carry_back
    work.agreed = _note_version(work, coupling, destination, row, there)
    if one_way := _not_kept_one_way(work, there, coupling.base, context):
        coupling.bounces = _BOUNCE_LIMIT + 1
        _leave_in_peace(work, f"changed what was written to {', '.join(one_way)}")
    elif not work.agreed and not work.carry_back:
        coupling.bounces += 1
        if coupling.bounces <= _BOUNCE_LIMIT:
            work.carry_back = True
        else:
            coupling.set_version(destination, row.version)
            _leave_in_peace(work, "keeps changing what is written to it")
    _end(work, coupling, context, outcome)


def _not_kept_one_way(work: Work, there: Canonical, base: Canonical, context: BatchContext) -> list[str]:
    """Columns that the destination did not keep, and that cannot be carried back to the source."""
    one_way = (column.name for column in work.plan.flowing(context.direction) if column.compared and not column.two_way)
    return [name for name in one_way if name in there and name in base and there[name] != base[name]]


def _leave_in_peace(work: Work, what: str) -> None:
    work.status = OpenStatus.CONFLICT
    work.error = Skip(f"the other side {what}; see which rule there does it", code=NOT_KEPT)


def _first_base(work: Work, there: Canonical, context: BatchContext) -> dict[str, Value]:
    """What both rows of a new pair have: what was written, what is equal anyway.

    Where nothing was written (deferred, or a blank that never is), it is what the system put there itself.
    """
    source = work.source
    base = {name: value for name, value in source.items() if name in there and there[name] == value}
    for column in work.plan.flowing(context.direction):
        if column.compared:
            left_out = column.name not in source or (column.column.not_null and source[column.name] is None)
            base[column.name] = there.get(column.name) if left_out else source[column.name]
    return base


def _end(work: Work, coupling: Coupling, context: BatchContext, outcome: Outcome) -> None:
    if work.row is None:
        raise ValueError("a row that was not read cannot be coupled")
    source = context.direction.source
    work.agreed &= _note_version(work, coupling, source, work.row, work.source)
    if work.deferred:
        coupling.set_version(source, None)  # not settled before the reference has followed
        work.agreed = False
    if work.agreed:
        coupling.bounces = 0
    if context.direction is Direction.TO_DATAVERSE:
        coupling.last_to_dataverse = context.clock()
    else:
        coupling.last_from_dataverse = context.clock()
    work.settled = coupling
    work.end(outcome, work.error, status=work.status)


def _note_version(work: Work, coupling: Coupling, system: System, row: Row, values: Canonical) -> bool:
    """Record the row's version where its ``values`` agree with the base, and the key that others know it by."""
    settled = bool(values) and agrees(work.plan, system, values, coupling.base)
    coupling.set_version(system, row.version or None if settled else None)
    if system is System.BUSINESS_CENTRAL:
        coupling.bc_key = work.plan.key_of(row)
    return settled


def _readable(system: System, row: Row, context: BatchContext) -> dict[str, Value]:
    """The canonical values of a row as it is after a write; none where they do not fit: its own operation says so."""
    try:
        return context.canonical(system, row)
    except Skip:
        return {}
