"""``status``: how everything stands, and whether a person is needed."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from console.composition import Composition
from console.heartbeat import WORKER
from console.status.ages import age
from console.status.judgement import numbers
from engine.ledger import open_operations, run_leases
from engine.ledger.database import write
from engine.ledger.open_operations import OpenOperation, OpenStatus
from engine.ledger.runs import RunKind
from engine.ledger.worker_lease import Backlog, Process, WorkerLease
from engine.ledger.worker_tables import WorkerModel
from producers.run_plan import new_run
from schemas.budget import Allowance
from schemas.change_event import ChangeKind
from schemas.operations import OperationKey
from schemas.system import Direction, System
from schemas.topics import OutgoingMessage, Subscriber
from systems.budget import Budget
from tests.support.command_line import CommandLine

NAME = "worker-1"


@pytest.fixture
def subscriber(ledger: Composition) -> Subscriber:
    """Reads every partition, as a worker of that name does."""
    made = ledger.subscriber(ledger.settings.worker.group, NAME)
    made.poll(1, 0.0)
    return made


def beat(ledger: Composition, *, oldest_at: datetime | None = None) -> None:
    """A worker's heartbeat."""
    process = Process(NAME, "a-host", 4711, "1.0", WORKER)
    backlog = Backlog(0 if oldest_at is None else 3, oldest_at)
    WorkerLease(ledger.database, process, ledger.budgets, clock=ledger.clock).beat(backlog)


def status(twinrow: CommandLine, *options: object) -> Any:
    return twinrow("status", "--json", *options).json


@pytest.mark.usefixtures("subscriber")
def test_all_is_well_while_a_worker_has_every_partition(twinrow: CommandLine, ledger: Composition) -> None:
    beat(ledger)
    answer = twinrow("status")
    assert answer.code == 0, answer.stdout
    assert "All is well." in answer.stdout
    (line,) = [line for line in answer.stdout.splitlines() if "a-host" in line]
    assert line.split()[:3] == [NAME, "a-host:4711", WORKER]
    assert "0-7" in line
    assert "Open operations: none" in answer.stdout


@pytest.mark.usefixtures("subscriber")
def test_shares_and_present_use_of_every_credential_are_told(twinrow: CommandLine, ledger: Composition) -> None:
    ledger.budgets[System.DATAVERSE].start()
    beat(ledger)
    of_bc, of_dv = status(twinrow)["budget"]
    assert (of_bc["system"], of_bc["credential"], of_bc["worker"]) == ("business_central", "main", NAME)
    assert (of_bc["at_once"], of_bc["per_5_minutes"], of_bc["in_use"]) == (5, 6000, 0)
    assert (of_dv["at_once"], of_dv["requests"], of_dv["in_use"], of_dv["pace_percent"]) == (52, 1, 1, 100)


@pytest.mark.usefixtures("subscriber")
def test_a_system_that_throttles_shows(twinrow: CommandLine, ledger: Composition) -> None:
    budget = ledger.budgets[System.DATAVERSE]
    permit = budget.start()
    budget.refused(permit, 600.0)
    budget.end(permit, refused=True)
    beat(ledger)
    share = status(twinrow)["budget"][1]
    assert (share["refused"], share["pace_percent"]) == (1, 50)
    assert share["paused_until"] is not None
    answer = twinrow("status")
    assert "pauses for 10 min" in answer.stdout
    assert answer.code == 0


def test_without_any_worker_a_person_is_needed(twinrow: CommandLine, ledger: Composition) -> None:
    ledger.publisher.publish(ledger.topic, [OutgoingMessage("key", b"body")])
    answer = twinrow("status")
    assert answer.code == 1
    assert "No worker runs" in answer.stdout
    (nobody,) = [line for line in answer.stdout.splitlines() if "nobody" in line]
    assert nobody.split()[:3] == ["nobody", "0-7", "1"]


