"""A database of its own for every test, quickly: made from a migrated template."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from engine.ledger.database import open_database
from engine.ledger.migrations import migrate


class SqliteDatabases:
    """Copies of a migrated file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count()
        self._template = folder / "template.db"
        _migrate(_sqlite_url(self._template))

    @contextmanager
    def fresh(self, *, migrated: bool = True) -> Iterator[str]:
        """The URL of a new database."""
        file = self._folder / f"{next(self._numbers)}.db"
        if migrated:
            shutil.copyfile(self._template, file)
        yield _sqlite_url(file)


class PostgresqlDatabases:
    """Copies of a migrated database on ``server``."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._prefix = f"twinrow_test_{uuid4().hex[:8]}"
        self._numbers = count()
        self._template = f"{self._prefix}_template"
        self._execute("CREATE DATABASE {} TEMPLATE {}", self._template, "template0")
        _migrate(self._url(self._template))

    @contextmanager
    def fresh(self, *, migrated: bool = True) -> Iterator[str]:
        """The URL of a new database; dropped afterwards, whoever is still connected."""
        name = f"{self._prefix}_{next(self._numbers)}"
        self._execute("CREATE DATABASE {} TEMPLATE {}", name, self._template if migrated else "template0")
        yield self._url(name)
        self._execute("DROP DATABASE {} WITH (FORCE)", name)

    def close(self) -> None:
        """Drop the template."""
        self._execute("DROP DATABASE {} WITH (FORCE)", self._template)

    def _url(self, name: str) -> str:
        return make_url(self._server).set(database=name).render_as_string(hide_password=False)

    def _execute(self, statement: str, *names: str) -> None:
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _sqlite_url(file: Path) -> str:
    return f"sqlite:///{file}"


def _migrate(url: str) -> None:
    engine = open_database(url)
    migrate(engine)
    engine.dispose()  # closing the last connection also moves SQLite's write-ahead log into its file
