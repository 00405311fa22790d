"""Parents that can still come: records that an uncoupled reference names, and that a mapping would create.

A parent can come where its row exists, a mapping's filter admits it, the mapping carries rows this way, and uncoupled
rows are wanted: by the mapping, or by the full sync that met the child. One that was uncoupled on purpose comes only
with a full sync.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from engine.context import BatchContext
from engine.filters import admits
from engine.ledger import couplings
from engine.ledger.couplings import Wanted
from engine.ledger.database import read
from engine.plan import Plan, PlannedColumn
from engine.work import Work
from schemas.row import Row, Value
from systems.interface import RecordSystem

_SCAN_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Missing:
    """A reference of a work's row to a record that is not coupled."""

    work: Work
    column: PlannedColumn
    wanted: Wanted


def coming(parking: Sequence[Missing], context: BatchContext) -> dict[Wanted, list[tuple[Plan, Row]]]:
    """By what is wanted: the parents that can still come, with the mapping that would create them.

    Raises:
        Retry, Stop: of reading them, or of the ledger.
    """
    by_full_sync = {missing.wanted for missing in parking if missing.work.wants_new}
    wishes: dict[str, dict[Wanted, None]] = defaultdict(dict)
    for missing in parking:
        for name in missing.wanted.mappings:
            may_create = missing.wanted in by_full_sync or not context.only_coupled(name)
            if may_create and context.plans[name].allows(context.direction):
                wishes[name][missing.wanted] = None
    found: dict[Wanted, list[tuple[Plan, Row]]] = defaultdict(list)
    for name, wish in wishes.items():
        plan = context.plans[name]
        conditions = plan.mapping.filter_in(context.direction.source)
        rows = [(want, row) for want, row in _read(plan, context, list(wish)) if admits(conditions, row.values)]
        left_alone = _left_alone(plan, context, [row.id for _, row in rows])
        for want, row in rows:
            if row.id not in left_alone or want in by_full_sync:
                found[want].append((plan, row))
    return found


def _left_alone(plan: Plan, context: BatchContext, ids: list[str]) -> Collection[str]:
    """Which of these rows were uncoupled on purpose."""
    if not ids:
        return ()
    with read(context.database) as connection:
        return couplings.load_uncoupled(connection, plan.name, context.direction.source, ids)


def _read(plan: Plan, context: BatchContext, wishes: Sequence[Wanted]) -> Iterator[tuple[Wanted, Row]]:
    table = plan.tables[context.direction.source]
    by_id: dict[str, list[Wanted]] = defaultdict(list)
    by_key: dict[str, list[Wanted]] = defaultdict(list)
    for want in wishes:
        (by_key if want.by == "bc_key" else by_id)[want.value].append(want)
    if by_id:
        for row_id, row in context.source.read(table, list(by_id)).items():
            yield from ((want, row) for want in by_id[row_id])
    if by_key and plan.mapping.business_central.referenced_by is not None:
        for key, row in _find(plan, context.source, by_key):
            yield from ((want, row) for want in by_key[key])


def _find(plan: Plan, system: RecordSystem, keys: Collection[str]) -> Iterator[tuple[str, Row]]:
    """Rows by the column that other tables name them by: asked for, or where it is a related row's, met in a scan."""
    table, key_column = plan.tables[system.system], plan.mapping.business_central.referenced_by or ""
    if "/" not in key_column:
        criteria: list[dict[str, Value]] = [{key_column: key} for key in keys]
        for key, rows in zip(keys, system.find(table, criteria), strict=True):
            yield from ((key, row) for row in rows)
        return
    missing, cursor = set(keys), None
    while missing:
        page = system.scan(table, since=None, cursor=cursor, page_size=_SCAN_PAGE)
        for row in page.rows:
            found = plan.key_of(row)
            if found in missing:
                missing.discard(found)
                yield found, row
        cursor = page.cursor
        if cursor is None:
            return
