"""Holding a worker up after it has announced a new row of Business Central, and before it has asked for it."""

from threading import Event

from engine.ledger import intents
from engine.ledger.database import read
from schemas.system import Direction
from tests.fault.journal import BC
from tests.fault.site import Site
from tests.support.worker_program import WorkerProgram

_ON_THEIR_WAY = 1.0
"""Seconds in which rows that a running worker has announced are there."""


def held_up_before_creating(site: Site) -> tuple[WorkerProgram, list[str]] | None:
    """A worker that is held up, and the names of rows that it has announced; ``None`` where another one has."""
    if not _announced(site):
        return None
    worker = site.random.choice(site.workers)
    worker.pause()
    names = _announced(site)
    Event().wait(_ON_THEIR_WAY)
    if names := [name for name in names if not are_created(site, [name])]:
        return worker, names
    worker.resume()
    return None


def are_created(site: Site, names: list[str]) -> bool:
    """Whether Business Central has all these."""
    return all(site.journal.ids(BC, name) for name in names)


def _announced(site: Site) -> list[str]:
    with read(site.stack.database) as connection:
        found = intents.load_all(connection, "CUSTOMER", Direction.FROM_DATAVERSE)
    names = [str(intent.values["displayName"]) for intent in found]
    return [name for name in names if not are_created(site, [name])]
