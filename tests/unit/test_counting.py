"""Counters of jobs and runs are exact, whatever is delivered twice, parked, refused or filled in later."""

from collections.abc import Iterator

import pytest
from sqlalchemy import func, select

from engine.ledger import runs
from engine.ledger.database import read, write
from engine.ledger.models import JobErrorModel
from engine.ledger.runs import Run, RunKind, RunState, RunTable
from schemas.change_event import ChangeKind
from schemas.errors import Skip
from schemas.outcomes import Outcome
from schemas.system import Direction
from systems.in_process import Moment
from systems.interface import Create, Update
from tests.support.hooks import always, crash_at, failing, nothing
from tests.support.world import BC, DV, World
from tests.support.worlds import changed, contact_pair, counterpart, new_world

TO = Direction.TO_DATAVERSE
RUN = "run"


@pytest.fixture
def world() -> Iterator[World]:
    """Uncoupled rows are created by the run only."""
    with new_world(changed({"only_coupled": True})) as made:
        yield made


def start(world: World, rows: dict[str, list[str]]) -> None:
    """Begin a run over these rows of Business Central, by mapping, and publish their events."""
    tables = [RunTable(name, TO) for name in rows]
    with write(world.database) as connection:
        runs.start(
            connection, Run(RUN, RunKind.FULL_SYNC, RunState.IN_PROCESS, {}, world.now(), world.now(), None, tables)
        )
        for name, ids in rows.items():
            runs.register(connection, RUN, name, TO, ids)
    for name, ids in rows.items():
        for row_id in ids:
            publish(world, name, row_id)


def publish(world: World, mapping: str, row_id: str) -> None:
    world.notify(BC, world.plans[mapping].tables[BC].name, row_id, ChangeKind.SYNC_ALL, run_id=RUN)


def counters(world: World, mapping: str = "CONTACT") -> dict[Outcome, int]:
    """What the run's job counts; and the run's own account of its records, which must say the same."""
    (job,) = (job for job in world.jobs(RUN) if job.mapping == mapping)
    counted = {outcome: number for outcome, number in job.counters.items() if number}
    with read(world.database) as connection:
        recorded = {outcome: number for name, _, outcome, number in runs.outcomes(connection, RUN) if name == mapping}
    assert counted == recorded
    return counted


def progress(world: World, mapping: str = "CONTACT") -> tuple[int, int]:
    with read(world.database) as connection:
        run = runs.load(connection, RUN)
    assert run is not None
    (table,) = (table for table in run.tables if table.mapping == mapping)
    return table.produced, table.processed


def person(world: World, name: str, company: str = "") -> str:
    row = world.edit(BC, "contacts", {"type": "Person", "displayName": name, "companyNumber": company})
    world.pending.clear()
    return row


def test_a_run_counts_each_of_its_records_once(world: World) -> None:
    known, _ = _coupled(world)
    rows = [person(world, name) for name in ("Ann", "Bob")]
    start(world, {"CONTACT": [*rows, known]})
    world.settle()
    assert counters(world) == {Outcome.INSERTED: 2, Outcome.UNCHANGED: 1}
    assert progress(world) == (3, 3)


def _coupled(world: World) -> tuple[str, str]:
    row = world.edit(BC, "contacts", {"type": "Person", "displayName": "Known"})
    world.notify(BC, "contacts", row, ChangeKind.SYNC_ALL)
    world.settle()
    return row, counterpart(world, "CONTACT", row)


def test_what_is_delivered_twice_counts_once_as_what_it_was_first(world: World) -> None:
    rows = [person(world, name) for name in ("Ann", "Bob")]
    start(world, {"CONTACT": rows})
    world.settle()
    for row in rows * 2:
        publish(world, "CONTACT", row)
        world.settle()
    assert counters(world) == {Outcome.INSERTED: 2}
    assert progress(world) == (2, 2)


def test_a_record_that_is_parked_first_counts_as_what_becomes_of_it(world: World) -> None:
    customer = world.edit(BC, "customers", {"displayName": "Adatum"})
    child = person(world, "Ann", str(world.row(BC, "customers", customer)["contactNumber"]))
    start(world, {"CONTACT": [child]})
    world._deliver()
    world.run_batch()
    assert counters(world) == {Outcome.PARKED: 1}
    world.settle()
    assert counters(world) == {Outcome.INSERTED: 1}
    assert progress(world) == (1, 1)


