"""Progress of a run: a bar for each table on a terminal, else a line whenever a table moves on."""

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from console.output import note, stderr, words
from engine.ledger.runs import Run, RunState, RunTable
from schemas.system import Direction, System


class RunProgress:
    """Hears of a run within a ``with`` block; see :data:`producers.run_producer.OnProgress`.

    Args:
        expected: rows of each mapping by system, where they were counted.
    """

    def __init__(self, expected: Mapping[tuple[str, System], int] | None = None) -> None:
        self.run_id = ""
        self._expected = expected or {}
        self._states: dict[tuple[str, Direction], RunState] = {}
        self._tasks: dict[tuple[str, Direction], TaskID] = {}
        self._reading: TaskID | None = None
        console = stderr()
        self._progress = Progress(
            TextColumn("{task.description}"),
            TextColumn("{task.fields[state]}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )

    def __call__(self, run: Run) -> None:
        self.run_id = run.id
        for table in run.tables:
            self._show(table, run.state)

    def read(self, messages: int) -> None:
        """So many messages were read before the run begins."""
        if self._reading is None:
            self._reading = self._progress.add_task("Messages read", total=None, state="")
        self._progress.update(self._reading, completed=messages)

    def stop(self) -> None:
        """Show no more: somebody is to be asked."""
        self._progress.stop()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def _show(self, table: RunTable, run_state: RunState) -> None:
        place = (table.mapping, table.direction)
        if place not in self._tasks:
            self._tasks[place] = self._progress.add_task(_title(table), total=None, start=False, state="")
        task = self._tasks[place]
        if table.started_at is not None and self._states.get(place) is None:
            self._progress.start_task(task)
        state = RunState.PAUSED if run_state is RunState.PAUSED and not table.state.over else table.state
        self._progress.update(task, total=self._total(table), completed=table.processed, state=words(state))
        if self._states.get(place) is not state and state is not RunState.READY:
            self._states[place] = state
            if self._progress.disable:
                about = f": {table.message}" if table.message else f", {table.processed} of {table.produced} rows"
                note(f"{_title(table)}: {words(state)}{about}")

    def _total(self, table: RunTable) -> int | None:
        if table.read_out or table.state.over:
            return table.produced
        expected = self._expected.get((table.mapping, table.direction.source))
        return None if expected is None else max(expected, table.produced)


class _Rate(ProgressColumn):
    """Rows a second."""

    def render(self, task: Task) -> Text:
        """``12.5/s``; nothing before there is a rate."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.1f}/s", style="progress.data.speed")


def _title(table: RunTable) -> str:
    return f"{table.mapping} {words(table.direction)}"
