"""The worker over HTTP: how many requests a change costs in a burst, and how long it takes at a steady pace."""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from threading import Event, Thread
from time import monotonic
from uuid import uuid4

from benchmarks.harness import TOPIC, Harness, WrongResult
from benchmarks.sandbox_process import SandboxProcess
from engine.ledger.database import open_database
from engine.ledger.log_topics import create_topic
from engine.ledger.migrations import migrate
from producers.embedded_log import EmbeddedPublisher
from schemas import cloud_event, json_codec
from schemas.budget import Allowance
from schemas.change_event import ChangeEvent, ChangeKind
from schemas.system import System
from systems.budget import Budget
from systems.business_central.adapter import BusinessCentral
from systems.credentials import TokenEndpoint
from systems.dataverse.adapter import Dataverse

_MAPPINGS = Path(__file__).parent / "http_mappings.yaml"


@contextmanager
def stack(customers: int, threads: int) -> Iterator[tuple[SandboxProcess, Harness, EmbeddedPublisher]]:
    with SandboxProcess(customers) as sandbox, tempfile.TemporaryDirectory() as folder:
        about = sandbox.about
        database = open_database(f"sqlite:///{folder}/bench.db")
        migrate(database)
        create_topic(database, TOPIC, 8)
        systems = {
            System.BUSINESS_CENTRAL: BusinessCentral(
                about["business_central"],
                about["company"],
                [_principal(about, "business_central")],
                budget=_unlimited(System.BUSINESS_CENTRAL, about, at_once=5),
            ),
            System.DATAVERSE: Dataverse(
                about["dataverse"],
                [_principal(about, "dataverse")],
                budget=_unlimited(System.DATAVERSE, about, at_once=52),
            ),
        }
        try:
            yield sandbox, Harness(database, systems, _MAPPINGS, threads), EmbeddedPublisher(database)
        finally:
            for system in systems.values():
                system.close()
            database.dispose()


def _principal(about: dict[str, str], system: str) -> TokenEndpoint:
    origin = "/".join(about[system].split("/")[:3])
    return TokenEndpoint(about["token_url"], about["client_id"], about["secret"], f"{origin}/.default")


def _unlimited(system: System, about: dict[str, str], *, at_once: int) -> Budget:
    """The worker is measured, not how many requests a system allows in five minutes."""
    return Budget(system, [about["client_id"]], Allowance(at_once, per_window=10_000_000))


def _publish(publisher: EmbeddedPublisher, system: System, table: str, ids: Sequence[str]) -> None:
    for start in range(0, len(ids), 500):
        batch = ids[start : start + 500]
        publisher.publish(TOPIC, [cloud_event.encode(_event(system, table, row_id)) for row_id in batch])


def _event(system: System, table: str, row_id: str) -> ChangeEvent:
    return ChangeEvent(str(uuid4()), system, table, row_id, ChangeKind.MODIFIED, datetime.now(UTC))


def burst(customers: int) -> dict[str, float]:
    """New customers, then a change of each on either side, in bursts; with the echoes of what was written.

    Raises:
        WrongResult: the rows of the two systems differ in the end.
    """
    with stack(customers, threads=4) as (sandbox, harness, publisher):
        ids = sandbox.about["customers"]
        _publish(publisher, System.BUSINESS_CENTRAL, "customers", ids)
        seconds = harness.run_to_rest()
        sandbox.tell("touch", "Bergen")
        _publish(publisher, System.BUSINESS_CENTRAL, "customers", ids)
        seconds += harness.run_to_rest()
        accounts = sandbox.tell("touch-accounts", "+4755")
        _publish(publisher, System.DATAVERSE, "account", accounts)
        seconds += harness.run_to_rest()
        _publish(publisher, System.BUSINESS_CENTRAL, "customers", ids)  # Business Central tells of our writes
        seconds += harness.run_to_rest()
        requests = float(sandbox.tell("count"))
        _expect(sandbox, ("accounts", "address1_city", "Bergen"), ("customers", "phoneNumber", "+4755"), customers)
        changes = 3 * customers
        return {"changes": changes, "requests_per_change": requests / changes, "changes_per_second": changes / seconds}


def paced(customers: int, per_second: float) -> dict[str, float]:
    """Changes at a steady pace, systems that take 20 ± 10 ms a request: from the topic to written.

    Raises:
        WrongResult: the rows of the two systems differ in the end.
    """
    with stack(customers, threads=8) as (sandbox, harness, publisher):
        ids = sandbox.about["customers"]
        _publish(publisher, System.BUSINESS_CENTRAL, "customers", ids)
        harness.run_to_rest()
        sandbox.tell("touch", "Bergen")
        sandbox.tell("latency", 0.02, 0.01)
        harness.latencies.clear()
        pacing = Thread(target=_pace, args=(publisher, ids, per_second))
        worker, at_rest = harness.make_worker()
        running = Thread(target=worker.run)
        running.start()
        pacing.start()
        tick = Event()
        try:
            while pacing.is_alive() or not at_rest():
                tick.wait(0.05)
        finally:
            worker.stop()
            running.join()
            pacing.join()
        _expect(sandbox, ("accounts", "address1_city", "Bergen"), ("customers", "city", "Bergen"), customers)
        percentiles = quantiles(harness.latencies, n=100)
        return {
            "changes": len(harness.latencies),
            "p50_ms": percentiles[49] * 1000,
            "p99_ms": percentiles[98] * 1000,
        }


def _pace(publisher: EmbeddedPublisher, ids: Sequence[str], per_second: float) -> None:
    started, tick = monotonic(), Event()
    for number, row_id in enumerate(ids):
        early = started + number / per_second - monotonic()
        if early > 0:
            tick.wait(early)
        publisher.publish(TOPIC, [cloud_event.encode(_event(System.BUSINESS_CENTRAL, "customers", row_id))])


def _expect(sandbox: SandboxProcess, one: tuple[str, str, str], other: tuple[str, str, str], rows: int) -> None:
    for table, column, value in (one, other):
        found = sandbox.tell("column", table, column)
        if found != [value] * rows:
            raise WrongResult(f"{table}.{column}: {found.count(value)} of {rows} rows have {value}, {len(found)} there")


if __name__ == "__main__":
    measure = burst if sys.argv[1] == "burst" else paced
    sys.stdout.buffer.write(json_codec.encode(measure(*[int(word) for word in sys.argv[2:]])))
