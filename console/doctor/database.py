"""The database with the ledger and the embedded log: reached, of this version, with room to grow."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine

from console.composition import Composition
from console.doctor import topics
from console.doctor.check import Check, look
from engine.ledger import log_members
from engine.ledger.database import read
from engine.ledger.database_errors import describe
from engine.ledger.migrations import SchemaState, schema_state

_ROOM = 1024**3
_LEASE = timedelta(seconds=15)


def checks(composition: Composition) -> Iterator[Check]:
    """All of them; the later ones only where the database is there."""
    database = composition.database
    reached = look("Database", lambda: _reach(database), "Check database.url, and that the server runs.")
    yield reached
    if not reached.ok:
        return
    if file := database.url.database if database.dialect.name == "sqlite" else None:
        yield _disk(Path(file))
    state = schema_state(database)
    yield _schema(state)
    if state is SchemaState.CURRENT and composition.settings.topics.broker == "embedded":
        yield from topics.checks(composition.broker)
        yield look("Workers", lambda: _workers(composition))


def _reach(database: Engine) -> str:
    with read(database):
        return f"{describe(database.url)} is reached"


def _disk(file: Path) -> Check:
    free = shutil.disk_usage(file.absolute().parent).free
    found = f"{free / 1024**3:.1f} GiB free at {file.absolute().parent}"
    return Check("Disk", free >= _ROOM, found, "" if free >= _ROOM else "Free some space: the log needs room.")


def _schema(state: SchemaState) -> Check:
    match state:
        case SchemaState.CURRENT:
            return Check("Schema", True, "of this version")
        case SchemaState.NEWER:
            return Check("Schema", False, "made by a newer version", "Update this installation.")
        case _:
            return Check("Schema", True, f"{state}; the worker makes it when it starts")


def _workers(composition: Composition) -> str:
    group = composition.settings.worker.group
    with read(composition.database) as connection:
        alive = log_members.alive(connection, group, composition.clock() - _LEASE)
    return f"{alive or 'none'} of group {group} running now"
