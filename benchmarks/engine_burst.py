"""The whole engine in a burst: a filled topic, systems in memory that answer at once, a ledger that is real.

Run in a process of its own, so that its peak memory is its own (``python -m benchmarks.engine_burst EVENTS DATABASE``);
prints one JSON object.
"""

import resource
import sys
from collections.abc import Callable
from threading import Lock
from time import process_time, thread_time
from typing import Any, TypeVar

import engine.synchronizer
from benchmarks import workload
from benchmarks.harness import TOPIC, Harness, WrongResult
from engine.ledger.database import open_database
from engine.ledger.log_topics import create_topic
from engine.ledger.migrations import migrate
from engine.scheduler import Scheduler
from producers.embedded_log import EmbeddedPublisher
from schemas import cloud_event, json_codec
from schemas.row import Value
from schemas.system import System
from systems.in_process import InProcessSystem

_Result = TypeVar("_Result")

_NAMES = {
    "currencies": ("transactioncurrency", {"code": "isocurrencycode", "displayName": "currencyname"}),
    "vendors": ("account", {"displayName": "name", "city": "address1_city"}),
    "customers": ("account", {"displayName": "name", "city": "address1_city"}),
    "contacts": ("contact", {"displayName": "fullname"}),
    "salespeoplePurchasers": ("systemuser", {"displayName": "fullname"}),
}


class _Stopwatch:
    """Processor seconds that some functions took, over all threads: waiting does not count."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._lock = Lock()

    def timed(self, function: Callable[..., _Result]) -> Callable[..., _Result]:
        """``function``, with its time added up."""

        def run(*args: Any, **kwargs: Any) -> _Result:
            started = thread_time()
            try:
                return function(*args, **kwargs)
            finally:
                with self._lock:
                    self.seconds += thread_time() - started

        return run


def main(events: int, url: str) -> dict[str, float]:
    """Run the workload; the measurements.

    Raises:
        WrongResult: the rows differ from what the workload should have led to.
    """
    database = open_database(url)
    migrate(database)
    create_topic(database, TOPIC, 8)
    work = workload.make(events)
    publisher = EmbeddedPublisher(database)
    for start in range(0, len(work.changes), 1000):
        batch = [cloud_event.encode(change.event) for change in work.changes[start : start + 1000]]
        publisher.publish(TOPIC, batch)
    business_central = InProcessSystem(System.BUSINESS_CENTRAL)
    dataverse = InProcessSystem(System.DATAVERSE)
    final, number = work.final, len(work.changes)
    for table, rows in final.items():
        for row_id, values in rows.items():
            business_central.edit(table, values, row_id=row_id)
    del work
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    stopwatch = _Stopwatch()
    for name in ("offer", "take", "done", "give_back", "finished"):
        setattr(Scheduler, name, stopwatch.timed(getattr(Scheduler, name)))
    engine.synchronizer.pass_gate = stopwatch.timed(engine.synchronizer.pass_gate)  # type: ignore[attr-defined]
    harness = Harness(database, {System.BUSINESS_CENTRAL: business_central, System.DATAVERSE: dataverse})
    cpu = process_time()
    elapsed = harness.run_to_rest()
    cpu = process_time() - cpu
    _check(final, dataverse)
    database.dispose()
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "events": number,
        "us_per_event": elapsed / number * 1e6,
        "cpu_us_per_event": cpu / number * 1e6,
        "scheduler_and_gate_us_per_event": stopwatch.seconds / number * 1e6,
        "peak_mib": after / 1024,
        "grown_mib": (after - before) / 1024,
        "operations": harness.operations,
        "batches": harness.batches,
    }


def _check(final: dict[str, dict[str, dict[str, Value]]], dataverse: InProcessSystem) -> None:
    wanted: dict[str, list[tuple[Value, ...]]] = {}
    for table, rows in final.items():
        name, columns = _NAMES[table]
        wanted.setdefault(name, []).extend(tuple(row.get(column) for column in columns) for row in rows.values())
    for name, expected in wanted.items():
        columns = next(columns for table, columns in _NAMES.values() if table == name)
        found = [tuple(row.values[column] for column in columns.values()) for row in dataverse.rows(name).values()]
        if sorted(map(str, found)) != sorted(map(str, expected)):
            raise WrongResult(f"{name}: {len(found)} rows, expected {len(expected)}, or other values")


if __name__ == "__main__":
    sys.stdout.buffer.write(json_codec.encode(main(int(sys.argv[1]), sys.argv[2])))
