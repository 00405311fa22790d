"""Statements that the two databases write under different names: insert a row, or add to what is there."""

from collections.abc import Collection
from functools import cache
from types import ModuleType
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_or_add(connection: Connection, table: Table, row: dict[str, Any], add: Collection[str]) -> None:
    """Insert the row; where its key is taken, add its ``add`` columns to those there, and take over its ``last_at``."""
    connection.execute(_adding(_dialect(connection), table, tuple(add)), row)


@cache
def _adding(dialect: ModuleType, table: Table, add: tuple[str, ...]) -> Any:
    """Made once: making it costs more than running it."""
    insertion: Any = dialect.insert(table)
    sums = {name: table.c[name] + insertion.excluded[name] for name in add}
    changes = {**sums, "last_at": insertion.excluded.last_at}
    return insertion.on_conflict_do_update(index_elements=list(table.primary_key), set_=changes)


def _dialect(connection: Connection) -> ModuleType:
    return postgresql if connection.dialect.name == "postgresql" else sqlite
