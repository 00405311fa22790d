"""Worlds to begin a test with: the tests' mappings, changed where a test says so, over a ledger in memory."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import engine.ledger.models  # noqa: F401 - the tables that create_all makes
from engine.ledger.database import Base, open_database
from schemas.features import Features
from schemas.mapping import Mappings
from schemas.mapping_file import load
from tests.support.world import World

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
def new_world(mappings: Mappings = MAPPINGS, *, seed: int | None = None) -> Iterator[World]:
    """A world of its own, empty."""
    database = open_database("sqlite://")
    Base.metadata.create_all(database)
    try:
        yield World(mappings, database, seed=seed)
    finally:
        database.dispose()
