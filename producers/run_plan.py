"""What a run does: which tables in which order, and with which options. Kept with the run, so that it can resume."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

import msgspec

from engine.ledger.runs import Run, RunKind, RunState, RunTable
from schemas.errors import Stop
from schemas.faults import did_you_mean
from schemas.mapping import Mapping, Mappings
from schemas.system import Direction, System


class RunOptions(msgspec.Struct, frozen=True):
    """What is kept of a run beside its tables.

    Attributes:
        order: mapping and direction of the tables, as they run.
        since: by mapping and system, from which time of change on rows are read; absent: all rows.
        overwrite: coupled rows are written over, whatever changed on the other side.
        allow_create: the answer to the closing question of a full sync, where it was given beforehand.
    """

    order: tuple[tuple[str, Direction], ...]
    since: tuple[tuple[str, System, datetime], ...] = ()
    overwrite: bool = False
    allow_create: bool | None = None

    def since_of(self, table: RunTable) -> datetime | None:
        """From which time of change on rows of ``table`` are read."""
        place = (table.mapping, table.direction.source)
        return next((moment for *of, moment in self.since if tuple(of) == place), None)


def options_of(run: Run) -> RunOptions:
    """The options that ``run`` was started with."""
    return msgspec.convert(run.options, RunOptions)


def new_run(run_id: str, kind: RunKind, tables: Iterable[tuple[str, Direction]], now: datetime, **options: Any) -> Run:
    """A run that starts now."""
    order = tuple(tables)
    return Run(
        id=run_id,
        kind=kind,
        state=RunState.IN_PROCESS,
        options=msgspec.to_builtins(RunOptions(order, **options)),
        started_at=now,
        heartbeat_at=now,
        tables=[RunTable(mapping, direction) for mapping, direction in order],
    )


def tables_of(mappings: Iterable[Mapping]) -> list[tuple[str, Direction]]:
    """The tables of a run over these mappings: each mapping to Dataverse first, then from it, as far as it goes."""
    return [
        (mapping.name, direction)
        for mapping in mappings
        for direction in Direction
        if mapping.direction.allows(direction)
    ]


def chosen(mappings: Mappings, names: Collection[str] | None) -> list[Mapping]:
    """The mappings with these names (``None``: all), parents before children.

    Raises:
        Stop: there is no mapping of a name, or none at all.
    """
    known = [mapping.name for mapping in mappings.mappings]
    for name in names or ():
        if name not in known:
            raise Stop(f"there is no mapping {name}; {did_you_mean(name, known)}")
    found = [mapping for mapping in mappings.in_order() if names is None or mapping.name in names]
    if not found:
        raise Stop("there is no mapping to run: name one, or check the mapping files")
    return found
