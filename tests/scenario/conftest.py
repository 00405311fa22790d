"""The whole product for every scenario, on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.mapping_files import standard_mappings
from tests.support.stack import Stack


@pytest.fixture
def stack(database_url: str, tmp_path: Path) -> Iterator[Stack]:
    """Both systems empty, the standard mappings creating rows, and one worker."""
    with Stack(database_url, [standard_mappings(tmp_path)]) as running:
        running.start_worker()
        yield running
