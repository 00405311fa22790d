"""Meddling with what a worker does to the systems: others who edit in between, and sudden death."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from schemas.row import Row, Table, Value
from schemas.system import System
from systems.interface import Page, RecordSystem, Write, WriteResult
from tests.support.worker_process import Systems, Through

Moment: TypeAlias = Callable[[Table, Sequence[Write]], None]
"""Called before or after writes of a table, on the worker's thread."""


class Death(SystemExit):
    """The thread that raises it is gone, as if its process had been killed: nothing after it happens."""


def around_writes(
    system: System, *, before: Moment = lambda _table, _writes: None, after: Moment = lambda _table, _writes: None
) -> Through:
    """Wraps one of a worker's systems so that something happens around each write."""

    def through(systems: Systems) -> Systems:
        return {**systems, system: MeddledSystem(systems[system], before, after)}

    return through


class MeddledSystem(RecordSystem):
    """Another system, with something happening around its writes."""

    def __init__(self, real: RecordSystem, before: Moment, after: Moment) -> None:
        self._real = real
        self._before, self._after = before, after
        self.system, self.capabilities = real.system, real.capabilities

    def read(self, table: Table, ids: Sequence[str]) -> dict[str, Row]:
        return self._real.read(table, ids)

    def find(self, table: Table, criteria: Sequence[Mapping[str, Value]]) -> list[list[Row]]:
        return self._real.find(table, criteria)

    def scan(self, table: Table, *, since: datetime | None, cursor: str | None, page_size: int) -> Page:
        return self._real.scan(table, since=since, cursor=cursor, page_size=page_size)

    def write(self, table: Table, writes: Sequence[Write], *, tag: str) -> list[WriteResult]:
        self._before(table, writes)
        results = self._real.write(table, writes, tag=tag)
        self._after(table, writes)
        return results

    def user_id(self) -> str:
        return self._real.user_id()

    def columns(self, table: Table) -> frozenset[str]:
        return self._real.columns(table)

    def close(self) -> None:
        self._real.close()
