"""One side of a pair is gone: what happens to the other, by the mapping's policy for deletion conflicts.

::

    both are gone     nothing is left to decide: the coupling goes, too
    none              Failed, visible, until a person decides
    restore           a new row is created where one was deleted, with a new id
    remove_coupling   the surviving row stays, uncoupled, and is not created again by itself
    delete            the surviving row is deleted too, if nobody changed it since
    deactivate        the surviving row is deactivated, and uncoupled

A row is restored, deleted and deactivated only the way that the mapping goes; otherwise a person decides. A person
decides, too, where the *destination* of a change is found deleted: the source was edited meanwhile.
"""

from collections.abc import Iterable, Sequence

from engine.context import BatchContext
from engine.ledger.couplings import Coupling, Uncoupled
from engine.ledger.open_operations import OpenStatus
from engine.merge import agrees
from engine.updating import recognise
from engine.work import Restore, Work
from schemas.errors import Reread, RereadReason, Retry, Skip, Stop
from schemas.mapping import DeletionConflict
from schemas.outcomes import Outcome
from schemas.row import Row, Value
from schemas.system import Direction, System
from systems.interface import Delete, Refused, Update, Write

_PROPAGATING = (DeletionConflict.DELETE, DeletionConflict.DEACTIVATE)


def source_gone(works: Sequence[Work], context: BatchContext) -> None:
    """End works whose source row was deleted. Writes the destination where the policy asks for it.

    Raises:
        Retry, Stop: of reading or writing; works that are ended stay ended.
    """
    if not works:
        return
    policy = context.plan.mapping.deletion_conflict
    propagates = policy in _PROPAGATING and context.plan.allows(context.direction)
    rows = context.read_destination(_coupling(work).id_in(context.direction.destination) for work in works)
    surviving: list[tuple[Work, Row]] = []
    for work in works:
        row = rows.get(_coupling(work).id_in(context.direction.destination))
        if row is None:
            work.removed = work.coupling
            work.end(Outcome.DELETED)
        elif propagates:
            surviving.append((work, row))
        else:
            _without_counterpart(work, context.direction.source, policy)
    _propagate(surviving, context, policy)


def destination_gone(works: Iterable[Work], context: BatchContext) -> None:
    """End works whose destination row turned out to be deleted."""
    policy = context.plan.mapping.deletion_conflict
    for work in works:
        if work.coupling is None or work.coupling.id is None:
            work.again(Retry("its counterpart was deleted while it was being coupled"))
        elif policy in _PROPAGATING:
            text = "changed here while its counterpart was deleted; restore or delete one of them"
            work.end(Outcome.CONFLICT, Skip(text, code="deleted_and_changed"), status=OpenStatus.CONFLICT)
        else:
            _without_counterpart(work, context.direction.destination, policy)


def _without_counterpart(work: Work, deleted_in: System, policy: DeletionConflict) -> None:
    coupling = _coupling(work)
    survivor = deleted_in.other
    left = Uncoupled(work.plan.name, survivor, coupling.id_in(survivor), coupling.generation + 1)
    if policy is DeletionConflict.RESTORE and work.plan.allows(Direction.out_of(survivor)):
        work.removed, work.left = coupling, left
        work.restore = Restore(survivor, coupling.id_in(survivor))
        work.end(Outcome.UNCOUPLED)
    elif policy is DeletionConflict.REMOVE_COUPLING:
        work.removed, work.left = coupling, left
        work.end(Outcome.UNCOUPLED)
    else:
        text = (
            f"coupled to a row that was deleted in {deleted_in.value}: {coupling.id_in(deleted_in)}; "
            "restore it, delete the other one too, or remove the coupling (twinrow couplings remove)"
        )
        work.end(Outcome.FAILED, Skip(text, code="counterpart_deleted"))


def _propagate(surviving: Sequence[tuple[Work, Row]], context: BatchContext, policy: DeletionConflict) -> None:
    to_write: list[tuple[Work, Write]] = []
    for work, row in surviving:
        if _untouched(work, row, context):
            to_write.append((work, _write(row, context, policy)))
        else:
            text = "deleted there while it was changed here; delete it here too, or restore it there"
            work.end(Outcome.CONFLICT, Skip(text, code="deleted_and_changed"), status=OpenStatus.CONFLICT)
    if not to_write:
        return
    results = context.destination.write(context.destination_table, [write for _, write in to_write], tag=context.tag)
    for (work, _), result in zip(to_write, results, strict=True):
        error = result.error if isinstance(result, Refused) else None
        if error is None or (isinstance(error, Reread) and error.reason is RereadReason.GONE):
            coupling = _coupling(work)
            work.removed = coupling
            if policy is DeletionConflict.DEACTIVATE:
                survivor = context.direction.destination
                work.left = Uncoupled(work.plan.name, survivor, coupling.id_in(survivor), coupling.generation + 1)
            work.end(Outcome.DELETED)
        elif isinstance(error, Reread):
            work.again(Retry("the row is being edited on the other side just now"))
        elif isinstance(error, Retry):
            work.again(error)
        else:
            work.end(Outcome.FAILED, error, status=OpenStatus.STOPPED if isinstance(error, Stop) else None)


def _untouched(work: Work, row: Row, context: BatchContext) -> bool:
    """Whether nobody but us changed the row since both sides agreed."""
    system = context.direction.destination
    if row.version == _coupling(work).version_in(system):
        return True
    try:
        values = context.canonical(system, row)
    except Skip:
        return False
    recognise(work, values, work.under_way)
    return agrees(work.plan, system, values, _coupling(work).base)


def _write(row: Row, context: BatchContext, policy: DeletionConflict) -> Write:
    if policy is DeletionConflict.DELETE:
        return Delete(row.id, row.version)
    mapping = context.plan.mapping
    to_dataverse = context.direction.destination is System.DATAVERSE
    side = mapping.dataverse if to_dataverse else mapping.business_central
    values: dict[str, Value] = dict(side.deactivate or {})
    return Update(row.id, row.version, values)


def _coupling(work: Work) -> Coupling:
    if work.coupling is None:
        raise ValueError("only a coupled row has a counterpart to lose")
    return work.coupling
