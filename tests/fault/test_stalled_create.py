"""A worker is held up after it has announced a new row and before it has asked for it, until another one takes over.

Business Central takes no ids for new rows: whoever takes over looks for the row, finds none, and creates it. The first
one must not do so, too, when it goes on.
"""

from functools import partial
from threading import Event

import pytest

from engine.ledger import intents
from engine.ledger.database import read
from schemas.system import Direction
from tests.fault.conftest import Site
from tests.fault.journal import BC
from tests.fault.length import short_or_long
from tests.support.eventually import eventually
from tests.support.worker_program import WorkerProgram

pytestmark = pytest.mark.timeout(short_or_long(300, 1800))

_ON_THEIR_WAY = 1.0
"""Seconds in which rows that a running worker has announced are there."""


def test_a_worker_is_held_up_between_announcing_a_row_and_creating_it(site: Site) -> None:
    rows = 0
    with site.users() as users:
        for _ in range(short_or_long(2, 20)):
            stalled, names = eventually(partial(_held_up_before_creating, site), within=120.0)
            rows += len(names)
            eventually(partial(_are_created, site, names), within=60.0)
            stalled.resume()
            users.work(1.0)
    site.note(f"{rows} rows were announced and not asked for while their worker was held up")
    site.judge(users)


def _held_up_before_creating(site: Site) -> tuple[WorkerProgram, list[str]] | None:
    """A worker, and the names of the rows that it has announced and not asked for; ``None`` where it was another one."""
    if not _announced(site):
        return None
    worker = site.random.choice(site.workers)
    worker.pause()
    names = _announced(site)
    Event().wait(_ON_THEIR_WAY)
    if names := [name for name in names if not _are_created(site, [name])]:
        return worker, names
    worker.resume()
    return None


def _are_created(site: Site, names: list[str]) -> bool:
    return all(site.journal.ids(BC, name) for name in names)


def _announced(site: Site) -> list[str]:
    with read(site.stack.database) as connection:
        found = intents.load_all(connection, "CUSTOMER", Direction.FROM_DATAVERSE)
    names = [str(intent.values["displayName"]) for intent in found]
    return [name for name in names if not _are_created(site, [name])]
