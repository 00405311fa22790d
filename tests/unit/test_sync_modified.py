"""Sync modified: which rows count as modified, and when a watermark moves."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from engine.ledger import mapping_states
from engine.ledger.database import open_database, read, write
from engine.ledger.runs import RunState
from producers import full_sync, sync_modified
from schemas.change_event import ChangeKind
from schemas.errors import Stop
from schemas.system import Direction, System
from tests.support.databases import SqliteDatabases
from tests.support.run_world import BC, DV, Killed, RunWorld

TO = Direction.TO_DATAVERSE
OVERLAP = timedelta(seconds=5)
HOUR = 3600.0


@pytest.fixture
def world(sqlite_databases: SqliteDatabases) -> Iterator[RunWorld]:
    """Two customers in Business Central and one in Dataverse, edited a second apart, an hour ago."""
    with sqlite_databases.fresh() as url:
        engine = open_database(url)
        world = RunWorld(engine)
        for customer in ("c1", "c2"):
            world.edit(BC, "customers", customer)
        world.edit(DV, "account", "a1", customertypecode=3)
        world.seconds += HOUR
        yield world
        engine.dispose()


def _watermarks(database: Engine) -> dict[tuple[str, System], datetime]:
    with read(database) as connection:
        return mapping_states.watermarks(connection)


def _at(seconds: float) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


def _sync(world: RunWorld, *names: str) -> RunState:
    """Only what this run publishes is in the topic afterwards."""
    world.empty_topic()
    return sync_modified.start(world.context, names or None, overlap=OVERLAP).run.state


def test_the_first_time_all_rows_count_and_are_told_as_modified(world: RunWorld) -> None:
    assert _sync(world) is RunState.FINISHED
    assert (world.published("customers"), world.published("account")) == (["c1", "c2"], ["a1"])
    assert {event.kind for event in world.topic.events} == {ChangeKind.MODIFIED}
    assert len({event.run_id for event in world.topic.events}) == 1


def test_afterwards_only_rows_modified_since_count_less_an_overlap(world: RunWorld) -> None:
    _sync(world)
    world.seconds += HOUR
    world.edit(BC, "customers", "c3")
    _sync(world)
    assert world.published("customers") == ["c1", "c2", "c3"], "the watermark is that of c2, and c1 in its overlap"
    assert world.published("account") == ["a1"]
    world.seconds += HOUR
    _sync(world)
    assert world.published("customers") == ["c3"]


def test_each_side_of_a_mapping_has_its_own_watermark(world: RunWorld) -> None:
    _sync(world, "CUSTOMER")
    assert _watermarks(world.database) == {("CUSTOMER", BC): _at(2), ("CUSTOMER", DV): _at(3)}


def test_a_watermark_moves_when_the_table_is_finished_and_not_before(world: RunWorld) -> None:
    world.speed = 0
    seen: list[dict[tuple[str, System], datetime]] = []

    def look() -> None:
        seen.append(_watermarks(world.database))
        if len(seen) == 5:
            world.speed = 1

    world.on_wait = look
    _sync(world, "CUSTOMER")
    assert seen[:5] == [{}] * 5
    assert len(_watermarks(world.database)) == 2


def test_a_watermark_stays_where_a_table_could_not_be_run(world: RunWorld) -> None:
    world.scan_error = lambda _: Stop("no privilege")
    assert _sync(world, "CUSTOMER") is RunState.ERROR
    assert _watermarks(world.database) == {}


def test_a_watermark_never_passes_the_start_of_its_run(world: RunWorld) -> None:
    started = world.seconds
    world.edit(BC, "customers", "hasty")
    world.seconds = started
    _sync(world, "CUSTOMER")
    assert _watermarks(world.database)["CUSTOMER", BC] == _at(started)


def test_a_full_sync_moves_watermarks_too(world: RunWorld) -> None:
    full_sync.start(world.context, ["CUSTOMER"])
    assert _watermarks(world.database) == {("CUSTOMER", BC): _at(2), ("CUSTOMER", DV): _at(3)}


def test_the_other_mappings_are_left_alone_when_one_is_asked_for(world: RunWorld) -> None:
    world.edit(BC, "currencies", "eur")
    _sync(world, "CUSTOMER")
    assert world.published("currencies") == []


def test_parents_are_processed_before_children_are_produced(world: RunWorld) -> None:
    world.edit(BC, "currencies", "eur")
    world.speed = 0
    waits = 0

    def look() -> None:
        nonlocal waits
        waits += 1
        if waits == 3:
            assert world.published("currencies") == ["eur"]
            assert world.published("customers") == []
            world.speed = 1

    world.on_wait = look
    _sync(world)
    assert waits > 3
    assert world.published("customers") == ["c1", "c2"]


def test_only_coupled_is_not_touched(world: RunWorld) -> None:
    clearing: list[frozenset[str]] = []

    def look() -> None:
        with read(world.database) as connection:
            clearing.append(mapping_states.clearing_runs(connection))

    world.on_wait = look
    _sync(world)
    assert clearing
    assert set(clearing) == {frozenset()}


def test_resumed_it_reads_from_where_it_began_even_if_a_watermark_moved_meanwhile(world: RunWorld) -> None:
    for number in range(6):
        world.edit(BC, "customers", f"n{number}")
    before = _at(world.seconds - 4)
    with write(world.database) as connection:
        mapping_states.advance_watermark(connection, "CUSTOMER", BC, before + OVERLAP)

    def kill() -> None:
        raise Killed

    world.on_wait = kill
    with pytest.raises(Killed):
        _sync(world, "CUSTOMER")
    world.on_wait = lambda: None
    with write(world.database) as connection:
        mapping_states.advance_watermark(connection, "CUSTOMER", BC, _at(world.seconds))
    world.let_heartbeat_expire()
    assert sync_modified.resume(world.context, world.run().id).good
    assert sorted(set(world.published("customers"))) == ["n1", "n2", "n3", "n4", "n5"]


def test_a_second_one_is_refused_while_one_is_alive_and_takes_the_place_of_a_dead_one(world: RunWorld) -> None:
    def start_another() -> None:
        with pytest.raises(Stop, match=r"sync modified .* is being carried out"):
            sync_modified.start(world.context, ["VENDOR"])
        raise Killed

    world.on_wait = start_another
    with pytest.raises(Killed):
        _sync(world)
    dead = world.run().id
    world.on_wait = lambda: None
    world.let_heartbeat_expire()
    assert _sync(world) is RunState.FINISHED
    assert world.run(dead).state is RunState.CANCELLED


def test_it_runs_beside_a_full_sync(world: RunWorld) -> None:
    def also_sync() -> None:
        world.on_wait = lambda: None
        assert sync_modified.start(world.context).run.state is RunState.FINISHED

    world.on_wait = also_sync
    assert full_sync.start(world.context).run.state is RunState.FINISHED
