"""Runs in the ledger: every record counts once, whatever is registered, delivered or recorded twice."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from engine.ledger import mapping_states, run_leases, run_requests, runs
from engine.ledger.database import read, write
from engine.ledger.run_leases import LIFETIME, LeaseLost
from engine.ledger.runs import RunKind, RunState, RunTable
from producers import full_sync
from producers.run_plan import new_run
from schemas.outcomes import Outcome
from schemas.system import Direction, System
from tests.support.run_world import Killed, RunWorld

TO = Direction.TO_DATAVERSE
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def database(database: Engine) -> Engine:
    """A database with one run of one table."""
    with write(database) as connection:
        run_leases.begin(connection, new_run("run", RunKind.FULL_SYNC, [("CUSTOMER", TO)], START))
    return database


def _table(database: Engine) -> RunTable:
    with read(database) as connection:
        run = runs.load(connection, "run")
    assert run is not None
    return run.tables[0]


def _register(database: Engine, *record_ids: str) -> None:
    with write(database) as connection:
        runs.register(connection, "run", "CUSTOMER", TO, record_ids)


def _record(database: Engine, **outcomes: Outcome) -> None:
    with write(database) as connection:
        runs.record_outcomes(connection, "run", "CUSTOMER", TO, outcomes)


def test_a_row_counts_once_however_often_it_is_registered(database: Engine) -> None:
    _register(database, "a")
    _register(database, "a", "b", "b")
    _register(database, "a", "b")
    assert _table(database).produced == 2
    _register(database, *map(str, range(2500)))
    assert _table(database).produced == 2502


def test_a_record_counts_once_however_often_it_has_an_outcome_and_the_last_one_stays(database: Engine) -> None:
    _register(database, "a", "b")
    _record(database, a=Outcome.PARKED, outsider=Outcome.INSERTED)
    _record(database, a=Outcome.INSERTED, b=Outcome.FAILED)
    assert _table(database).processed == 2
    with read(database) as connection:
        counts = {(outcome, number) for _, _, outcome, number in runs.outcomes(connection, "run")}
    assert counts == {(Outcome.INSERTED, 1), (Outcome.FAILED, 1)}


def test_pending_rows_come_page_by_page(database: Engine) -> None:
    _register(database, "a", "b", "c", "d")
    _record(database, b=Outcome.INSERTED)
    with read(database) as connection:
        first = runs.pending(connection, "run", "CUSTOMER", TO, after="", limit=2)
        rest = runs.pending(connection, "run", "CUSTOMER", TO, after=first[-1], limit=2)
    assert (first, rest) == (["a", "c"], ["d"])


def test_a_lease_is_free_once_its_heartbeat_is_old(database: Engine) -> None:
    with write(database) as connection:
        assert run_leases.take(connection, "run", START + LIFETIME - timedelta(seconds=1)) is None
        assert run_leases.take(connection, "run", START + LIFETIME) is not None
        assert run_leases.take(connection, "run", START + LIFETIME) is None
        runs.end(connection, "run", RunState.FINISHED, START)
        assert run_leases.take(connection, "run", START + 3 * LIFETIME) is None


def test_whoever_lost_a_lease_cannot_renew_it(database: Engine) -> None:
    with write(database) as connection:
        first = run_leases.take(connection, "run", START + LIFETIME)
        assert first is not None
        assert run_leases.renew(connection, first, START + LIFETIME + timedelta(seconds=1)) is RunState.IN_PROCESS
        second = run_leases.take(connection, "run", START + 3 * LIFETIME)
        assert second is not None
        with pytest.raises(LeaseLost):
            run_leases.renew(connection, first, START + 3 * LIFETIME)
        run_leases.renew(connection, second, START + 3 * LIFETIME)


def test_a_renewal_that_was_rolled_back_costs_nothing(database: Engine) -> None:
    with write(database) as connection:
        lease = run_leases.take(connection, "run", START + LIFETIME)
    assert lease is not None
    for seconds in (1, 2, 3):
        with database.connect() as connection:
            run_leases.renew(connection, lease, START + LIFETIME + timedelta(seconds=seconds))
            connection.rollback()
    with write(database) as connection:
        assert run_leases.renew(connection, lease, START + LIFETIME) is RunState.IN_PROCESS


def test_a_watermark_only_moves_forward(database: Engine) -> None:
    for moment in (START, START - timedelta(microseconds=1), START + timedelta(microseconds=1), START):
        with write(database) as connection:
            mapping_states.advance_watermark(connection, "CUSTOMER", System.DATAVERSE, moment)
    with read(database) as connection:
        found = mapping_states.watermarks(connection)
    assert found == {("CUSTOMER", System.DATAVERSE): START + timedelta(microseconds=1)}


def test_a_killed_full_sync_goes_on_where_it_was_and_ends(database: Engine) -> None:
    with write(database) as connection:
        run_requests.cancel(connection, "run", START)
    world = RunWorld(database)
    for currency in ("eur", "sek", "usd"):
        world.edit(System.BUSINESS_CENTRAL, "currencies", currency, code=currency)
    world.edit(System.BUSINESS_CENTRAL, "customers", "c1")

    def kill() -> None:
        raise Killed

    world.on_wait = kill
    with pytest.raises(Killed):
        full_sync.start(world.context)
    world.on_wait = lambda: None
    world.let_heartbeat_expire()
    verdict = full_sync.resume(world.context, world.run().id)
    assert verdict.good
    produced = {(one.table.mapping, one.table.direction): one.table.produced for one in verdict.tables}
    assert (produced["CURRENCY", TO], produced["CUSTOMER", TO]) == (3, 1)
    with read(database) as connection:
        assert mapping_states.clearing_runs(connection) == frozenset()
