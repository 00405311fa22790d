"""Putting SQLite's write-ahead log on the disk: one flush for all who wait, and nobody is kept from writing meanwhile.

SQLite would flush inside each commit (``synchronous=FULL``), while no other connection can write. Instead it commits
without (``NORMAL``), and whoever needs to be sure flushes the log afterwards: a commit is in the log as soon as it
returns, the log is written in order, and recovery takes everything that is whole in it. What a checkpoint has moved out
of the log meanwhile, SQLite has flushed itself. See SQLite's documentation of ``PRAGMA synchronous`` and of WAL.
"""

import os
from pathlib import Path
from threading import Lock


class WalFlush:
    """The log of the database ``file``. Safe to use from several threads; locks of SQLite's are not touched."""

    def __init__(self, file: str) -> None:
        self._log = Path(f"{file}-wal")
        self._counting, self._flushing = Lock(), Lock()
        self._wanted = self._flushed = 0

    @property
    def waiting(self) -> int:
        """How many want to be sure, and are not yet."""
        return self._wanted - self._flushed

    def wait(self) -> None:
        """Return when whatever was committed before is on the disk.

        Raises:
            OSError: the disk refuses; what was committed may be lost with the power.
        """
        with self._counting:
            self._wanted += 1
            mine = self._wanted
        with self._flushing:
            if self._flushed >= mine:
                return  # by a flush that began after the caller's commit
            with self._counting:
                covered = self._wanted
            self._flush()
            self._flushed = covered

    def _flush(self) -> None:
        try:
            log = os.open(self._log, os.O_RDWR)
        except FileNotFoundError:
            return  # the last connection that closed moved everything into the database
        try:
            os.fsync(log)
        finally:
            os.close(log)
