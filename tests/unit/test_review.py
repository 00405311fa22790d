"""The review before a full sync: what it counts and what it recommends."""

from collections.abc import Iterator

import pytest

from engine.ledger.database import open_database
from producers.review import Counted, MappingReview, Recommendation, review
from schemas.errors import Skip, Stop
from tests.support.databases import SqliteDatabases
from tests.support.run_world import BC, DV, RunWorld


@pytest.fixture
def world(sqlite_databases: SqliteDatabases) -> Iterator[RunWorld]:
    """No rows anywhere."""
    with sqlite_databases.fresh() as url:
        engine = open_database(url)
        yield RunWorld(engine)
        engine.dispose()


def _review(world: RunWorld, name: str, limit: int = 100) -> MappingReview:
    (found,) = (one for one in review(world.context, limit=limit) if one.mapping == name)
    return found


def test_without_rows_there_is_nothing_to_do(world: RunWorld) -> None:
    world.edit(BC, "customers", "blocked", blocked="All")
    found = _review(world, "CUSTOMER")
    assert found.recommendation is Recommendation.NO_RECORDS_FOUND
    assert found.rows == {BC: Counted(0, more=False), DV: Counted(0, more=False)}


def test_rows_on_one_side_are_synchronized(world: RunWorld) -> None:
    for number in range(5):
        world.edit(BC, "customers", f"c{number}")
    world.edit(DV, "account", "vendor", customertypecode=11)
    found = _review(world, "CUSTOMER")
    assert found.recommendation is Recommendation.FULL_SYNCHRONIZATION
    assert (str(found.rows[BC]), str(found.rows[DV])) == ("5", "0")
    assert _review(world, "VENDOR").recommendation is Recommendation.FULL_SYNCHRONIZATION


def test_rows_on_both_sides_are_coupled_first(world: RunWorld) -> None:
    world.edit(BC, "customers", "c1")
    world.edit(DV, "account", "a1", customertypecode=3)
    assert _review(world, "CUSTOMER").recommendation is Recommendation.COUPLE_RECORDS


def test_pairs_do_not_count_as_rows_to_couple(world: RunWorld) -> None:
    for customer in ("c1", "c2"):
        world.edit(BC, "customers", customer)
    world.edit(DV, "account", "a1", customertypecode=3)
    world.couple("CUSTOMER", "c1", "a1")
    found = _review(world, "CUSTOMER")
    assert found.coupled == 1
    assert found.recommendation is Recommendation.FULL_SYNCHRONIZATION


def test_counting_stops_at_a_limit_and_says_so(world: RunWorld) -> None:
    for number in range(9):
        world.edit(BC, "customers", f"c{number}")
    assert str(_review(world, "CUSTOMER", limit=4).rows[BC]) == "more than 4"
    assert str(_review(world, "CUSTOMER", limit=9).rows[BC]) == "9"


@pytest.mark.parametrize("error", [Stop("no privilege"), Skip("no such table")])
def test_what_cannot_be_read_blocks_its_children_and_theirs(world: RunWorld, error: Stop | Skip) -> None:
    world.edit(BC, "contacts", "p1", type="Person")
    world.scan_error = lambda table: error if table == "currencies" else None
    found = {one.mapping: one for one in review(world.context)}
    assert found["CURRENCY"].recommendation is Recommendation.NOT_POSSIBLE
    assert found["CURRENCY"].message == error.text
    assert BC not in found["CURRENCY"].rows
    assert found["CUSTOMER"].recommendation is Recommendation.DEPENDENCY_NOT_SATISFIED
    assert found["CUSTOMER"].blocked_by == ("CURRENCY",)
    assert found["CONTACT"].blocked_by == ("CUSTOMER", "VENDOR")
    assert found["SALESPEOPLE"].recommendation is Recommendation.NO_RECORDS_FOUND


def test_mappings_come_parents_first_and_only_those_asked_for(world: RunWorld) -> None:
    names = [one.mapping for one in review(world.context)]
    assert names.index("CURRENCY") < names.index("CUSTOMER") < names.index("CONTACT")
    assert [one.mapping for one in review(world.context, ["CONTACT", "CURRENCY"])] == ["CURRENCY", "CONTACT"]
    with pytest.raises(Stop, match="no mapping NOTHING"):
        review(world.context, ["NOTHING"])
