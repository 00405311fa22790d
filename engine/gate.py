"""The gate: no row is written with a reference to a record that is not coupled.

For each reference whose record is not coupled, the mapping says what to do; ``park`` asks first whether waiting can
end::

    the record is not coupled
    ├── missing: fail    the operation fails
    ├── missing: clear   a blank is written
    ├── missing: keep    the column is left alone, for good
    ├── missing: defer   the column is left alone until the record is coupled
    └── missing: park    can it still come?
        ├── yes          park on it, and pull it in
        └── no           like defer

It can still come where a mapping may create it: its row exists, the mapping's filter admits it, and uncoupled rows are
wanted. Any other wait might never end, and a row that waits in vain is worse than a row with a blank.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from engine.filters import admits
from engine.ledger.couplings import Wanted
from engine.plan import Plan, PlannedColumn, Plans
from engine.references import is_uncoupled, wanted
from engine.work import Work
from schemas.change_event import ChangeKind
from schemas.errors import Park, Skip
from schemas.mapping import MissingReference
from schemas.outcomes import Outcome
from schemas.row import Row, Table, Value
from schemas.system import System
from systems.interface import RecordSystem

_SCAN_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Pull:
    """A parent to be synchronized because a child waits for it."""

    plan: Plan
    system: System
    record_id: str
    kind: ChangeKind
    run_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Missing:
    work: Work
    column: PlannedColumn
    wanted: Wanted
    value: str


def pass_gate(
    works: list[Work],
    plans: Plans,
    system: RecordSystem,
    only_coupled: Mapping[str, bool],
) -> list[Pull]:
    """Decide about every uncoupled reference of works of one lane; the answer is which parents to pull in.

    Parks, fails, or takes the column out of the work's source values. Reads possible parents in ``system``, the source:
    one request per table and batch.

    Raises:
        Retry, Stop: of reading the parents.
    """
    parking = [missing for work in works for missing in _missing(work, system.system) if _settle(missing)]
    pulls: list[Pull] = []
    if parking:
        coming = _coming(parking, plans, system, only_coupled)
        for missing in parking:
            if missing.work.open:
                pulls.extend(_park_or_defer(missing, coming))
    return pulls


def _missing(work: Work, system: System) -> list[_Missing]:
    found = []
    for column in work.plan.references:
        if not (work.direction in column.flows and is_uncoupled(work.source.get(column.name))):
            continue
        value = work.row.values[column.column.name_in(system) or ""] if work.row else None
        want = wanted(column, system, value)
        if want is not None:
            (name,) = want.values
            found.append(_Missing(work, column, want, name))
    return found


def _settle(missing: _Missing) -> bool:
    """Carry out what needs no question; True where it has to be asked whether the record can still come."""
    work, column = missing.work, missing.column
    reference = column.column.reference
    policy = reference.missing if reference else MissingReference.FAIL
    match policy:
        case MissingReference.PARK:
            return True
        case MissingReference.DEFER:
            _defer(missing)
        case MissingReference.KEEP:
            del work.source[column.name]
        case MissingReference.CLEAR:
            work.source[column.name] = None
        case MissingReference.FAIL:
            work.end(
                Outcome.FAILED,
                Skip(
                    f"column {column.name}: the record {missing.value} must be coupled by "
                    f"{' or '.join(missing.wanted.mappings)} first",
                    code="must_be_coupled",
                ),
            )
    return False


def _defer(missing: _Missing) -> None:
    missing.work.source.pop(missing.column.name, None)
    missing.work.deferred = missing.wanted


def _park_or_defer(missing: _Missing, coming: Mapping[str, list[tuple[Plan, Row]]]) -> list[Pull]:
    parents = coming.get(missing.wanted.waiting_key)
    if not parents:
        _defer(missing)
        return []
    work = missing.work
    work.waits = missing.wanted
    names = " or ".join(missing.wanted.mappings)
    work.end(
        Outcome.PARKED,
        Park(f"waits for the record {missing.value} to be coupled by {names}", waits_on=missing.wanted.waiting_key),
    )
    operation = work.operation
    kind = ChangeKind.SYNC_ALL if operation.kind is ChangeKind.SYNC_ALL else ChangeKind.MODIFIED
    return [Pull(plan, work.direction.source, row.id, kind, operation.run_ids) for plan, row in parents]


def _coming(
    parking: list[_Missing], plans: Plans, system: RecordSystem, only_coupled: Mapping[str, bool]
) -> dict[str, list[tuple[Plan, Row]]]:
    """By the key waited on: the parents that can still come, with the mapping that would create them."""
    wishes: dict[str, set[tuple[str, str, bool]]] = defaultdict(set)
    for missing in parking:
        wants_new = missing.work.operation.kind is ChangeKind.SYNC_ALL
        for name in missing.wanted.mappings:
            plan = plans[name]
            may_create = wants_new or not only_coupled[name]
            if may_create and plan.allows(missing.work.direction):
                wishes[name].add((missing.wanted.waiting_key, missing.value, missing.wanted.by == "bc_key"))
    coming: dict[str, list[tuple[Plan, Row]]] = defaultdict(list)
    for name, wish in wishes.items():
        plan = plans[name]
        rows = _read_parents(plan, system, sorted(wish))
        conditions = plan.mapping.filter_in(system.system)
        for on, row in rows:
            if admits(conditions, row.values):
                coming[on].append((plan, row))
    return coming


def _read_parents(plan: Plan, system: RecordSystem, wishes: list[tuple[str, str, bool]]) -> list[tuple[str, Row]]:
    table = plan.tables[system.system]
    by_id = {value: on for on, value, by_key in wishes if not by_key}
    by_key = [(value, on) for on, value, by_key in wishes if by_key]
    found = [(by_id[id_], row) for id_, row in system.read(table, list(by_id)).items()] if by_id else []
    key_column = plan.mapping.business_central.referenced_by
    if by_key and key_column is not None:
        wanted_keys = dict(by_key)
        found.extend((wanted_keys[value], row) for value, row in _find_by_key(system, table, key_column, wanted_keys))
    return found


def _find_by_key(
    system: RecordSystem, table: Table, key_column: str, keys: Collection[str]
) -> Iterator[tuple[str, Row]]:
    """Rows by the column that other tables name them by: asked for, or where it is a related row's, met in a scan."""
    if "/" not in key_column:
        criteria: list[dict[str, Value]] = [{key_column: key} for key in keys]
        for key, rows in zip(keys, system.find(table, criteria), strict=True):
            yield from ((key, row) for row in rows)
        return
    missing, cursor = set(keys), None
    while missing:
        page = system.scan(table, since=None, cursor=cursor, page_size=_SCAN_PAGE)
        for row in page.rows:
            key = str(row.values.get(key_column) or "").strip().upper()
            if key in missing:
                missing.discard(key)
                yield key, row
        cursor = page.cursor
        if cursor is None:
            return
