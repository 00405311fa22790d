"""Worlds to begin a test with: the tests' mappings, changed where a test says so, over a ledger in memory."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import engine.ledger.models  # noqa: F401 - the tables that create_all makes
from engine.ledger.database import Base, open_database
from engine.ledger.open_operations import OpenOperation
from schemas.features import Features
from schemas.mapping import Mappings
from schemas.mapping_file import load
from schemas.row import Value
from tests.support.world import BC, World

MAPPINGS = load([Path(str(files("tests.support") / "mappings.yaml"))], Features()).mappings


def changed(all_mappings: Mapping[str, Any] | None = None, **by_name: Mapping[str, Any]) -> Mappings:
    """The tests' mappings with some of their fields replaced: those of all, and those of single mappings by name."""
    return Mappings(
        mappings=tuple(
            mapping.model_copy(update={**(all_mappings or {}), **by_name.get(mapping.name, {})})
            for mapping in MAPPINGS.mappings
        )
    )


@contextmanager
def new_world(mappings: Mappings = MAPPINGS, *, seed: int | None = None, ledger: str = "sqlite://") -> Iterator[World]:
    """A world of its own, empty, its ledger in memory unless a URL is given."""
    database = open_database(ledger)
    Base.metadata.create_all(database)
    try:
        yield World(mappings, database, seed=seed)
    finally:
        database.dispose()


def customer_pair(world: World, **values: Value) -> tuple[str, str]:
    """A customer and its account, synchronized; their ids."""
    customer = world.edit(BC, "customers", {"displayName": "Adatum", **values})
    world.settle()
    world.outcomes.clear()
    return customer, counterpart(world, "CUSTOMER", customer)


def contact_pair(world: World, **values: Value) -> tuple[str, str]:
    """A person of Business Central and its contact, synchronized; their ids."""
    person = world.edit(BC, "contacts", {"type": "Person", "displayName": "Ann", **values})
    world.settle()
    world.outcomes.clear()
    return person, counterpart(world, "CONTACT", person)


def counterpart(world: World, mapping: str, row_id: str) -> str:
    """The id of the row that this one is coupled to; AssertionError where it is not."""
    for coupling in world.couplings(mapping):
        if row_id == coupling.bc_id:
            return coupling.dv_id
        if row_id == coupling.dv_id:
            return coupling.bc_id
    raise AssertionError(f"{mapping} {row_id} is not coupled; open: {world.open_operations()}")


def only_entry(world: World) -> OpenOperation:
    """The open operation, of which there must be one."""
    (entry,) = world.open_operations()
    return entry
