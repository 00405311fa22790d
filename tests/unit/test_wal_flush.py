"""What is durable on SQLite: the log is on the disk before the write returns, and one flush serves all who wait."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import Engine, text

from engine.ledger.database import open_database, write
from engine.ledger.wal_flush import WalFlush
from schemas.errors import Retry
from tests.support.eventually import eventually


class Disk:
    """Stands in for ``fsync``: notes what is flushed, and waits or refuses where it is told to."""

    def __init__(self) -> None:
        self.flushed: list[int] = []  # by inode
        self.begun, self.may_end = Event(), Event()
        self.may_end.set()
        self.refusal: OSError | None = None

    def fsync(self, descriptor: int) -> None:
        self.begun.set()
        assert self.may_end.wait(10)
        if self.refusal is not None:
            raise self.refusal
        self.flushed.append(os.fstat(descriptor).st_ino)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    made = Disk()
    monkeypatch.setattr(os, "fsync", made.fsync)
    return made


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = open_database(f"sqlite:///{tmp_path}/ledger.db")
    with write(made, durable=False) as connection:
        connection.execute(text("CREATE TABLE notes (id INTEGER)"))
    yield made
    made.dispose()


def _write(engine: Engine, *, durable: bool = True) -> None:
    with write(engine, durable=durable) as connection:
        connection.execute(text("INSERT INTO notes VALUES (1)"))


def test_a_durable_write_has_flushed_the_log_and_another_has_not(engine: Engine, disk: Disk, tmp_path: Path) -> None:
    _write(engine, durable=False)
    assert disk.flushed == []
    _write(engine)
    assert disk.flushed == [(tmp_path / "ledger.db-wal").stat().st_ino]


def test_others_write_while_one_waits_for_the_disk_and_one_flush_serves_all_who_came_meanwhile(
    engine: Engine, disk: Disk
) -> None:
    disk.may_end.clear()
    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(_write, engine)
        assert disk.begun.wait(10)
        _write(engine, durable=False)  # nobody is kept from writing
        others = [pool.submit(_write, engine) for _ in range(5)]
        with write(engine, durable=False) as connection:
            assert connection.scalar(text("SELECT count(*) FROM notes")) in range(2, 8)
        assert not first.done()
        disk.may_end.set()
        for one in (first, *others):
            one.result(10)
    assert len(disk.flushed) in range(2, 7)


def test_who_waits_during_a_flush_shares_the_next_one(tmp_path: Path, disk: Disk) -> None:
    (tmp_path / "ledger.db-wal").touch()
    log = WalFlush(str(tmp_path / "ledger.db"))
    disk.may_end.clear()
    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(log.wait)
        assert disk.begun.wait(10)
        others = [pool.submit(log.wait) for _ in range(5)]
        eventually(lambda: log.waiting == 6)
        disk.may_end.set()
        for one in (first, *others):
            one.result(10)
    assert len(disk.flushed) == 2, "its own, and one for all others"


def test_a_disk_that_refuses_is_a_retry(engine: Engine, disk: Disk) -> None:
    disk.refusal = OSError(5, "Input/output error")
    with pytest.raises(Retry, match=r"ledger\.db cannot be flushed to the disk just now: Input/output error"):
        _write(engine)


def test_a_log_that_is_gone_has_nothing_to_flush(tmp_path: Path, disk: Disk) -> None:
    WalFlush(str(tmp_path / "none.db")).wait()
    assert disk.flushed == []
