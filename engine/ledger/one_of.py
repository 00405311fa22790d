"""``one_of``: a column has any of many values, which are one parameter whatever their number.

An ``IN`` with a parameter for each value is another statement for every number of values: built, split and planned
anew, which costs more than running it.
"""

from typing import Any, Self

from sqlalchemy import Boolean, ColumnElement, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from engine.ledger.database import ExactJson


class one_of(FunctionElement[bool]):  # noqa: N801 - reads as a function, as SQLAlchemy's own do
    """Whether ``column``, of a text type, has one of the texts that the statement is executed with as ``name``."""

    inherit_cache = True
    type = Boolean()

    def __init__(self, column: ColumnElement[Any], name: str) -> None:
        super().__init__(column, bindparam(name, type_=ExactJson()))

    def self_group(self, against: object = None) -> Self:  # noqa: ARG002 - SQLAlchemy's signature
        """As it is: where a database has no booleans, ``= 1`` would be added, behind which no index is seen."""
        return self


@compiles(one_of, "postgresql")
def _on_postgresql(element: one_of, compiler: SQLCompiler, **options: Any) -> str:
    column, texts = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} = ANY (ARRAY(SELECT json_array_elements_text(CAST({texts} AS JSON))))"


@compiles(one_of, "sqlite")
def _on_sqlite(element: one_of, compiler: SQLCompiler, **options: Any) -> str:
    column, texts = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({texts}))"  # noqa: S608 - no values
