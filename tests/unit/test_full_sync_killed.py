"""Killed at any step, any number of times, a full sync that is resumed loses nothing and doubles nothing."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event, select

from engine.ledger import runs
from engine.ledger.database import Base, open_database, read
from engine.ledger.models import RunRecordModel
from engine.ledger.runs import RunState
from producers import full_sync
from producers.scanned_tables import takers
from producers.verdict import Verdict, verdict
from schemas.change_event import ChangeEvent
from schemas.row import Value
from schemas.system import Direction, System
from tests.support.run_world import BC, DV, MAPPINGS, Killed, RunWorld

_TABLES: list[tuple[System, str, dict[str, Value], dict[str, Value]]] = [
    (BC, "currencies", {}, {}),
    (DV, "systemuser", {}, {}),
    (BC, "vendors", {}, {"blocked": "All"}),
    (BC, "customers", {}, {"blocked": "All"}),
    (DV, "account", {"customertypecode": 3}, {"customertypecode": 1}),
    (BC, "contacts", {"type": "Person"}, {"type": "Company"}),
    (DV, "contact", {}, {}),
]
"""System, table, values of a row that is admitted, and values after which it is not."""

_ROWS = st.lists(st.integers(0, 5), min_size=len(_TABLES), max_size=len(_TABLES))


class _Life:
    """Strikes at its n-th step."""

    def __init__(self, steps: int | None) -> None:
        self._left = steps

    def step(self) -> None:
        if self._left is not None:
            self._left -= 1
            if self._left <= 0:
                raise Killed


def _checked_waves(world: RunWorld) -> Callable[[Sequence[ChangeEvent]], None]:
    """Every event comes when some mapping that takes it has all its parents finished."""

    def check(events: Sequence[ChangeEvent]) -> None:
        states = world.states()
        finished = {name for name, _ in states} - {
            name for (name, _), state in states.items() if state is not RunState.FINISHED
        }
        for one in {(one.system, one.table) for one in events}:
            assert any(mapping.parents <= finished for mapping in takers(MAPPINGS, *one)), f"{one}: {states}"

    return check


@pytest.fixture(scope="module")
def database() -> Iterator[Engine]:
    """A database in memory; each example empties it."""
    engine = open_database("sqlite:///:memory:")
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), rows=_ROWS, lives=st.lists(st.integers(1, 60), max_size=6), page_size=st.integers(1, 3))
def test_a_full_sync_killed_at_any_step_loses_and_doubles_nothing(
    database: Engine, data: st.DataObject, rows: list[int], lives: list[int], page_size: int
) -> None:
    with database.begin() as connection:
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(table.delete())
    world = RunWorld(database, page_size=page_size, ahead=8)
    world.patience = 20
    world.topic.on_publish = _checked_waves(world)
    admitted = set()
    for (system, table, values, _), number in zip(_TABLES, rows, strict=True):
        for index in range(number):
            world.edit(system, table, f"{table}-{index}", **values)
            admitted.add((system, table, f"{table}-{index}"))

    def step(_: object) -> None:
        world.step()

    event.listen(database, "commit", step)
    try:
        final = None
        for steps in [*lives, None]:
            world.strike = _Life(steps).step
            final = _live(world)
            world.strike = lambda: None
            world.let_heartbeat_expire()
            world.speed = data.draw(st.integers(1, 4))
            disturbed: bool = data.draw(st.booleans())
            if admitted and disturbed:
                admitted.discard(_disturb(world, data.draw(st.sampled_from(sorted(admitted)))))
    finally:
        event.remove(database, "commit", step)

    assert final is not None
    assert final.good
    with read(database) as connection:
        records = connection.execute(select(RunRecordModel)).all()
    produced = Counter((record.mapping, Direction(record.direction)) for record in records)
    for table in final.run.tables:
        assert table.produced == table.processed == produced[table.mapping, table.direction]
    published = {(one.system, one.table, one.record_id) for one in world.topic.events}
    assert admitted <= published
    registered = {(record.direction, record.record_id) for record in records}
    assert {(Direction.out_of(system).value, record_id) for system, _, record_id in admitted} <= registered


def _live(world: RunWorld) -> Verdict | None:
    """A process that starts the full sync, or resumes it until it is over; ``None`` when it was killed."""
    try:
        with read(world.database) as connection:
            started = runs.listed(connection)
            before = verdict(connection, started[0]) if started else None
        if before is None:
            return full_sync.start(world.context)
        return before if before.run.state.over else full_sync.resume(world.context, before.run.id)
    except Killed:
        return None


def _disturb(world: RunWorld, row: tuple[System, str, str]) -> tuple[System, str, str]:
    """A user deletes the row, or changes it so that it is not admitted any more."""
    system, table, record_id = row
    unfit = next(unfit for one_system, one, _, unfit in _TABLES if (one_system, one) == (system, table))
    if unfit:
        world.edit(system, table, record_id, **unfit)
    else:
        world.remove(system, table, record_id)
    return row
