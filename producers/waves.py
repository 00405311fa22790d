"""The rows of a run in dependency order: a table opens when all tables before it are finished, really processed.

Before a table are those of its mapping's parents, in both directions, and for *from Dataverse* its own mapping's *to
Dataverse*. All tables that are open at a time are a wave. One that could not be run blocks those behind it; records
that failed do not.
"""

from collections.abc import Collection
from dataclasses import replace

from engine.ledger.runs import Run, RunState, RunTable
from producers.context import ProducerContext
from producers.portion import Portion, Portions
from producers.run_plan import options_of
from producers.scanned_tables import ScannedTable, scanned_table
from schemas.change_event import ChangeEvent, ChangeKind
from schemas.errors import Skip, Stop
from schemas.mapping import Mappings
from schemas.system import Direction, System


class Waves(Portions):
    """The admitted rows of every table of a run, as events of one kind."""

    def __init__(self, context: ProducerContext, kind: ChangeKind) -> None:
        self._context = context
        self._kind = kind
        self._scanned: dict[tuple[str, Direction], ScannedTable] = {}

    def next(self, run: Run) -> Portion | None:
        """A page of the first open table that is not read out, or the tables that cannot be run."""
        if impossible := self._impossible(run):
            return Portion(impossible)
        for table in run.tables:
            if not table.state.over and not table.read_out and not self._waits(run, table):
                return self._page(run, table)
        return None

    def events(self, run: Run, table: RunTable, record_ids: Collection[str]) -> list[ChangeEvent]:
        """One event a record; none once the mapping is gone."""
        if table.mapping not in self._context.mappings:
            return []
        source = table.direction.source
        name = self._context.mappings[table.mapping].table_name(source)
        return [self._context.event(source, name, record_id, self._kind, run_id=run.id) for record_id in record_ids]

    def _page(self, run: Run, table: RunTable) -> Portion:
        source = table.direction.source
        now = self._context.clock()
        try:
            scanned = self._scanned_table(table)
            page = self._context.systems[source].scan(
                scanned.table,
                since=options_of(run).since_of(table),
                cursor=table.cursor,
                page_size=self._context.page_size,
            )
        except (Skip, Stop) as error:
            return Portion([replace(table, state=RunState.ERROR, message=error.text, finished_at=now)])
        admitted = list(dict.fromkeys(row.id for row in page.rows if scanned.admits(row)))
        moved = replace(
            table,
            state=RunState.IN_PROCESS,
            cursor=page.cursor,
            watermark=max(filter(None, (table.watermark, *(row.modified_at for row in page.rows))), default=None),
            started_at=table.started_at or now,
        )
        records = {(table.mapping, table.direction): admitted}
        return Portion([moved], records, self.events(run, table, admitted))

    def _scanned_table(self, table: RunTable) -> ScannedTable:
        place = (table.mapping, table.direction)
        if place not in self._scanned:
            mapping = self._context.mappings[table.mapping]
            if table.direction.source is System.DATAVERSE and mapping.dataverse.choice:
                choice = mapping.dataverse.choice
                raise Skip(f"no event can tell of an option of {choice}; let the mapping go to_dataverse")
            self._scanned[place] = scanned_table(self._context.mappings, mapping, table.direction.source)
        return self._scanned[place]

    def _waits(self, run: Run, table: RunTable) -> bool:
        return any(before.state is not RunState.FINISHED for before in _before(run, table, self._context.mappings))

    def _impossible(self, run: Run) -> list[RunTable]:
        found = []
        now = self._context.clock()
        for table in run.tables:
            if table.state.over:
                continue
            before = _before(run, table, self._context.mappings)
            causes = dict.fromkeys(one.mapping for one in before if one.state in (RunState.ERROR, RunState.BLOCKED))
            if table.mapping not in self._context.mappings:
                message = f"there is no mapping {table.mapping} any more"
                found.append(replace(table, state=RunState.ERROR, message=message, finished_at=now))
            elif causes:
                message = f"blocked by {', '.join(causes)}"
                found.append(replace(table, state=RunState.BLOCKED, message=message, finished_at=now))
        return found


def _before(run: Run, table: RunTable, mappings: Mappings) -> list[RunTable]:
    """The tables of ``run`` that go before ``table``."""
    parents = mappings[table.mapping].parents if table.mapping in mappings else frozenset()
    return [
        other
        for other in run.tables
        if (other.mapping in parents and other.mapping != table.mapping)
        or (
            other.mapping == table.mapping
            and other.direction is Direction.TO_DATAVERSE
            and table.direction is Direction.FROM_DATAVERSE
        )
    ]
