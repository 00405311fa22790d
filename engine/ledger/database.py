"""The database under the ledger and the embedded log: opening it, its column types, reading and writing transactions.

A write is durable when :func:`write` returns, a power loss included. What is done again after a power loss anyway need
not wait for the disk: it asks for less.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import (
    URL,
    BigInteger,
    Connection,
    DateTime,
    Dialect,
    Engine,
    Integer,
    MetaData,
    Text,
    TypeDecorator,
    create_engine,
    event,
    exc,
    make_url,
)
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from engine.ledger.database_errors import database_errors, describe
from engine.ledger.wal_flush import WalFlush
from schemas import json_codec
from schemas.errors import Retry, Stop

_LOCK_TIMEOUT = 10.0
"""Seconds that a writing transaction waits for its turn."""

_IDLE_TIMEOUT = 5.0
"""Seconds in a transaction without a statement after which PostgreSQL ends it: a process that is held up, or a machine
that was put to sleep, must not hold its locks against all others. Shorter than they wait for their turn."""

_READ_ONLY = {"read_only": True}
_STATEMENTS: dict[str, dict[str, Any]] = {"sqlite": _READ_ONLY, "postgresql": {"isolation_level": "AUTOCOMMIT"}}
_SNAPSHOT: dict[str, dict[str, Any]] = {
    "sqlite": _READ_ONLY,
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
}

IN_MEMORY = (None, "", ":memory:")
"""What the database of an SQLite URL is called that lives in no file."""


class _File:
    """What the threads of this process share about a file of SQLite's.

    Attributes:
        turn: one writer at a time: waiting in memory is fair and prompt, SQLite's own waiting polls.
        log: what makes it durable; ``None`` in memory.
    """

    def __init__(self, name: str | None) -> None:
        self.turn = Lock()
        self.log = None if name is None or name in IN_MEMORY else WalFlush(name)


_files: dict[str | None, _File] = {}


INTEGER64 = BigInteger().with_variant(Integer, "sqlite")
"""64 bits. SQLite numbers rows by itself only in a column declared INTEGER; its integers have 64 bits anyway."""


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in microseconds: aware in, aware UTC out. Naive values are refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """UTC; SQLite keeps it as text without a zone, which compares in order of time."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Aware, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


class ExactJson(TypeDecorator[Any]):
    """A JSON document as text, decimals with every digit; ``None`` is SQL NULL.

    Text on both databases: PostgreSQL's jsonb refuses ``\\u0000``, which texts of both systems may hold.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, _dialect: Dialect) -> str | None:
        """The document as compact JSON."""
        return None if value is None else json_codec.encode(value).decode()

    def process_result_value(self, value: str | None, _dialect: Dialect) -> Any:
        """The document, fractions as decimals."""
        return None if value is None else json_codec.decode(value)


class Base(DeclarativeBase):
    """What all tables share: names of constraints that migrations can rely on, and types by annotation."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime, int: INTEGER64}


def open_database(url: str) -> Engine:
    """The engine for ``sqlite:///path`` (its folder is made) or ``postgresql://user:password@host/database``.

    Connects on first use. After the server went away, the transaction that notices raises ``Retry`` and the next one
    gets a fresh connection. Whoever opens disposes.

    Raises:
        Stop: no such kind of database, or its folder cannot be made.
    """
    try:
        parsed = make_url(url)
    except exc.ArgumentError:
        raise Stop("the database URL cannot be read; write sqlite:///path or postgresql://user@host/name") from None
    match parsed.drivername.partition("+")[0]:
        case "sqlite":
            return _open_sqlite(parsed)
        case "postgresql" | "postgres":
            return _open_postgresql(parsed)
        case other:
            raise Stop(f"{other} is no database that Twinrow knows; use sqlite:///path or postgresql://user@host/name")


