"""Tables keyed by mapping, direction and record id: naming many of their rows in few statements."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Executable, Table, and_, bindparam, select, union_all

from engine.ledger.one_of import one_of
from schemas.operations import OperationKey
from schemas.system import Direction


def of_lane(table: Table) -> ColumnElement[bool]:
    """Rows of ``table`` that one of :func:`by_lane` names."""
    return and_(table.c.mapping == bindparam("at_mapping"), _of(table, "at_direction", "ids"))


def by_lane(keys: Iterable[OperationKey]) -> Iterator[dict[str, Any]]:
    """What to execute a statement with :func:`of_lane` with: once a lane, which for most batches is once."""
    lanes: dict[tuple[str, Direction], list[str]] = defaultdict(list)
    for key in keys:
        lanes[key.mapping, key.direction].append(key.record_id)
    for (mapping, direction), ids in lanes.items():
        yield {"at_mapping": mapping, "at_direction": direction.value, "ids": ids}


def either_way(table: Table) -> Executable:
    """The rows of ``table`` that :func:`both_ways` names: of a lane, and their counterparts' in the opposite one."""
    this_way = select(table).where(of_lane(table))
    counter = table.c.mapping == bindparam("at_mapping"), _of(table, "counter_direction", "counter_ids")
    return union_all(this_way, select(table).where(*counter))  # SQLite sees no index behind an OR of the two


def both_ways(mapping: str, direction: Direction, ids: Sequence[str], counter_ids: Sequence[str]) -> dict[str, Any]:
    """What to execute a statement with :func:`either_way` with."""
    return {
        "at_mapping": mapping,
        "at_direction": direction.value,
        "ids": ids,
        "counter_direction": direction.reverse.value,
        "counter_ids": counter_ids,
    }


def values_of(key: OperationKey) -> dict[str, str]:
    """The key columns of a row."""
    return {"mapping": key.mapping, "direction": key.direction.value, "record_id": key.record_id}


def _of(table: Table, direction: str, ids: str) -> ColumnElement[bool]:
    return and_(table.c.direction == bindparam(direction), one_of(table.c.record_id, ids))
