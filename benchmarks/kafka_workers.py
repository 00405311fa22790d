"""Workers on Kafka and PostgreSQL, ``twinrow run`` as processes: from a filled topic to the other system, over HTTP.

``python -m benchmarks.kafka_workers EVENTS``: with one, two and three workers, with systems that answer at once and
with systems that take 20 ± 10 ms; prints one JSON object. With the latter, each worker carries one small batch at a
time, so that it waits for them and not for a processor: what more workers bring is not hidden by a small machine.
"""

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, process_time
from uuid import uuid4

from kafka import KafkaConsumer

from benchmarks.harness import WrongResult
from benchmarks.sandbox_process import SandboxProcess
from brokers.kafka.topics import KafkaTopics
from consumers.kafka_group_status import KafkaGroupStatus
from producers.kafka import KafkaPublisher
from schemas import cloud_event, json_codec
from schemas.change_event import ChangeEvent, ChangeKind
from schemas.settings import BusinessCentral, Credentials, Database, Dataverse, Kafka, Settings, Topics, Worker
from schemas.system import System
from schemas.topic_keeping import WantedTopic
from tests.support.databases import PostgresqlDatabases
from tests.support.eventually import eventually
from tests.support.kafka.cluster import kafka_cluster
from tests.support.postgresql import postgresql_server
from tests.support.settings_files import write_settings
from tests.support.topic_progress import KafkaProgress
from tests.support.worker_program import WorkerProgram

_MAPPINGS = Path(__file__).parent / "http_mappings.yaml"
_TOPIC = "twinrow.changes"
_PARTITIONS = 12
_UNLIMITED = 10_000_000
_WITHIN = 600.0
_TICKS = os.sysconf("SC_CLK_TCK")

_AT_ONCE: dict[str, str] = {}
_WAITING = {"TWINROW_WORKER__THREADS": "1", "TWINROW_WORKER__MAX_IN_FLIGHT": "10"}


@dataclass
class _Bench:
    """Everything that is measured against. ``settings``: file; ``environ``: its secrets."""

    sandbox: SandboxProcess
    bootstrap: str
    settings: Path
    environ: dict[str, str]
    progress: KafkaProgress
    group: KafkaGroupStatus
    publisher: KafkaPublisher
    rounds: int = 0

    def measure(self, workers: int, **environ: str) -> tuple[float, float]:
        """Change every row, and have the workers carry it over: events a second, and processor seconds of them all.

        Raises:
            WrongResult: the rows of the two systems differ in the end.
        """
        with self._running(workers, environ) as programs:
            self.rounds += 1
            city = f"City-{self.rounds}"
            self.sandbox.tell("touch", city)
            cpu = sum(_processor_seconds(one.pid) for one in programs)
            began = monotonic()
            self.fill()
            eventually(lambda: self.progress.lag() == 0, _WITHIN)
            seconds = monotonic() - began
            cpu = sum(_processor_seconds(one.pid) for one in programs) - cpu
        rows = self.sandbox.about["customers"]
        found = self.sandbox.tell("column", "accounts", "address1_city")
        if found != [city] * len(rows):
            raise WrongResult(f"{found.count(city)} of {len(rows)} accounts are of {city}, {len(found)} are there")
        return len(rows) / seconds, cpu

    def fill(self) -> None:
        """An event for each row."""
        events = [_event(row_id) for row_id in self.sandbox.about["customers"]]
        self.publisher.publish(_TOPIC, [cloud_event.encode(event) for event in events])

    @contextmanager
    def _running(self, workers: int, environ: dict[str, str]) -> Iterator[Sequence[WorkerProgram]]:
        programs = [WorkerProgram(self.settings, {**self.environ, **environ}, "run") for _ in range(workers)]
        try:
            for one in programs:
                one.wait_until_ready()
            eventually(lambda: self._shared_by(workers), within=60.0)
            yield programs
        finally:
            for one in programs:
                one.ask_to_stop()
            for one in programs:
                one.stop()

    def _shared_by(self, workers: int) -> bool:
        members = [one.member for one in self.group.partitions()]
        return None not in members and len(set(members)) == workers


