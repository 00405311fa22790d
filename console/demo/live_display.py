"""The demo on a terminal: rows as they arrive, what users do, and counters per mapping."""

from collections import deque
from collections.abc import Sequence
from threading import Lock
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from console.demo.arrivals import Arrival
from console.demo.display import ARROWS, ENDS_OF_ECHOES, SHORT, Display, introduction
from console.demo.plain_table import plain_table
from console.demo.stage import Stage
from schemas.outcomes import Outcome
from schemas.system import System

_COUNTED = (
    Outcome.INSERTED,
    Outcome.MODIFIED,
    Outcome.DELETED,
    Outcome.COUPLED,
    Outcome.UNCHANGED,
    Outcome.PARKED,
    Outcome.CONFLICT,
    Outcome.FAILED,
)
_NARROW = 92
"""Columns of a screen that has no room for all of them, but for these."""
_FEW = [outcome for outcome in _COUNTED if outcome not in (Outcome.DELETED, Outcome.COUPLED)]
_STYLES = {
    Outcome.INSERTED: "green",
    Outcome.COUPLED: "green",
    Outcome.MODIFIED: "cyan",
    Outcome.DELETED: "magenta",
    Outcome.PARKED: "yellow",
    Outcome.CONFLICT: "bold red",
    Outcome.FAILED: "bold red",
    Outcome.SKIPPED: "bold red",
}
_ACTIONS = 3
_MOST, _LEAST = 12, 3
"""Arrivals shown."""


class LiveDisplay(Display):
    """See the module's docstring."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = Lock()
        self._spinner = Spinner("dots")
        self._actions: deque[Text] = deque(maxlen=_ACTIONS)
        self._arrivals: deque[Arrival] = deque(maxlen=_MOST)
        self._stage: Stage | None = None
        self._live = Live(console=console, get_renderable=self._current, refresh_per_second=8)

    def phase(self, text: str) -> None:
        with self._lock:
            self._spinner.update(text=Text(text, style="bold", no_wrap=True, overflow="ellipsis"))
        if not self._live.is_started:
            self._console.print(Text(text, style="bold"))

    def introduce(self, stage: Stage) -> None:
        with self._lock:
            self._stage = stage
        for line in introduction(stage):
            self._console.print(Text(line, style="dim"))

    def acted(self, system: System, text: str) -> None:
        with self._lock:
            self._actions.append(Text.assemble((f"{SHORT[system]}  ", "bold"), text))

    def arrived(self, arrival: Arrival) -> None:
        if arrival.outcome not in ENDS_OF_ECHOES or arrival.latency is not None:
            with self._lock:
                self._arrivals.append(arrival)

    def picture(self, console: Console) -> None:
        """Print what was last shown."""
        console.print(self._screen(_MOST, console.width))

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def _current(self) -> RenderableType:
        mappings = len(self._stage.composition.plans.by_name) if self._stage else 0
        others = 1 + 2 + (1 + 1 + _ACTIONS) + (1 + 2 + mappings)
        return self._screen(max(_LEAST, min(_MOST, self._console.height - others - 1)), self._console.width)

    def _screen(self, room: int, width: int) -> RenderableType:
        """Everything, with room for so many arrivals."""
        with self._lock:
            if self._stage is None:
                return self._spinner
            counters = self._counters_table(self._stage, _COUNTED if width >= _NARROW else _FEW)
            return Group(self._spinner, self._arrivals_table(room), "", *self._actions_shown(), "", counters)

    def _arrivals_table(self, room: int) -> Table:
        table = plain_table(expand=True)
        table.add_column("Time", no_wrap=True)
        table.add_column("Direction", no_wrap=True)
        table.add_column("Mapping", no_wrap=True)
        table.add_column("Record", no_wrap=True, ratio=1)
        table.add_column("Outcome", no_wrap=True)
        table.add_column("Latency", no_wrap=True, justify="right")
        recent = list(self._arrivals)[-room:]
        for one in recent:
            table.add_row(
                one.at.astimezone().strftime("%H:%M:%S"),
                ARROWS[one.direction],
                one.mapping,
                Text(one.record),
                Text(one.outcome, style=_STYLES.get(one.outcome, "")),
                f"{one.latency:.2f} s" if one.latency is not None else "",
            )
        for _ in range(room - len(recent)):
            table.add_row()
        return table

    def _actions_shown(self) -> list[Text]:
        blank = [Text()] * (_ACTIONS - len(self._actions))
        title = Text("Users just now", style="bold")
        lines = [Text("  ").append_text(action) for action in self._actions]
        for line in lines:
            line.no_wrap, line.overflow = True, "ellipsis"
        return [title, *lines, *blank]

    def _counters_table(self, stage: Stage, outcomes: Sequence[Outcome]) -> Table:
        table = plain_table()
        table.add_column("Mapping", no_wrap=True)
        for outcome in outcomes:
            table.add_column(outcome.value, justify="right", style=_STYLES.get(outcome, "dim"))
        counters = stage.arrivals.counters
        for plan in stage.composition.plans.in_order():
            numbers = (counters[plan.name, outcome] for outcome in outcomes)
            table.add_row(
                plan.name, *(str(number) if number else Text("·", style="not bold dim") for number in numbers)
            )
        return table
