"""Databases and brokers for every test that asks."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from engine.ledger.database import open_database
from tests.support.databases import PostgresqlDatabases, SqliteDatabases
from tests.support.kafka.cluster import Cluster, kafka_cluster
from tests.support.postgresql import postgresql_server
from tests.support.service_bus import ServiceBusNamespace, service_bus


@pytest.fixture(scope="session")
def sqlite_databases(tmp_path_factory: pytest.TempPathFactory) -> SqliteDatabases:
    """Makes SQLite databases."""
    return SqliteDatabases(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgresql_databases() -> Iterator[PostgresqlDatabases]:
    """Makes databases on a PostgreSQL server that lives as long as the test run."""
    with postgresql_server() as server:
        databases = PostgresqlDatabases(server)
        yield databases
        databases.close()


@pytest.fixture(scope="session")
def kafka() -> Iterator[Cluster]:
    """A Kafka broker that lives as long as the test run."""
    with kafka_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def service_bus_namespace() -> Iterator[ServiceBusNamespace]:
    """A Service Bus namespace that lives as long as the test run."""
    with service_bus() as namespace:
        yield namespace


@pytest.fixture(params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest) -> SqliteDatabases | PostgresqlDatabases:
    """Makes databases of both kinds in turn."""
    made: SqliteDatabases | PostgresqlDatabases = request.getfixturevalue(f"{request.param}_databases")
    return made


@pytest.fixture
def database_url(databases: SqliteDatabases | PostgresqlDatabases) -> Iterator[str]:
    """The URL of a migrated database of this test's own, on SQLite and on PostgreSQL."""
    with databases.fresh() as url:
        yield url


@pytest.fixture
def empty_database_url(databases: SqliteDatabases | PostgresqlDatabases) -> Iterator[str]:
    """Like ``database_url``, with nothing in the database."""
    with databases.fresh(migrated=False) as url:
        yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Engine]:
    """A migrated database, open."""
    engine = open_database(database_url)
    yield engine
    engine.dispose()
