"""The whole product for every scenario, on SQLite and on PostgreSQL.

``stack`` is shared by the tests of a module, each of which makes rows of its own; ``own_stack`` is a test's own. What
both are made with, a module says by fixtures of its own: ``changes`` of the standard mappings, or the ``arrangement``.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.databases import PostgresqlDatabases, SqliteDatabases
from tests.support.mapping_files import Changes, standard_mappings
from tests.support.stack import Arrangement, Stack


@pytest.fixture(scope="module", autouse=True)
def _short_turns() -> Iterator[None]:
    """Workers settle what is finished, and hear that they are to stop, with their next turn: sooner at rest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("consumers.worker._TURN", 0.03)
        patch.setattr("consumers.receiving._SETTLE_EVERY", 0.0)
        yield


@pytest.fixture(scope="module")
def changes() -> Changes:
    """What differs from the standard mappings; they create rows in any case."""
    return {}


@pytest.fixture(scope="module")
def arrangement(tmp_path_factory: pytest.TempPathFactory, changes: Changes) -> Arrangement:
    """How the module's stacks are made."""
    return Arrangement((standard_mappings(tmp_path_factory.mktemp("mappings"), changes),))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest) -> SqliteDatabases | PostgresqlDatabases:
    """Makes databases of both kinds in turn."""
    made: SqliteDatabases | PostgresqlDatabases = request.getfixturevalue(f"{request.param}_databases")
    return made


@pytest.fixture(scope="module")
def shared_stack(databases: SqliteDatabases | PostgresqlDatabases, arrangement: Arrangement) -> Iterator[Stack]:
    """The module's stack."""
    with _working(databases, arrangement) as stack:
        yield stack


@pytest.fixture
def stack(shared_stack: Stack) -> Stack:
    """The module's stack, at rest and with one worker, whatever the last test left behind."""
    shared_stack.tidy()
    return shared_stack


@pytest.fixture
def own_stack(databases: SqliteDatabases | PostgresqlDatabases, arrangement: Arrangement) -> Iterator[Stack]:
    """A stack of the test's own, with one worker."""
    with _working(databases, arrangement) as stack:
        yield stack


@contextmanager
def _working(databases: SqliteDatabases | PostgresqlDatabases, arrangement: Arrangement) -> Iterator[Stack]:
    with databases.fresh() as url, Stack(url, arrangement) as stack:
        stack.start_workers()
        yield stack
