"""Couplings for people: all of them in order, or by what a person knows of one."""

from sqlalchemy import Connection, or_, select

from engine.ledger.couplings import Coupling
from engine.ledger.models import CouplingModel, table_of

_TABLE = table_of(CouplingModel)


def listed(
    connection: Connection, *, mapping: str | None = None, name: str | None = None, limit: int = 100
) -> list[Coupling]:
    """In the order in which they were made.

    Args:
        name: a row's id in either system, or its key in Business Central; case does not count.
    """
    statement = select(_TABLE).order_by(_TABLE.c.id).limit(limit)
    if mapping is not None:
        statement = statement.where(_TABLE.c.mapping == mapping)
    if name is not None:
        row_id = name.lower()
        statement = statement.where(
            or_(_TABLE.c.bc_id == row_id, _TABLE.c.dv_id == row_id, _TABLE.c.bc_key == name.upper())
        )
    return [Coupling(**row) for row in connection.execute(statement).mappings()]
