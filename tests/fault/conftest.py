"""The whole product on a Kafka and a PostgreSQL of its own, workers and receiver as processes.

The verdicts of all runs are shown at the end.
"""

from collections.abc import Callable, Iterator
from uuid import uuid4
from zlib import crc32

import pytest

from tests.fault.journal import Journal
from tests.fault.length import SEED
from tests.fault.site import SESSION_TIMEOUT, Site
from tests.support.databases import PostgresqlDatabases
from tests.support.dice import dice
from tests.support.kafka.cluster import Cluster, kafka_cluster
from tests.support.mapping_files import standard_mappings
from tests.support.postgresql import Server, own_postgresql_server
from tests.support.stack import Arrangement, Programs, Stack

_VERDICT = "verdict"


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
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
    fault_stack: tuple[Stack, Journal],
    own_cluster: Cluster,
    own_postgresql: Server,
) -> Site:
    """Everything at rest, with all workers."""
    stack, journal = fault_stack
    stack.tidy()
    name = request.node.name.removeprefix("test_").replace("_", " ")
    random = dice(crc32(f"{SEED} {name}".encode()))

    def note(text: str) -> None:
        record_property(_VERDICT, f"{name}: {text}")

    return Site(name, stack, own_cluster, own_postgresql, journal, random, note)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the verdicts, whichever process they were given in."""
    reports = [one for some in terminalreporter.stats.values() for one in some if isinstance(one, pytest.TestReport)]
    calls = [one for one in reports if one.when == "call"]
    verdicts = [text for one in calls for name, text in one.user_properties if name == _VERDICT]
    if verdicts:
        terminalreporter.section("faults")
    for verdict in verdicts:
        terminalreporter.write_line(str(verdict))
