"""The whole product on a Kafka and a PostgreSQL of its own, workers and receiver as processes, users at work.

The verdicts of all runs are shown at the end.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from uuid import uuid4
from zlib import crc32

import pytest

from tests.fault.journal import Journal
from tests.fault.length import SEED
from tests.fault.users import Users
from tests.fault.verdict import Verdict, verdict
from tests.support.databases import PostgresqlDatabases
from tests.support.dice import dice
from tests.support.eventually import eventually
from tests.support.kafka.cluster import Cluster, Node, kafka_cluster
from tests.support.mapping_files import standard_mappings
from tests.support.postgresql import Server, own_postgresql_server
from tests.support.stack import Arrangement, Programs, Stack
from tests.support.worker_program import WorkerProgram

SESSION_TIMEOUT = 6.0
"""Seconds after which Kafka takes a worker for dead."""

_VERDICTS: list[str] = []


@dataclass
class Site:
    """See the module's docstring. ``random`` draws the faults of a test, and what its users do."""

    name: str
    stack: Stack
    cluster: Cluster
    postgresql: Server
    journal: Journal
    random: Random

    @property
    def broker(self) -> Node:
        """The only one."""
        return self.cluster.nodes[0]

    def users(self, per_second: float = 20.0) -> Users:
        """Users, at work once they are entered."""
        return Users(self.stack, self.journal, dice(self.random.randrange(2**32)), per_second, self.name)

    @property
    def workers(self) -> list[WorkerProgram]:
        """Those that have not ended."""
        return [one for one in self.stack.running if isinstance(one, WorkerProgram)]

    def start_worker(self) -> WorkerProgram:
        """Another one, ready."""
        worker = self.stack.start_program("run")
        self.stack.processes.append(worker)
        worker.wait_until_ready()
        return worker

    def start_broker(self) -> None:
        """Start it, and wait until it can be used."""
        self.broker.start()
        eventually(self.cluster.is_up, within=60.0)

    def start_database(self) -> None:
        """Start it, and wait until it can be used."""
        assert self.postgresql.start(), self.postgresql.log
        self.stack.database.dispose()  # the connections that the tests had are gone

    def catch_up(self) -> None:
        """What somebody does after an outage of the receiver: Dataverse does not tell again what could not be taken."""
        self.stack.settle(within=90.0)
        program = self.stack.start_program("sync-modified")
        eventually(lambda: not program.alive, within=90.0)
        program.stop()

    def note(self, text: str) -> None:
        """Say it with the verdicts."""
        _VERDICTS.append(f"{self.name}: {text}")

    def judge(self, users: Users, within: float = 90.0) -> Verdict:
        """Wait for rest, and check everything; the verdict, which has no fault.

        Raises:
            AssertionError: something was lost, doubled, out of order or is still open.
        """
        self.stack.settle(within)
        found = verdict(self.stack, self.journal, users)
        _VERDICTS.append(f"{self.name} (seed {SEED}): {found}")
        assert not found.faults, "\n".join([_VERDICTS[-1], *found.faults[:20]])
        assert found.arrived == found.changes > 0
        return found


@pytest.fixture(scope="session")
def own_cluster() -> Iterator[Cluster]:
    """A Kafka for faults only."""
    with kafka_cluster(given=False) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def own_postgresql() -> Iterator[Server]:
    """A PostgreSQL for faults only."""
    with own_postgresql_server() as server:
        yield server


@pytest.fixture(scope="session")
def fault_stack(
    own_cluster: Cluster, own_postgresql: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Stack, Journal]]:
    """The stack of all fault runs. Nothing is matched: a row that is created twice must show."""
    folder = tmp_path_factory.mktemp("faults")
    databases = PostgresqlDatabases(own_postgresql.url)
    arrangement = Arrangement(
        (standard_mappings(folder, {"CUSTOMER": {"match": []}}),),
        partitions=6,
        kafka=own_cluster.bootstrap,
        name=f"faults-{uuid4().hex[:8]}",
        session_timeout=SESSION_TIMEOUT,
        programs=Programs(folder),
    )
    with databases.fresh() as url, pytest.MonkeyPatch.context() as patch, Stack(url, arrangement) as stack:
        yield stack, Journal(stack, patch)
    databases.close()


@pytest.fixture
def site(
    request: pytest.FixtureRequest, fault_stack: tuple[Stack, Journal], own_cluster: Cluster, own_postgresql: Server
) -> Site:
    """Everything at rest, with all workers."""
    stack, journal = fault_stack
    stack.tidy()
    name = request.node.name.removeprefix("test_").replace("_", " ")
    return Site(name, stack, own_cluster, own_postgresql, journal, dice(crc32(f"{SEED} {name}".encode())))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the verdicts."""
    if _VERDICTS:
        terminalreporter.section("faults")
        for line in _VERDICTS:
            terminalreporter.write_line(line)
