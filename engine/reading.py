"""Reading the source rows, and ending what needs no more than that.

::

    the local currency    has no row in Business Central to compare with: Ignored
    our own echo          not coupled (yet): Ignored; coupled and settled by the same mapping: Unchanged
    row is gone           coupled: a deletion; else Ignored
    outside the filter    Ignored
    skipped before        and the row is still the same: Skipped
    version as recorded   and both sides settled in every column: Unchanged
    not coupled           and uncoupled rows are not wanted: Ignored
    being created by us   from the other side: wait for its coupling, a moment in memory and then in the ledger
    anything else         goes on, with canonical values
"""

from collections.abc import Iterable, Sequence

from engine.canonical import same_text
from engine.context import BatchContext
from engine.filters import admits
from engine.ledger import intents
from engine.ledger.couplings import Coupling
from engine.ledger.intents import Intent
from engine.ledger.open_operations import OpenStatus
from engine.references import ZERO_ID
from engine.updating import recognise
from engine.work import Work
from schemas.errors import Park, Retry, Skip
from schemas.outcomes import Outcome
from schemas.row import Row, Value
from schemas.system import System

_COUPLING_WAIT = 0.5
"""Seconds to wait for the coupling of a row that is being created just now."""

_COUPLING_WAITS = 5
"""How often to wait so; whoever takes longer is interrupted, or in doubt."""


def end_echoes(works: Iterable[Work], context: BatchContext) -> None:
    """End what our own writes caused, and what has no counterpart to read, without reading anything."""
    for work in works:
        if work.coupling is not None and work.coupling.bc_id == ZERO_ID:
            work.end(Outcome.IGNORED)
            continue
        writer = work.operation.writer
        if writer is None or work.operation.run_ids:
            continue
        if work.coupling is None:
            work.end(Outcome.IGNORED)  # whoever created it is about to couple it, or will when it is delivered again
        elif writer == work.plan.name and work.coupling.version_in(context.direction.source) is not None:
            work.end(Outcome.UNCHANGED)


def read_source(works: Sequence[Work], context: BatchContext, counter_intents: Sequence[Intent]) -> list[Work]:
    """Read the rows of open works, end those that need nothing more; answer those whose row is gone but coupled.

    One request a batch.
    """
    wanted = [work for work in works if work.open]
    if not wanted:
        return []
    rows = context.source.read(context.source_table, [work.key.record_id for work in wanted])
    context.learn_references(context.direction.source, rows.values())
    gone = []
    for work in wanted:
        row = rows.get(work.key.record_id)
        if row is None:
            if work.coupling is None:
                work.end(Outcome.IGNORED)
            else:
                gone.append(work)
            continue
        work.row = row
        _classify(work, row, context)
        if work.open:
            _canonicalise(work, row, context)
        if work.open and work.coupling is None:
            _await_creation(work, counter_intents)
    return gone


def _classify(work: Work, row: Row, context: BatchContext) -> None:
    source = context.direction.source
    mapping, coupling, entry = work.plan.mapping, work.coupling, work.entry
    if not admits(mapping.filter_in(source), row.values):
        work.end(Outcome.IGNORED)
    elif entry is not None and entry.status is OpenStatus.SKIPPED and entry.source_version == row.version:
        work.end(Outcome.SKIPPED)
    elif coupling is not None:
        if not work.overwrite and _is_settled(coupling, row, context):
            work.end(Outcome.UNCHANGED)
    elif not _may_create(work, context):
        work.end(Outcome.IGNORED)


def _is_settled(coupling: Coupling, row: Row, context: BatchContext) -> bool:
    """Whether both rows are known to agree with the base, and the base knows every column that the mapping has now."""
    plan, source, destination = context.plan, context.direction.source, context.direction.destination
    if not row.version or coupling.version_in(source) != row.version:
        return False
    if source is System.BUSINESS_CENTRAL and coupling.bc_key != plan.key_of(row):
        return False
    if not plan.allows(context.direction):
        return True
    return coupling.version_in(destination) is not None and all(
        column.name in coupling.base for column in plan.flowing(context.direction) if column.compared
    )


def _may_create(work: Work, context: BatchContext) -> bool:
    if not work.plan.allows(context.direction):
        return False
    if work.wants_new:
        return True
    return work.uncoupled is None and not context.only_coupled(work.plan.name)


def _canonicalise(work: Work, row: Row, context: BatchContext) -> None:
    try:
        work.source = context.canonical(context.direction.source, row)
        recognise(work, work.source, work.counter_under_way)
    except Skip as error:
        work.end(Outcome.FAILED, error)


def _await_creation(work: Work, counter_intents: Sequence[Intent]) -> None:
    intent = next((intent for intent in counter_intents if _announces(intent, work)), None)
    if intent is None:
        return
    if work.operation.attempts < _COUPLING_WAITS:
        work.again(Retry("its counterpart is just being coupled", after=_COUPLING_WAIT))
    else:
        work.awaits = intent.key
        text = f"may be what {intent.key.record_id} is about to become: waits until that is certain"
        work.end(Outcome.PARKED, Park(text, waits_on=intents.waiting_key(intent.key)))


def _announces(intent: Intent, work: Work) -> bool:
    return intent.created_id == work.key.record_id if intent.created_id else describes(intent, work.source)


def describes(intent: Intent, values: dict[str, Value]) -> bool:
    """Whether a row with these canonical values may be the one that ``intent`` announced: case does not count."""
    announced = intent.values.items()
    return bool(announced) and all(same_text(values.get(name)) == same_text(value) for name, value in announced)
