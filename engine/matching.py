"""Match-based coupling: before a row is created, the one that is there already is looked for.

The mapping's criteria are tried in order; the first whose columns are all filled and that finds a free row decides.
Several free rows are never guessed between: a person chooses. A row that a record of the same batch took is not free.
"""

from collections.abc import Sequence

from engine.context import BatchContext
from engine.filters import admits
from engine.ledger import couplings
from engine.ledger.couplings import Coupling
from engine.ledger.database import read
from engine.ledger.open_operations import OpenStatus
from engine.work import Work
from schemas.errors import Skip
from schemas.mapping import MatchCriterion
from schemas.outcomes import Outcome
from schemas.row import Row, Value
from schemas.system import System


def match(works: Sequence[Work], context: BatchContext) -> None:
    """Give uncoupled works that have a match a coupling and their destination row; park ambiguous ones.

    One request a criterion and batch.

    Raises:
        Retry, Stop: of looking.
    """
    claimed: set[str] = set()
    for criterion in context.plan.mapping.match:
        looking = [(work, wanted) for work in works if (wanted := _criterion(work, criterion, context)) is not None]
        if not looking:
            continue
        found = _find(looking, context)
        free = _free(found, context)
        context.learn_references(context.direction.destination, [row for rows in found for row in rows])
        for (work, wanted), rows in zip(looking, found, strict=True):
            fitting = [row for row in rows if row.id in free - claimed and _fits(criterion, wanted, row)]
            _take(work, fitting, context)
            if work.destination_row is not None:
                claimed.add(work.destination_row.id)


def _find(looking: Sequence[tuple[Work, dict[str, Value]]], context: BatchContext) -> list[list[Row]]:
    """What fits each wish, asked at once; where the system refuses that, one by one, so that only the bad one fails."""
    table = context.destination_table
    try:
        return context.destination.find(table, [wanted for _, wanted in looking])
    except Skip:
        return [_find_one(work, wanted, context) for work, wanted in looking]


def _find_one(work: Work, wanted: dict[str, Value], context: BatchContext) -> list[Row]:
    try:
        return context.destination.find(context.destination_table, [wanted])[0]
    except Skip as error:
        work.end(Outcome.FAILED, error)
        return []


def new_coupling(work: Work, context: BatchContext, destination: Row, base: dict[str, Value]) -> Coupling:
    """The coupling of a work's row with a row of the destination, not yet in the ledger."""
    ids = {context.direction.source: work.key.record_id, context.direction.destination: destination.id}
    in_business_central = destination if context.direction.destination is System.BUSINESS_CENTRAL else work.row
    return Coupling(
        mapping=work.plan.name,
        bc_id=ids[System.BUSINESS_CENTRAL],
        dv_id=ids[System.DATAVERSE],
        bc_key=work.plan.key_of(in_business_central) if in_business_central is not None else None,
        base=base,
        generation=work.uncoupled.generation if work.uncoupled else 0,
    )


def _criterion(work: Work, criterion: MatchCriterion, context: BatchContext) -> dict[str, Value] | None:
    if not work.open or work.coupling is not None:
        return None
    values = {name: work.source.get(name) for name in criterion.columns}
    if any(value is None for value in values.values()):
        return None
    try:
        return context.written(values)
    except Skip:
        return None  # a value without a form over there matches nothing over there


def _free(found: Sequence[Sequence[Row]], context: BatchContext) -> frozenset[str]:
    """Ids of the rows that the mapping admits and that nothing is coupled to."""
    destination = context.direction.destination
    conditions = context.plan.mapping.filter_in(destination)
    admitted = [row.id for rows in found for row in rows if admits(conditions, row.values)]
    if not admitted:
        return frozenset()
    with read(context.database) as connection:
        return frozenset(admitted) - couplings.taken(connection, context.plan.name, destination, admitted)


def _fits(criterion: MatchCriterion, wanted: dict[str, Value], row: Row) -> bool:
    return not criterion.case_sensitive or all(row.values.get(name) == value for name, value in wanted.items())


def _take(work: Work, rows: list[Row], context: BatchContext) -> None:
    if len(rows) == 1:
        work.destination_row = rows[0]
        work.coupling = new_coupling(work, context, rows[0], {})
        work.found = Outcome.COUPLED
    elif rows:
        ids = ", ".join(row.id for row in rows)
        work.end(
            Outcome.PARKED,
            Skip(
                f"several rows match: {ids}; couple one of them (twinrow couplings add), or make them differ",
                code="ambiguous_match",
            ),
            status=OpenStatus.PARKED,
            detail={"candidates": [{"id": row.id, "values": dict(row.values)} for row in rows]},
        )