def test_a_worker_that_died_is_shown_and_is_no_worker(twinrow: CommandLine, ledger: Composition) -> None:
    beat(ledger)
    with write(ledger.database) as connection:
        long_ago = ledger.clock() - timedelta(minutes=5)
        connection.execute(update(WorkerModel).values(last_seen=long_ago))
    found = status(twinrow)
    assert [one["alive"] for one in found["workers"]] == [False]
    assert found["healthy"] is False
    assert "No worker runs" in found["troubles"][0]


def test_partitions_that_nobody_reads_are_told(twinrow: CommandLine, ledger: Composition) -> None:
    beat(ledger)
    assert status(twinrow)["troubles"][0].startswith("Nobody reads partitions 0-7")


@pytest.mark.usefixtures("subscriber")
def test_a_change_that_waits_too_long_is_told(twinrow: CommandLine, ledger: Composition) -> None:
    beat(ledger, oldest_at=ledger.clock() - timedelta(minutes=20))
    late = twinrow("status")
    assert late.code == 1
    assert "has waited for 20 min" in late.stdout
    assert status(twinrow, "--late-after", 30)["healthy"] is True


@pytest.mark.usefixtures("subscriber")
def test_open_operations_are_counted_and_only_those_for_want_of_rights_are_trouble(
    twinrow: CommandLine, ledger: Composition
) -> None:
    beat(ledger)
    with write(ledger.database) as connection:
        entries = [
            entry("one", OpenStatus.CONFLICT, ledger.clock()),
            entry("two", OpenStatus.PARKED, ledger.clock()),
            entry("three", OpenStatus.PARKED, ledger.clock()),
        ]
        open_operations.put(connection, entries)
    found = status(twinrow)
    assert found["open_operations"] == {"Parked": 2, "Conflict": 1}
    assert found["healthy"] is True
    with write(ledger.database) as connection:
        open_operations.put(connection, [entry("four", OpenStatus.STOPPED, ledger.clock())])
    assert "wrong for 1 changes" in status(twinrow)["troubles"][0]


@pytest.mark.usefixtures("subscriber")
@pytest.mark.parametrize(("beat_ago", "healthy"), [(timedelta(), True), (timedelta(minutes=2), False)])
def test_an_unfinished_run_is_trouble_once_nobody_carries_it_out(
    twinrow: CommandLine, ledger: Composition, beat_ago: timedelta, healthy: bool
) -> None:
    beat(ledger)
    run = new_run("abc", RunKind.FULL_SYNC, [], ledger.clock() - beat_ago)
    with write(ledger.database) as connection:
        run_leases.begin(connection, run)
    found = status(twinrow)
    assert [(one["id"], one["alive"]) for one in found["runs"]] == [("abc", healthy)]
    assert found["healthy"] is healthy


def entry(record: str, status: OpenStatus, now: datetime) -> OpenOperation:
    key = OperationKey("CUSTOMER", Direction.TO_DATAVERSE, record)
    return OpenOperation(key, status, ChangeKind.MODIFIED, "why", now, now)


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (200_000, "2 d")]
)
def test_ages_are_short(seconds: int, text: str) -> None:
    assert age(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("given", "text"), [([], ""), ([3], "3"), ([0, 1], "0-1"), ([7, 2, 0, 1], "0-2, 7"), ([5, 3], "3, 5")]
)
def test_numbers_are_drawn_together(given: list[int], text: str) -> None:
    assert numbers(given) == text


def test_a_budget_counts_only_for_those_who_use_it(ledger: Composition, twinrow: CommandLine) -> None:
    alone = Budget("Dataverse", ["another"], Allowance(52, 6000))
    process = Process("other", "b-host", 1, "1.0", "sync-modified")
    WorkerLease(ledger.database, process, {System.DATAVERSE: alone}, clock=ledger.clock).beat()
    beat(ledger)
    shares = [one for one in status(twinrow)["budget"] if one["system"] == "dataverse"]
    assert {(one["worker"], one["credential"], one["at_once"]) for one in shares} == {
        ("other", "another", 52),
        (NAME, "main", 52),
    }