def test_a_refused_record_that_arrives_later_counts_as_arrived(world: World) -> None:
    row = person(world, "Ann")
    always(world, failing(Skip("no", code="400")), system=DV, call=Create)
    start(world, {"CONTACT": [row]})
    world.settle()
    assert counters(world) == {Outcome.FAILED: 1}
    nothing(world)
    world.pass_time(61)
    assert counters(world) == {Outcome.INSERTED: 1}


def test_a_record_of_a_run_that_somebody_else_s_event_brings_home_is_counted_by_the_run(world: World) -> None:
    row = person(world, "Ann")
    always(world, failing(Skip("no", code="400")), system=DV, call=Create)
    start(world, {"CONTACT": [row]})
    world.settle()
    nothing(world)
    world.edit(BC, "contacts", {"displayName": "Ann B."}, row)
    world.settle()
    assert counters(world) == {Outcome.INSERTED: 1}


def test_a_reference_that_follows_does_not_make_an_inserted_record_a_modified_one(world: World) -> None:
    child = person(world, "Ann", "CT77")
    start(world, {"CONTACT": [child], "CUSTOMER": []})
    world.settle()
    assert counters(world) == {Outcome.INSERTED: 1}
    customer = world.edit(BC, "customers", {"displayName": "Adatum", "contactNumber": "CT77"})
    world.notify(BC, "customers", customer, ChangeKind.SYNC_ALL)
    world.settle()
    assert world.row(DV, "contact", counterpart(world, "CONTACT", child))["parentcustomerid"] is not None
    assert counters(world) == {Outcome.INSERTED: 1}


@pytest.mark.parametrize("moment", [Moment.BEFORE, Moment.AFTER])
def test_a_crash_in_the_middle_counts_nothing_twice(world: World, moment: Moment) -> None:
    rows = [person(world, f"Ann {number}") for number in range(5)]
    start(world, {"CONTACT": rows})
    crash_at(world, system=DV, call=Create, moment=moment)
    assert counters(world) == {Outcome.INSERTED: 5}
    assert progress(world) == (5, 5)


def test_a_parent_from_outside_the_run_is_not_counted_by_it(world: World) -> None:
    customer = world.edit(BC, "customers", {"displayName": "Adatum"})
    child = person(world, "Ann", str(world.row(BC, "customers", customer)["contactNumber"]))
    start(world, {"CONTACT": [child], "CUSTOMER": []})
    world.settle()
    assert counterpart(world, "CUSTOMER", customer)
    assert [job.mapping for job in world.jobs(RUN)] == ["CONTACT"]


def test_the_running_flow_has_a_job_an_hour_with_every_outcome_and_every_error() -> None:
    with new_world() as world:
        row, _ = contact_pair(world)
        always(world, failing(Skip("no", code="400")), system=DV)
        world.edit(BC, "contacts", {"displayName": "Bob"}, row)
        world.settle()
        world.seconds += 3_600
        world.pass_time(0)
        jobs = {(job.direction, job.started_at.hour): job.counters for job in world.jobs() if job.mapping == "CONTACT"}
        assert jobs[TO, 0][Outcome.INSERTED] == jobs[TO, 0][Outcome.FAILED] == 1
        assert jobs[TO, 1][Outcome.SKIPPED] == 1
        with read(world.database) as connection:
            assert connection.scalar(select(func.count()).select_from(JobErrorModel)) == 2


@pytest.mark.parametrize("moment", [Moment.BEFORE, Moment.AFTER])
def test_an_update_counts_once_as_modified_whatever_interrupts_it(moment: Moment) -> None:
    with new_world() as world:
        row, _ = contact_pair(world)
        world.edit(BC, "contacts", {"displayName": "Bob"}, row)
        crash_at(world, system=DV, call=Update, moment=moment)
        world.notify(BC, "contacts", row)
        world.settle()
        assert world.outcomes[Outcome.MODIFIED] == 1
