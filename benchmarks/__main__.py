"""``make bench``: measure everything, and put each figure beside its target.

Every measurement runs in a process of its own. A run whose final state is wrong fails, whatever its speed.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from benchmarks.figures import Figure, save, show
from schemas import json_codec
from tests.support.databases import PostgresqlDatabases
from tests.support.postgresql import postgresql_server

_CHOICES = ("engine", "burst", "paced", "full-sync", "service-bus", "kafka")
_SIZES = (10_000, 60_000, 300_000)


def main() -> int:
    """Run; 0 when every target holds, 1 when one does not, 2 when a final state was wrong."""
    arguments = _arguments()
    figures: list[Figure] = []
    try:
        for one in _measure(arguments):
            figures.append(one)
            sys.stderr.write(f"{one.name}: {one.value:,.4g} {one.unit}\n")
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"{' '.join(error.cmd[2:])} failed: {error.stderr.decode()}\n")
        return 2
    show(figures)
    if arguments.json:
        save(figures, arguments.json)
    return 0 if all(figure.holds for figure in figures) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench ARGS=...", description="Measure Twinrow.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write name, value, unit, target, holds as a list")
    parser.add_argument("--only", choices=_CHOICES, help="one of the measurements")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, for trying")
    return parser.parse_args()


def _measure(arguments: argparse.Namespace) -> Iterator[Figure]:
    part = 10 if arguments.quick else 1
    wanted = arguments.only
    if wanted in (None, "engine"):
        yield from _engine(part)
    if wanted in (None, "burst"):
        result = _run("benchmarks.http_load", "burst", str(3000 // part))
        limit = "one read and one write a hundred rows, and the echoes of Business Central"
        yield Figure("burst: requests per changed record", result["requests_per_change"], "requests", 0.05, limit)
        limit = "the sandbox, which shares the machine"
        yield Figure("burst: changed records per second", result["changes_per_second"], "1/s", None, limit)
    if wanted in (None, "paced"):
        result = _run("benchmarks.http_load", "paced", str(6000 // part), "200")
        limit = "a read and a write of 20 ± 10 ms each"
        yield Figure("200 changes/s: topic to written, p50", result["p50_ms"], "ms", 60, limit)
        yield Figure("200 changes/s: topic to written, p99", result["p99_ms"], "ms", 250, limit)
    if wanted == "kafka":  # by itself only: it needs a Java
        yield from _kafka(3000 // part)
    if wanted in (None, "full-sync"):
        rows = 100_000 // part
        result = _run("benchmarks.full_sync", str(rows))
        yield Figure(f"full sync of {rows:,} rows: peak memory", result["peak_mib"], "MiB", 256, "pages of 500 rows")
        limit = "the sandbox, which shares the machine"
        yield Figure(f"full sync of {rows:,} rows: rows per second", result["rows_per_second"], "1/s", None, limit)
    if wanted in (None, "service-bus"):
        yield from _service_bus(5000 // part)


def _service_bus(messages: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        result = _run("benchmarks.service_bus", str(messages), f"sqlite:///{folder}/bench.db")
    limit = "the library, which settles one by one"
    yield Figure("Service Bus: relayed messages", result["relay_per_second"], "1/s", None, limit)
    yield Figure("Service Bus: relay, processor", result["relay_cpu_ms_per_message"], "ms/message", None, limit)
    yield Figure("Service Bus: the library alone", result["library_per_second"], "1/s", None, "its ceiling")
    yield Figure(
        "Service Bus: library, processor", result["library_cpu_ms_per_message"], "ms/message", None, "its floor"
    )


def _kafka(events: int) -> Iterator[Figure]:
    result = _run("benchmarks.kafka_workers", str(events))
    yield Figure("Kafka: raw kafka-python", result["raw_per_second"], "1/s", None, "one processor")
    yield Figure("Kafka: raw kafka-python", result["raw_cpu"], "s/1,000 events", None)
    shared = "the machine, which sandbox, broker and database share"
    for kind, limit in (("no latency", shared), ("20 ± 10 ms", "waiting for the systems")):
        for workers in (1, 2, 3):
            of_run = f"{kind}, {workers}"
            name = f"Kafka, {kind}, {workers} worker{'s' if workers > 1 else ''}"
            yield Figure(f"{name}: events", result[f"{of_run}: per_second"], "1/s", None, limit)
            yield Figure(f"{name}: processor of all", result[f"{of_run}: cpu"], "s/1,000 events", None)
            if workers > 1:
                ratio = result[f"{of_run}: per_second"] / result[f"{kind}, 1: per_second"]
                target = 1.8 if workers == 2 and kind != "no latency" else None
                yield Figure(f"{name}: against one", ratio, "ratio", target, limit, at_least=True)
    yield Figure("Kafka: requests refused as too many", result["refused"], "of all", 0.01)


def _engine(part: int) -> Iterator[Figure]:
    with _databases() as databases:
        for kind, new in databases:
            smallest = None
            for size in _SIZES:
                with new() as url:
                    result = _run("benchmarks.engine_burst", str(size // part), url)
                name = f"engine on {kind}, {size // part:,} events"
                per_event = result["us_per_event"]
                smallest = smallest or per_event
                yield Figure(f"{name}: in all", per_event, "µs/event", 250, "one processor: Python and SQL")
                thinking = result["scheduler_and_gate_us_per_event"]
                yield Figure(f"{name}: scheduler and gate", thinking, "µs/event", 20, "one lock a message")
                yield Figure(f"{name}: cost against the smallest", per_event / smallest, "ratio", 1.25)
                yield Figure(f"{name}: memory grown", result["grown_mib"], "MiB", None, "the systems are in memory too")


@contextmanager
def _databases() -> Iterator[list[tuple[str, Callable[[], AbstractContextManager[str]]]]]:
    with tempfile.TemporaryDirectory() as folder, postgresql_server() as server:
        postgresql = PostgresqlDatabases(server)

        @contextmanager
        def sqlite() -> Iterator[str]:
            with tempfile.TemporaryDirectory(dir=folder) as own:
                yield f"sqlite:///{own}/bench.db"

        try:
            yield [("SQLite", sqlite), ("PostgreSQL", postgresql.fresh)]
        finally:
            postgresql.close()


def _run(module: str, *arguments: str) -> dict[str, float]:
    command = [sys.executable, "-m", module, *arguments]
    finished = subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own modules
    return {name: float(value) for name, value in json_codec.decode(finished.stdout).items()}


if __name__ == "__main__":
    sys.exit(main())
