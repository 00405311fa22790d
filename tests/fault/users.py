"""Users of both systems, who create and change customers and accounts at a steady pace, and what they did.

Every row counts the changes of either side in a column of that side's, so that there are no conflicts, and each version
tells how many changes it has seen.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from threading import Event, Thread
from time import monotonic
from types import TracebackType
from typing import Self

from schemas.system import System
from tests.fault.journal import BC, DV, Journal, columns
from tests.support.stack import Stack

_NEW = 0.3
"""How often a user creates a row rather than changing one."""

_RECENT = 20
"""Every second change is of one of so many rows, the newest: while they are still on their way."""


@dataclass(frozen=True, slots=True)
class Change:
    """``count``: that many changes of this system's users has the row now."""

    at: float
    name: str
    system: System
    count: int


@dataclass(slots=True)
class Made:
    """A row that users made, and how often those of each system have changed it; 0: never."""

    name: str
    counts: dict[System, int] = field(default_factory=lambda: {BC: 0, DV: 0})


class Users:
    """See the module's docstring. They are at work within the ``with`` block."""

    def __init__(self, stack: Stack, journal: Journal, random: Random, per_second: float, prefix: str) -> None:
        self.changes: list[Change] = []
        self.made: list[Made] = []
        self.began = self.ended = 0.0
        self._stack = stack
        self._journal = journal
        self._random = random
        self._pause = 1 / per_second
        self._prefix = prefix
        self._over = Event()
        self._trouble: list[Exception] = []
        self._thread = Thread(target=self._work, name="users")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        assert not self._trouble, self._trouble

    def work(self, seconds: float) -> None:
        """Let them go on for so long."""
        assert not self._over.wait(seconds), self._trouble

    def _work(self) -> None:
        self.began = due = monotonic()
        try:
            while not self._over.wait(max(0.0, due - monotonic())):
                due += self._pause
                self._act()
        except Exception as trouble:  # noqa: BLE001 - shown when they have ended
            self._trouble.append(trouble)
            self._over.set()
        self.ended = monotonic()

    def _act(self) -> None:
        system = self._random.choice((BC, DV))
        if self._random.random() < _NEW or not self.made:
            made = Made(f"{self._prefix} {len(self.made)}")
            self.made.append(made)
            self._change(made, system, lambda values: self._insert(system, values))
            return
        made = self._random.choice(self.made[-_RECENT:] if self._random.random() < 0.5 else self.made)
        if ids := self._journal.ids(system, made.name):
            self._change(made, system, lambda values: self._update(system, ids[0], values))

    def _change(self, made: Made, system: System, write: Callable[[dict[str, str]], object]) -> None:
        count = made.counts[system] + 1
        at = monotonic()
        write(columns(system, made.name, count))
        made.counts[system] = count
        self.changes.append(Change(at, made.name, system, count))

    def _insert(self, system: System, values: dict[str, str]) -> None:
        if system is BC:
            self._stack.bc.insert("customers", values)
        else:
            self._stack.dv.insert("accounts", {**values, "customertypecode": 3})

    def _update(self, system: System, row_id: str, values: dict[str, str]) -> None:
        if system is BC:
            self._stack.bc.update("customers", row_id, values)
        else:
            self._stack.dv.update("accounts", row_id, values)