@contextmanager
def write(engine: Engine, *, durable: bool = True) -> Iterator[Connection]:
    """A writing transaction: durable when the block ends, rolled back when it raises.

    Not ``durable``: it survives the end of the process, but a power loss may undo it, unless a durable one followed.
    That saves the wait for the disk on SQLite; PostgreSQL always waits.

    Keep it short, and never open a second one inside it: on SQLite there is one writer at a time. On PostgreSQL the
    isolation is READ COMMITTED; lock the rows that must not move.

    Raises:
        Retry: locked, away, deadlocked, or held up for too long in between; nothing was written. For a connection lost
            during the commit itself, or a disk that fails after it, that is not certain: do again only what may happen
            twice.
        Stop: the database refuses; the text says what to do.
    """
    if engine.dialect.name != "sqlite":
        with database_errors(engine.url), engine.begin() as connection:
            yield connection
        return
    file = _files.setdefault(engine.url.database, _File(engine.url.database))
    with _held(file.turn, engine.url), database_errors(engine.url), engine.begin() as connection:
        yield connection
    if durable and file.log is not None:
        _flush(file.log, engine.url)


@contextmanager
def read(engine: Engine, *, snapshot: bool = False) -> Iterator[Connection]:
    """For reading only: never waits for writers.

    Args:
        snapshot: all statements see the database as it is at the first one. Else, on PostgreSQL, each sees what is
            committed when it begins, and beginning and ending cost no request.

    Raises:
        Retry: away or out of connections.
        Stop: the database refuses; the text says what to do.
    """
    with database_errors(engine.url), engine.connect() as connection:
        connection.execution_options(**(_SNAPSHOT if snapshot else _STATEMENTS)[engine.dialect.name])
        with connection.begin():
            yield connection


def _open_sqlite(url: URL) -> Engine:
    path = url.database
    if path not in IN_MEMORY:
        file = Path(path).absolute()
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Stop(f"the folder {file.parent} cannot be made: {error.strerror}; choose another place") from error
        url, pool_size, max_overflow = url.set(drivername="sqlite+pysqlite", database=str(file)), 10, 20
    else:  # lives as long as its one connection: the threads take turns on it
        url, pool_size, max_overflow = url.set(drivername="sqlite+pysqlite"), 1, 0
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=pool_size,
        max_overflow=max_overflow,
        hide_parameters=True,
        connect_args={"timeout": _LOCK_TIMEOUT, "check_same_thread": False},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _open_postgresql(url: URL) -> Engine:
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        isolation_level="READ COMMITTED",
        pool_size=10,
        max_overflow=20,
        hide_parameters=True,
        connect_args={
            "application_name": "twinrow",
            "connect_timeout": 10,
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "tcp_user_timeout": 60_000,
            "options": f"-c lock_timeout={_LOCK_TIMEOUT:.0f}s -c timezone=UTC "
            f"-c idle_in_transaction_session_timeout={_IDLE_TIMEOUT * 1000:.0f}ms",
        },
    )


def _prepare_sqlite(connection: Any, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # transactions begin where _begin_sqlite says, not where the driver guesses
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "journal_size_limit=67108864"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at once: a reader that turns writer later would fail where two meet, not wait."""
    read_only = connection.get_execution_options().get("read_only", False)
    driver: Any = connection.connection.dbapi_connection  # a fifth of the price of going through SQLAlchemy
    driver.execute("BEGIN" if read_only else "BEGIN IMMEDIATE")


@contextmanager
def _held(lock: Lock, url: URL) -> Iterator[None]:
    if not lock.acquire(timeout=_LOCK_TIMEOUT):
        raise Retry(f"{describe(url)} is busy writing; it is tried again", code="database_busy")
    try:
        yield
    finally:
        lock.release()


def _flush(log: WalFlush, url: URL) -> None:
    try:
        log.wait()
    except OSError as error:
        text = f"{describe(url)} cannot be flushed to the disk just now: {error.strerror}; check the disk"
        raise Retry(text, code="not_flushed") from error
