"""Asking for records of a lane and for their counterparts in the opposite one, in one query."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, bindparam, or_

from schemas.system import Direction


def either_way(table: Table) -> ColumnElement[bool]:
    """Rows of ``table`` (keyed by mapping, direction and record id) that :func:`parameters` name."""
    return and_(
        table.c.mapping == bindparam("mapping"),
        or_(_of(table, "direction", "ids"), _of(table, "counter_direction", "counter_ids")),
    )


def parameters(mapping: str, direction: Direction, ids: Sequence[str], counter_ids: Sequence[str]) -> dict[str, Any]:
    """What to execute a statement with :func:`either_way` with."""
    return {
        "mapping": mapping,
        "direction": direction.value,
        "ids": ids,
        "counter_direction": direction.reverse.value,
        "counter_ids": counter_ids,
    }


def _of(table: Table, direction: str, ids: str) -> ColumnElement[bool]:
    return and_(table.c.direction == bindparam(direction), table.c.record_id.in_(bindparam(ids, expanding=True)))
