"""Migrating makes exactly the tables that the code declares, on both databases."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

import engine.ledger.log_tables
import engine.ledger.models
import engine.ledger.worker_tables  # noqa: F401
from engine.ledger.database import Base, open_database, read, write
from engine.ledger.migrations import migrate
from schemas.errors import Stop


def test_migrated_schema_is_what_the_code_declares(database: Engine) -> None:
    with read(database) as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    assert differences == [], 'write a step: python -m engine.ledger.migrations "what changes"'


def test_migrating_again_changes_nothing(database: Engine) -> None:
    before = set(inspect(database).get_table_names())
    migrate(database)
    assert set(inspect(database).get_table_names()) == before


def test_processes_that_start_together_migrate_once(empty_database_url: str) -> None:
    databases = [open_database(empty_database_url) for _ in range(4)]
    with ThreadPoolExecutor(len(databases)) as threads:
        list(threads.map(migrate, databases))
    with read(databases[0]) as connection:
        assert connection.scalar(text("SELECT count(*) FROM alembic_version")) == 1
    for database in databases:
        database.dispose()


def test_a_schema_from_a_newer_version_is_left_alone(database: Engine) -> None:
    with write(database) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Stop, match="newer Twinrow"):
        migrate(database)
