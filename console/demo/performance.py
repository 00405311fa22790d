"""The demo from beginning to end."""

import time
from collections import Counter
from collections.abc import Callable

from console.demo.comparison import compare
from console.demo.display import Display
from console.demo.interruption import Interruption
from console.demo.players import Players
from console.demo.stage import Stage, stage
from console.demo.summary import Summary, table_summaries
from console.logging import Level
from engine.ledger import couplings, open_operations
from engine.ledger.database import read
from producers import full_sync
from systems.sandbox import Sandbox
from systems.sandbox.fiction import Fiction
from systems.sandbox.seed import seed

_PACE = 0.25
"""Seconds between two things that users do."""

_MANY = 10_000


def perform(
    interruption: Interruption,
    display: Display,
    finale: Callable[[Stage, Summary], None],
    *,
    seconds: float,
    random_seed: int,
    level: Level = "warning",
    before_verdict: Callable[[Stage], None] = lambda _: None,
) -> Summary:
    """Carry it out, and leave nothing behind.

    Args:
        finale: called with the summary while everything still runs.
        seconds: how long users are at work.
        random_seed: the same number gives the same rows and the same work.
        level: of the log.
        before_verdict: called when all is at rest.

    Raises:
        Interrupted: a signal asked to end.
    """
    watch = _Watch()
    display.phase("Starting both systems, the receiver and a worker, all in this process …")
    with stage(interruption, lambda sandbox: _fill(sandbox, random_seed), display.arrived, level) as running:
        watch.lap("start")
        with display:
            display.introduce(running)
            display.phase("Full synchronization: what is there already, parents before children")
            full_sync.start(running.producers, allow_create=True)
            running.wait_for_rest()
            watch.lap("full_sync")
            display.phase(f"Users work in both systems, for {seconds:g} s")
            changes = _work(running, display, seconds, random_seed)
            watch.lap("users")
            display.phase("Coming to rest")
            running.wait_for_rest()
            watch.lap("rest")
            display.phase("Reading both systems back, and comparing them")
            before_verdict(running)
            summary = _summary(running, changes, watch)
        finale(running, summary)
    return summary


class _Watch:
    """How long each part took, in seconds."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._begun = self._last = time.monotonic()

    def lap(self, name: str) -> None:
        """This part ends now."""
        now = time.monotonic()
        self.laps[name] = round(now - self._last, 2)
        self._last = now

    @property
    def total(self) -> float:
        """Since the beginning."""
        return round(time.monotonic() - self._begun, 2)


def _fill(sandbox: Sandbox, random_seed: int) -> None:
    seed(
        sandbox,
        customers=90,
        vendors=30,
        contacts=140,
        random_seed=random_seed,
        only_in_dataverse=0.2,
        local_currency_row=False,
    )


def _work(running: Stage, display: Display, seconds: float, random_seed: int) -> int:
    """Let users work; answers how many changes they made."""
    fiction = Fiction(random_seed + 1)
    players = Players(running.sandbox, running.arrivals, fiction, running.composition.clock, display.acted)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        players.play()
        running.wait(_PACE)
    return players.changes


def _summary(running: Stage, changes: int, watch: _Watch) -> Summary:
    composition = running.composition
    comparisons = compare(composition.loaded.mappings, composition.systems)
    with read(composition.database) as connection:
        coupled = couplings.count(connection)
        waiting = open_operations.listed(connection, mapping=None, status=None, limit=_MANY)
    watch.lap("verdict")
    return Summary(
        tables=table_summaries(comparisons, coupled, running.arrivals.counters),
        differences=[difference for one in comparisons for difference in one.differences],
        changes=changes,
        missing=running.arrivals.missing,
        latencies=running.arrivals.latencies,
        open=Counter(operation.status for operation in waiting),
        seconds={**watch.laps, "total": watch.total},
    )
