"""The database's schema, brought up to date step by step: one file a step in ``versions/``.

A change of the tables needs a step; ``python -m engine.ledger.migrations "what changes"`` drafts it from the difference
between the tables as declared and as migrated so far.
"""

from enum import StrEnum
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, text

from engine.ledger.database import read, write
from engine.ledger.database_errors import describe
from schemas.errors import Stop

_ADVISORY_LOCK = 0x7477696E726F77  # "twinrow"


def migrate(engine: Engine) -> None:
    """Make the schema, or bring it up to date, in one transaction. Processes that start together take turns.

    Raises:
        Retry: the database is away or locked.
        Stop: it refuses, or its schema comes from a newer version.
    """
    if schema_state(engine) is SchemaState.CURRENT:
        return
    with write(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL lock_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        try:
            command.upgrade(configuration(connection), "head")
        except CommandError as error:
            raise Stop(f"{describe(engine.url)} was made by a newer Twinrow ({error}); update this one") from error


class SchemaState(StrEnum):
    """How the schema of a database compares with this version's."""

    MISSING = "missing"
    OLDER = "older"
    CURRENT = "current"
    NEWER = "newer"


def schema_state(engine: Engine) -> SchemaState:
    """How it stands.

    Raises:
        Retry: the database is away.
        Stop: it refuses.
    """
    with read(engine) as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
        steps = ScriptDirectory.from_config(configuration(connection))
        if revision is None:
            return SchemaState.MISSING
        if revision == steps.get_current_head():
            return SchemaState.CURRENT
        known = {step.revision for step in steps.walk_revisions()}
        return SchemaState.OLDER if revision in known else SchemaState.NEWER


def configuration(connection: Connection) -> Config:
    """Alembic's configuration, working through ``connection``."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    config.set_main_option("file_template", "v%%(rev)s_%%(slug)s")
    config.attributes["connection"] = connection
    return config
