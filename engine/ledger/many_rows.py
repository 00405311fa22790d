"""Inserting and changing many rows at the price of one statement.

SQLite runs a statement once a row within microseconds. PostgreSQL is asked once for all rows, which travel as one JSON
document: a message a row costs both ends ten times what the row does.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias

import sqlalchemy
from sqlalchemy import JSON, Connection, FromClause, LargeBinary, Table, Text, bindparam, cast, column, func, select
from sqlalchemy.dialects import postgresql, sqlite

from engine.ledger.database import ExactJson
from schemas import json_codec

Rows: TypeAlias = Sequence[Mapping[str, Any]]
"""Rows by column name, all with the same columns."""


def insert(connection: Connection, table: Table, rows: Rows) -> None:
    """Insert ``rows``; none costs nothing.

    Raises:
        sqlalchemy.exc.IntegrityError: a key is taken; nothing is inserted.
    """
    if rows:
        _execute(connection, _insert, table, rows)


def insert_missing(connection: Connection, table: Table, rows: Rows) -> int:
    """Insert the rows whose key is not taken; the number that was. Waits for others inserting the same key."""
    return _execute(connection, _insert_missing, table, rows) if rows else 0


def update(connection: Connection, table: Table, rows: Rows) -> int:
    """Change rows; how many there are.

    Args:
        rows: the row to be changed is the one whose columns have the values under ``at_`` and their names; the other
            values are set.
    """
    return _execute(connection, _update, table, rows) if rows else 0


def _execute(connection: Connection, make: Any, table: Table, rows: Rows) -> int:
    """Run the statement that ``make`` makes, once; it is made once: making it costs more than running it."""
    dialect, names = connection.dialect.name, tuple(rows[0])
    parameters: Any = {"rows": _document(table, rows)} if dialect == "postgresql" else rows
    options = {"preserve_rowcount": True}
    return connection.execute(make(dialect, table, names), parameters, execution_options=options).rowcount


@cache
def _insert(dialect: str, table: Table, names: Sequence[str]) -> sqlalchemy.Insert:
    if dialect == "postgresql":
        return sqlalchemy.insert(table).from_select(names, _selected(table, names))
    return sqlalchemy.insert(table)


@cache
def _insert_missing(dialect: str, table: Table, names: Sequence[str]) -> sqlalchemy.Insert:
    if dialect == "postgresql":
        rows = _selected(table, names)
        return postgresql.insert(table).from_select(names, rows).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()


@cache
def _update(dialect: str, table: Table, names: Sequence[str]) -> sqlalchemy.Update:
    value: Any = _rows(table, names).c.__getitem__ if dialect == "postgresql" else bindparam
    found = [table.c[name.removeprefix("at_")] == value(name) for name in names if name.startswith("at_")]
    changed = {name: value(name) for name in names if not name.startswith("at_")}
    return sqlalchemy.update(table).where(*found).values(changed)


def _selected(table: Table, names: Sequence[str]) -> sqlalchemy.Select[Any]:
    rows = _rows(table, names).c
    return select(*(func.decode(rows[name], "base64") if _is_binary(table, name) else rows[name] for name in names))


def _rows(table: Table, names: Sequence[str]) -> FromClause:
    """The rows in the document, as a table of PostgreSQL's."""
    types = {name: Text() if _is_binary(table, name) else _column(table, name).type for name in names}
    columns = [column(name, type_) for name, type_ in types.items()]
    document = cast(bindparam("rows", type_=Text()), JSON)
    return func.json_to_recordset(document).table_valued(*columns, name="given").render_derived(with_types=True)


def _document(table: Table, rows: Rows) -> str:
    """All rows as one document; what a column keeps as JSON is text in it, bytes are base64."""
    documents = [name for name in rows[0] if isinstance(_column(table, name).type, ExactJson)]
    if documents:
        rows = [{**row, **{name: _text(row[name]) for name in documents}} for row in rows]
    return json_codec.encode(rows).decode()


def _text(document: Any) -> str | None:
    return None if document is None else json_codec.encode(document).decode()


def _is_binary(table: Table, name: str) -> bool:
    return isinstance(_column(table, name).type, LargeBinary)


def _column(table: Table, name: str) -> sqlalchemy.Column[Any]:
    return table.c[name] if name in table.c else table.c[name.removeprefix("at_")]