def main(events: int) -> dict[str, float]:
    """The measurements.

    Raises:
        WrongResult: the rows of the two systems differ in the end.
    """
    results: dict[str, float] = {}
    with _bench(events) as bench:
        bench.measure(1)  # creates the rows of the other system
        bench.sandbox.tell("limits")
        before = bench.sandbox.tell("count")
        for kind, latency, environ in (("no latency", (0, 0), _AT_ONCE), ("20 ± 10 ms", (0.02, 0.01), _WAITING)):
            bench.sandbox.tell("latency", *latency)
            for workers in (1, 2, 3):
                per_second, cpu = bench.measure(workers, **environ)
                results[f"{kind}, {workers}: per_second"] = per_second
                results[f"{kind}, {workers}: cpu"] = cpu / events * 1000
        results["refused"] = bench.sandbox.tell("refused") / (bench.sandbox.tell("count") - before)
        results["raw_per_second"], results["raw_cpu"] = _raw(bench.bootstrap)
    return results


def _raw(bootstrap: str) -> tuple[float, float]:
    """What kafka-python does alone: messages a second, and processor seconds for a thousand."""
    with closing(KafkaConsumer(_TOPIC, bootstrap_servers=bootstrap, auto_offset_reset="earliest")) as consumer:
        first = eventually(lambda: consumer.poll(100))
        cpu, began = process_time(), monotonic()
        read = -sum(map(len, first.values()))
        ends = sum(consumer.end_offsets(consumer.assignment()).values())
        while read + sum(map(len, first.values())) * 2 < ends:
            read += sum(map(len, consumer.poll(100).values()))
        return read / (monotonic() - began), (process_time() - cpu) / read * 1000


@contextmanager
def _bench(events: int) -> Iterator[_Bench]:
    with ExitStack() as stack:
        sandbox = stack.enter_context(SandboxProcess(events))
        bootstrap = stack.enter_context(kafka_cluster()).bootstrap
        databases = PostgresqlDatabases(stack.enter_context(postgresql_server()))
        stack.callback(databases.close)
        url = stack.enter_context(databases.fresh())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        settings = _settings(sandbox.about, bootstrap, url)
        options = {"bootstrap_servers": [bootstrap]}
        with KafkaTopics(options) as topics:
            for name in (_TOPIC, f"{_TOPIC}.dead-letters"):
                topics.create(WantedTopic(name, _PARTITIONS, timedelta(days=1)))
        progress = KafkaProgress(bootstrap, settings)
        stack.callback(progress.close)
        publisher = KafkaPublisher(options)
        stack.callback(publisher.close)
        file = folder / "twinrow.yaml"
        group = KafkaGroupStatus(options, _TOPIC, settings.worker.group)
        yield _Bench(sandbox, bootstrap, file, write_settings(settings, file), progress, group, publisher)


def _settings(about: dict[str, str], bootstrap: str, url: str) -> Settings:
    principal = Credentials(
        tenant="contoso.example",
        client_id=about["client_id"],
        client_secret=about["secret"],
        token_url=about["token_url"],
    )
    return Settings(
        database=Database(url=url.replace("postgresql://", "postgresql+psycopg://")),
        topics=Topics(broker="kafka", changes=_TOPIC, partitions=_PARTITIONS),
        kafka=Kafka(bootstrap_servers=(bootstrap,)),
        worker=Worker(group=f"bench-{uuid4().hex[:8]}"),
        business_central=BusinessCentral(
            url=about["business_central"],
            company=about["company"],
            credentials={"main": principal},
            requests_per_5_minutes=_UNLIMITED,
        ),
        dataverse=Dataverse(
            url=about["dataverse"],
            credentials={"main": principal},
            requests_per_5_minutes=_UNLIMITED,
        ),
        mappings=(_MAPPINGS,),
    )


def _event(row_id: str) -> ChangeEvent:
    return ChangeEvent(
        id=str(uuid4()),
        system=System.BUSINESS_CENTRAL,
        table="customers",
        record_id=row_id,
        kind=ChangeKind.MODIFIED,
        time=datetime.now(UTC),
    )


def _processor_seconds(pid: int) -> float:
    """Of a process and its threads so far."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / _TICKS


if __name__ == "__main__":
    sys.stdout.buffer.write(json_codec.encode(main(int(sys.argv[1]))))
