"""Opening databases, their column types, and what their errors mean."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import (
    URL,
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    Table,
    Text,
    exc,
    func,
    insert,
    make_url,
    select,
    text,
)

from engine.ledger.database import ExactJson, UtcDateTime, open_database, read, write
from engine.ledger.database_errors import describe
from schemas.errors import Retry, Stop
from tests.support.databases import PostgresqlDatabases

_NOTES = Table(
    "notes",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("at", UtcDateTime),
    Column("document", ExactJson),
    Column("text", Text, unique=True),
)


@pytest.fixture
def notes(database: Engine) -> Engine:
    """A database with a table to write into."""
    with write(database) as connection:
        _NOTES.create(connection)
    return database


@pytest.fixture
def postgresql_url(postgresql_databases: PostgresqlDatabases) -> Iterator[str]:
    """A database on PostgreSQL."""
    with postgresql_databases.fresh() as url:
        yield url


def _add(engine: Engine, **values: Any) -> None:
    with write(engine) as connection:
        connection.execute(insert(_NOTES).values(**values))


def test_moments_come_back_in_utc_to_the_microsecond(notes: Engine) -> None:
    moment = datetime(2026, 3, 1, 1, 30, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    _add(notes, at=moment)
    with read(notes) as connection:
        stored = connection.scalar(select(_NOTES.c.at).where(_NOTES.c.at == moment))
    assert stored == moment
    assert stored.tzinfo is UTC


def test_moments_are_ordered_across_time_zones(notes: Engine) -> None:
    early = datetime(2026, 3, 1, 23, 0, tzinfo=timezone(timedelta(hours=12)))
    late = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    _add(notes, at=late)
    _add(notes, at=early)
    with read(notes) as connection:
        assert connection.scalars(select(_NOTES.c.at).order_by(_NOTES.c.at)).all() == [early, late]


def test_moments_without_a_time_zone_are_refused(notes: Engine) -> None:
    with pytest.raises(exc.StatementError, match="no time zone"):
        _add(notes, at=datetime(2026, 3, 1, tzinfo=UTC).replace(tzinfo=None))


def test_json_keeps_every_digit_and_every_character(notes: Engine) -> None:
    document = {"amount": Decimal("1.0000000000"), "name": "Zoë \u0000 \U0001f3e1", "empty": None}
    _add(notes, document=document)
    with read(notes) as connection:
        stored = connection.scalar(select(_NOTES.c.document))
    assert stored == document
    assert str(stored["amount"]) == "1.0000000000"


def _add_then_fail(engine: Engine) -> None:
    with write(engine) as connection:
        connection.execute(insert(_NOTES).values(text="lost"))
        raise RuntimeError("stop here")


def test_a_transaction_that_fails_leaves_nothing(notes: Engine) -> None:
    with pytest.raises(RuntimeError, match="stop here"):
        _add_then_fail(notes)
    with read(notes) as connection:
        assert connection.scalar(select(func.count()).select_from(_NOTES)) == 0


def test_broken_constraints_are_left_to_the_writer(notes: Engine) -> None:
    _add(notes, text="once")
    with pytest.raises(exc.IntegrityError):
        _add(notes, text="once")


def test_readers_do_not_wait_for_a_writer(notes: Engine) -> None:
    with write(notes) as writing:
        writing.execute(insert(_NOTES).values(text="not yet committed"))
        with read(notes) as reading:
            assert reading.scalar(select(func.count()).select_from(_NOTES)) == 0


def test_a_writer_waits_for_another_one_and_then_writes(notes: Engine) -> None:
    with ThreadPoolExecutor(1) as threads:
        with write(notes) as connection:
            connection.execute(insert(_NOTES).values(id=1, text="first"))
            waiting = threads.submit(_add, notes, id=2, text="second")
        waiting.result(timeout=10)
    with read(notes) as connection:
        assert connection.scalars(select(_NOTES.c.text).order_by(_NOTES.c.id)).all() == ["first", "second"]


def test_a_server_that_drops_its_connections_costs_one_retry(postgresql_url: str) -> None:
    engine = open_database(postgresql_url)
    with pytest.raises(Retry, match="not available"), write(engine) as connection:
        connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    with read(engine) as connection:
        assert connection.scalar(text("SELECT 1")) == 1
    engine.dispose()


def test_rows_locked_for_too_long_are_a_retry(postgresql_url: str) -> None:
    engine = open_database(postgresql_url)
    with write(engine) as first:
        first.execute(text("LOCK TABLE alembic_version"))
        with pytest.raises(Retry, match="lock timeout"), write(engine) as second:
            second.execute(text("SET LOCAL lock_timeout = '20ms'; LOCK TABLE alembic_version"))
    engine.dispose()


def test_a_writer_that_is_held_up_does_not_hold_up_the_others(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.ledger.database._IDLE_TIMEOUT", 0.05)
    engine = open_database(postgresql_url)
    with pytest.raises(Retry, match="idle-in-transaction"), write(engine) as held_up:
        _lock_while_held_up(held_up, engine)
    engine.dispose()


def _lock_while_held_up(held_up: Connection, engine: Engine) -> None:
    held_up.execute(text("LOCK TABLE alembic_version"))
    with write(engine) as other:
        other.execute(text("LOCK TABLE alembic_version"))
    held_up.execute(text("SELECT 1"))


@pytest.mark.parametrize(
    "changed",
    [
        lambda url: url.set(password="wrong-password"),
        lambda url: url.set(database="nowhere"),
        lambda url: url.set(username="nobody"),
    ],
    ids=["password", "database", "user"],
)
def test_a_refusing_server_stops_and_says_what_to_check(postgresql_url: str, changed: Callable[[URL], URL]) -> None:
    engine = open_database(changed(make_url(postgresql_url)).render_as_string(hide_password=False))
    with pytest.raises(Stop, match="Check user, password, database") as stopped, read(engine):
        pass
    assert engine.url.password is not None
    assert engine.url.password not in str(stopped.value)
    engine.dispose()


def test_a_server_that_is_away_is_a_retry() -> None:
    engine = open_database("postgresql://someone:hidden@127.0.0.1:1/twinrow")
    with pytest.raises(Retry, match="not available") as away, read(engine):
        pass
    assert "hidden" not in str(away.value)
    engine.dispose()


def test_a_damaged_file_stops(tmp_path: Path) -> None:
    (tmp_path / "damaged.db").write_bytes(b"not a database, whatever its name says" * 100)
    engine = open_database(f"sqlite:///{tmp_path}/damaged.db")
    with pytest.raises(Stop, match="not an SQLite database"), read(engine):
        pass
    engine.dispose()


def test_the_folder_of_a_database_file_is_made(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/deep/down/ledger.db")
    with write(engine) as connection:
        connection.execute(text("CREATE TABLE anything (id INTEGER)"))
    assert (tmp_path / "deep/down/ledger.db").exists()
    engine.dispose()


def test_sqlite_keeps_a_log_and_checks_foreign_keys(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/ledger.db")
    with read(engine) as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1
    engine.dispose()


def test_a_database_in_memory_is_one_for_all_threads() -> None:
    engine = open_database("sqlite://")
    with write(engine) as connection:
        _NOTES.create(connection)
    thread = Thread(target=_add, args=(engine,), kwargs={"text": "from another thread"})
    thread.start()
    thread.join()
    with read(engine) as connection:
        assert connection.scalar(select(_NOTES.c.text)) == "from another thread"
    engine.dispose()


@pytest.mark.parametrize("url", ["mysql://user:hidden@host/name", "postgresql//user:hidden@host"])
def test_other_urls_stop_without_showing_passwords(url: str) -> None:
    with pytest.raises(Stop, match="sqlite:///path") as stopped:
        open_database(url)
    assert "hidden" not in str(stopped.value)


def test_descriptions_never_carry_a_password() -> None:
    assert "hidden" not in describe(make_url("postgresql://me:hidden@host/name?password=hidden"))
