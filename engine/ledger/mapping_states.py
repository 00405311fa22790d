"""What was decided about a mapping after its file was written, and how far it was synchronized."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, or_, select, update

from engine.ledger.many_rows import insert_missing
from engine.ledger.models import MappingStateModel, table_of
from schemas.mapping import Mapping
from schemas.system import System

_TABLE = table_of(MappingStateModel)
_WATERMARKS = {System.BUSINESS_CENTRAL: _TABLE.c.bc_watermark, System.DATAVERSE: _TABLE.c.dv_watermark}


def wants_only_coupled(connection: Connection, mappings: Iterable[Mapping]) -> dict[str, bool]:
    """Whether uncoupled rows are left alone now: as a running full sync has it, else a person, else the file."""
    statement = select(_TABLE.c.mapping, _TABLE.c.only_coupled, _TABLE.c.cleared_by)
    states = {row.mapping: row for row in connection.execute(statement)}
    effective: dict[str, bool] = {}
    for mapping in mappings:
        state = states.get(mapping.name)
        if state is not None and state.cleared_by is not None:
            effective[mapping.name] = False
        elif state is not None and state.only_coupled is not None:
            effective[mapping.name] = state.only_coupled
        else:
            effective[mapping.name] = mapping.only_coupled
    return effective


def clear_only_coupled(connection: Connection, mappings: Iterable[str], run_id: str) -> None:
    """Have only-coupled cleared while ``run_id`` runs. What it was before stays in the ledger."""
    names = list(mappings)
    _ensure(connection, names)
    connection.execute(update(_TABLE).where(_TABLE.c.mapping.in_(names)).values(cleared_by=run_id))


def restore_only_coupled(connection: Connection, run_id: str) -> None:
    """The run is over, or its process died: only-coupled is what it was before."""
    connection.execute(update(_TABLE).where(_TABLE.c.cleared_by == run_id).values(cleared_by=None))


def keep_cleared(connection: Connection, mappings: Iterable[str]) -> None:
    """From now on uncoupled rows are created in the running flow too."""
    names = list(mappings)
    _ensure(connection, names)
    connection.execute(update(_TABLE).where(_TABLE.c.mapping.in_(names)).values(only_coupled=False, cleared_by=None))


def follow_file(connection: Connection, mappings: Iterable[str]) -> None:
    """From now on only-coupled is what the mapping file says, whatever was answered earlier."""
    names = list(mappings)
    connection.execute(update(_TABLE).where(_TABLE.c.mapping.in_(names)).values(only_coupled=None, cleared_by=None))


def clearing_runs(connection: Connection) -> frozenset[str]:
    """The runs that have only-coupled cleared now."""
    statement = select(_TABLE.c.cleared_by).where(_TABLE.c.cleared_by.is_not(None)).distinct()
    return frozenset(connection.execute(statement).scalars())


def watermarks(connection: Connection) -> dict[tuple[str, System], datetime]:
    """By mapping and system: rows changed before were synchronized by a run. Absent where none has finished."""
    rows = connection.execute(select(_TABLE.c.mapping, *_WATERMARKS.values()))
    return {
        (mapping, system): moment
        for mapping, *moments in rows
        for system, moment in zip(_WATERMARKS, moments, strict=True)
        if moment is not None
    }


def advance_watermark(connection: Connection, mapping: str, system: System, to: datetime) -> None:
    """Move a watermark forward; it never goes back."""
    _ensure(connection, [mapping])
    column = _WATERMARKS[system]
    statement = update(_TABLE).where(_TABLE.c.mapping == mapping, or_(column.is_(None), column < to))
    connection.execute(statement.values({column: to}))


def _ensure(connection: Connection, names: list[str]) -> None:
    insert_missing(connection, _TABLE, [{"mapping": name} for name in names])
