"""A world for every test that asks."""

from collections.abc import Iterator

import pytest

from tests.support.world import World
from tests.support.worlds import new_world


@pytest.fixture
def world() -> Iterator[World]:
    """An empty world with the tests' mappings."""
    with new_world() as made:
        yield made
