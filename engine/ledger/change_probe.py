"""Asking, at the price of microseconds, whether anything was written to a database since the last time."""

import sqlite3
from typing import Any

from sqlalchemy import Engine, PoolProxiedConnection, exc

from engine.ledger.database import IN_MEMORY


class ChangeProbe:
    """For one thread. Where a database has no cheap answer, the answer is always yes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._on_file = engine.dialect.name == "sqlite" and engine.url.database not in IN_MEMORY
        self._connection: PoolProxiedConnection | None = None
        self._version: Any = None

    def changed(self) -> bool:
        """Whether any process may have committed something since the last call; true at the first one.

        SQLite changes ``data_version`` with every commit of another connection, and the probe's own connection
        never writes.
        """
        if not self._on_file:
            return True
        try:
            if self._connection is None:
                self._connection = self._engine.raw_connection()
            cursor = self._connection.cursor()
            cursor.execute("PRAGMA data_version")
            version = cursor.fetchone()
            cursor.close()
        except (sqlite3.Error, exc.SQLAlchemyError):
            return True  # the caller's own query meets the same trouble, and reports it
        changed: bool = version != self._version
        self._version = version
        return changed

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
