"""What a database's own errors mean to the engine: the one place that knows SQLAlchemy's, SQLite's and psycopg's."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import URL, exc

from schemas.errors import Retry, Stop, SyncError

_SQLITE_RETRY = {
    sqlite3.SQLITE_BUSY: "is locked by another process",
    sqlite3.SQLITE_LOCKED: "is locked by another connection",
    sqlite3.SQLITE_FULL: "is on a full disk; free some space",
    sqlite3.SQLITE_IOERR: "cannot be read or written just now; check the disk",
}
_SQLITE_STOP = {
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; check that the folder exists and may be written",
    sqlite3.SQLITE_READONLY: "may not be written; check the permissions of the file and its folder",
    sqlite3.SQLITE_PERM: "may not be opened; check the permissions of the file and its folder",
    sqlite3.SQLITE_CORRUPT: "is damaged; restore it from a backup",
    sqlite3.SQLITE_NOTADB: "is not an SQLite database; check the path",
}

# Classes and codes as in PostgreSQL's appendix A, error codes.
_POSTGRESQL_RETRY = ("08", "40", "53", "57P", "57014", "55P03", "25P03", "58")
_POSTGRESQL_STOP = ("28", "3D000", "42501")

# While connecting, psycopg has only the server's text; only these need a person.
_REFUSALS = (
    "authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "permission denied",
    "does not exist",
    "is not permitted to log in",
)


@contextmanager
def database_errors(url: URL) -> Iterator[None]:
    """Raise :class:`~schemas.errors.Retry` or :class:`~schemas.errors.Stop` for trouble with the database itself.

    Errors of a statement (constraints, syntax) pass unchanged: they belong to whoever wrote the statement.
    """
    try:
        yield
    except exc.TimeoutError as error:
        text = f"{describe(url)}: every connection is in use; it is tried again"
        raise Retry(text, code="database_busy") from error
    except exc.DBAPIError as error:
        if trouble := translate(error, url):
            raise trouble from error
        raise
    except sqlite3.Error as error:  # of beginning a transaction, which does not go through SQLAlchemy
        if trouble := _of_sqlite(error, url):
            raise trouble from error
        raise


def translate(error: exc.DBAPIError, url: URL) -> SyncError | None:
    """What ``error`` means; ``None`` when it says nothing about the database but something about the statement."""
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        return _of_sqlite(cause, url)
    if isinstance(cause, psycopg.Error):
        return _of_postgresql(cause, url, disconnected=error.connection_invalidated)
    return None


def describe(url: URL) -> str:
    """The database in words for a person. Never carries the password, wherever in the URL it is."""
    if url.get_backend_name() == "sqlite":
        return f"SQLite database {url.database or 'in memory'}"
    server = f"{url.host or 'localhost'}:{url.port or 5432}"
    return f"PostgreSQL database {url.database or url.username} at {server} (user {url.username})"


def _of_sqlite(cause: sqlite3.Error, url: URL) -> SyncError | None:
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF  # the rest tells variants of the same error apart
    if code in _SQLITE_RETRY:
        return Retry(f"{describe(url)} {_SQLITE_RETRY[code]}; it is tried again", code=cause.sqlite_errorname)
    if code in _SQLITE_STOP:
        return Stop(f"{describe(url)} {_SQLITE_STOP[code]}", code=cause.sqlite_errorname)
    return None


def _of_postgresql(cause: psycopg.Error, url: URL, *, disconnected: bool) -> SyncError | None:
    state = cause.sqlstate or ""
    connecting = isinstance(cause, psycopg.OperationalError) and not state
    if state.startswith(_POSTGRESQL_STOP) or (connecting and any(refusal in str(cause) for refusal in _REFUSALS)):
        text = f"{describe(url)} refused: {_last_line(cause)}. Check user, password, database name and privileges"
        return Stop(text, code=state or "database_refused")
    if disconnected or connecting or state.startswith(_POSTGRESQL_RETRY):
        text = f"{describe(url)} is not available: {_last_line(cause)}; it is tried again"
        return Retry(text, code=state or "database_away")
    return None


def _last_line(cause: psycopg.Error) -> str:
    """The server's own words, without the address that psycopg puts before them."""
    first = str(cause).strip().partition("\n")[0]
    return first.rpartition("failed: ")[2].rstrip(".")
