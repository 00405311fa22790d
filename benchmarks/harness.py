"""A worker on the embedded log, run until everything has come to rest."""

from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from threading import Event
from time import monotonic

from sqlalchemy import Engine

from consumers.embedded_log import EmbeddedSubscriber
from consumers.worker import Limits, Worker
from engine.plan import Plans
from engine.scheduler import Batch
from engine.synchronizer import BatchResult, Synchronizer
from producers.embedded_log import EmbeddedPublisher
from schemas.features import Features
from schemas.mapping_file import load
from schemas.outcomes import Outcome
from schemas.system import System
from schemas.topics import Message
from systems.interface import RecordSystem

TOPIC = "twinrow.changes"
_QUIET_POLLS = 3


class WrongResult(Exception):
    """The final state is not what the workload should have led to: the run does not count, whatever its speed."""


class _Watched(EmbeddedSubscriber):
    """Tells how often nothing was there."""

    quiet = 0

    def poll(self, max_messages: int, timeout: float) -> list[Message]:
        messages = super().poll(max_messages, timeout)
        self.quiet = 0 if messages else self.quiet + 1
        return messages


@dataclass(slots=True)
class Harness:
    """One worker over a database that holds the topic, with mappings from ``benchmarks/mappings.yaml``."""

    database: Engine
    systems: Mapping[System, RecordSystem]
    mappings: Path = Path(__file__).parent / "mappings.yaml"
    threads: int = 4
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    batches: int = 0
    operations: int = 0
    latencies: list[float] = field(default_factory=list)

    def make_worker(self) -> tuple[Worker, Callable[[], bool]]:
        """A worker, and whether it is at rest with nothing left on the topic."""
        plans = Plans(load([self.mappings], Features()).mappings)
        ids = count()

        def new_id() -> str:
            return f"bench-{next(ids)}"

        def now() -> datetime:
            return datetime.now(UTC)

        subscriber = _Watched(self.database, [TOPIC], "bench", "bench")
        worker = Worker(
            [lambda _: subscriber],
            EmbeddedPublisher(self.database),
            TOPIC,
            plans,
            Synchronizer(plans, self.systems, self.database, clock=now, new_id=new_id, durable=False),
            self.database,
            lambda _event: None,
            clock=now,
            monotonic=monotonic,
            new_id=new_id,
            limits=Limits(threads=self.threads, max_in_flight=5000),
            observer=self._observe,
        )
        return worker, lambda: subscriber.quiet >= _QUIET_POLLS and worker.idle

    def run_to_rest(self, within: float = 1800.0) -> float:
        """Run until rest; seconds from start to the last batch's end.

        Raises:
            WrongResult: no rest within so many seconds.
        """
        worker, at_rest = self.make_worker()
        started = self._last = monotonic()
        tick = Event()
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(worker.run)
            try:
                while not at_rest() and not running.done():
                    tick.wait(0.02)
                    if monotonic() - started > within:
                        raise WrongResult(f"no rest within {within} s: {dict(self.outcomes)}")
            finally:
                worker.stop()
            running.result()
        return self._last - started

    _last: float = 0.0

    def _observe(self, batch: Batch, result: BatchResult) -> None:
        self._last = monotonic()
        self.outcomes.update(result.outcomes)
        self.batches += 1
        self.operations += len(batch.operations)
        now = datetime.now(UTC)
        for operation, outcome in zip(result.done, result.outcomes, strict=True):
            if outcome in (Outcome.INSERTED, Outcome.MODIFIED):
                self.latencies.append((now - operation.time).total_seconds())
