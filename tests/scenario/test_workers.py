"""Workers come and go, and share the work."""

from contextlib import suppress
from functools import partial
from threading import Event

import pytest
from sqlalchemy import select

from engine.ledger.database import read
from engine.ledger.log_tables import LogPosition
from schemas.system import System
from systems.sandbox.latency import Latency
from tests.support.eventually import eventually
from tests.support.meddling import around_writes
from tests.support.stack import Stack

BC, DV = System.BUSINESS_CENTRAL, System.DATAVERSE


@pytest.mark.parametrize("into", [BC, DV])
def test_a_worker_that_is_stopped_in_the_middle_leaves_nothing_behind(stack: Stack, into: System) -> None:
    names = _burst(stack, into, f"Stopped {into.value}")
    for share in (5, 15, 25):
        eventually(partial(_has_arrived, stack, into, names, share))
        stack.running[0].stop()
        stack.start_worker()
    stack.settle()
    _assert_each_once(stack, names)


@pytest.mark.parametrize("into", [BC, DV])
def test_a_second_worker_joins_in_the_middle(stack: Stack, into: System) -> None:
    """What the first has begun when partitions leave it is not done a second time by the other."""
    _slow_down(stack, 0.05)
    names = _burst(stack, into, f"Joined {into.value}")
    eventually(partial(_has_arrived, stack, into, names, 3))
    stack.start_worker()
    eventually(lambda: len(_owners(stack)) == 2)
    stack.settle()
    _assert_each_once(stack, names)


@pytest.mark.parametrize("into", [BC, DV])
def test_partitions_leave_a_worker_only_after_what_it_has_begun(stack: Stack, into: System) -> None:
    """Else the next one would create a row that the first one is creating."""
    begun, go_on = Event(), Event()

    def hold(*_: object) -> None:
        begun.set()
        go_on.wait(10.0)

    stack.running[0].stop()
    stack.start_worker(through=around_writes(into, before=hold))
    names = _burst(stack, into, f"Begun {into.value}")
    assert begun.wait(10.0)
    stack.start_worker()
    with suppress(AssertionError):  # it has nothing yet, and would have created some by then
        eventually(partial(_has_arrived, stack, into, names, 1), within=2.0)
    go_on.set()
    stack.settle()
    _assert_each_once(stack, names)


@pytest.mark.parametrize("into", [BC, DV])
def test_one_of_two_workers_leaves_in_the_middle(stack: Stack, into: System) -> None:
    second = stack.start_worker()
    eventually(lambda: len(_owners(stack)) == 2)
    _slow_down(stack, 0.05)
    names = _burst(stack, into, f"Left {into.value}")
    eventually(partial(_has_arrived, stack, into, names, 3))
    second.stop()
    stack.settle()
    _assert_each_once(stack, names)
    assert len(_owners(stack)) == 1


def test_two_workers_keep_both_sides_of_many_records_equal(stack: Stack) -> None:
    names = _burst(stack, DV, "Shared")
    stack.settle()
    stack.start_worker()
    eventually(lambda: len(_owners(stack)) == 2)
    for number, name in enumerate(names):
        (customer,), (account,) = stack.bc.rows("customers", displayName=name), stack.dv.rows("accounts", name=name)
        stack.bc.update("customers", customer["id"], {"city": f"City {number}"})
        stack.dv.update("accounts", account["accountid"], {"telephone1": f"+41 {number}"})
    stack.settle()
    for number, name in enumerate(names):
        (customer,), (account,) = stack.bc.rows("customers", displayName=name), stack.dv.rows("accounts", name=name)
        assert customer["city"] == account["address1_city"] == f"City {number}"
        assert customer["phoneNumber"] == account["telephone1"] == f"+41 {number}"
    assert not stack.open_operations()


def _burst(stack: Stack, into: System, prefix: str) -> list[str]:
    """The names of thirty new rows, to be created in ``into``."""
    names = [f"{prefix} {number}" for number in range(30)]
    for name in names:
        if into is DV:
            stack.bc.insert("customers", {"displayName": name})
        else:
            stack.dv.insert("accounts", {"name": name, "customertypecode": 3})
    return names


def _slow_down(stack: Stack, seconds: float) -> None:
    """Let every request take so long."""
    for system in (stack.bc, stack.dv):
        system.set_latency(Latency(seconds))


def _has_arrived(stack: Stack, into: System, names: list[str], number: int) -> bool:
    """Whether so many of the rows are in ``into``."""
    rows = stack.dv.rows("accounts") if into is DV else stack.bc.rows("customers")
    return len({row["name" if into is DV else "displayName"] for row in rows} & set(names)) >= number


def _owners(stack: Stack) -> set[int]:
    """The members that have partitions."""
    with read(stack.database) as connection:
        return {owner for owner in connection.execute(select(LogPosition.owner_id)).scalars() if owner is not None}


def _assert_each_once(stack: Stack, names: list[str]) -> None:
    customers, accounts = stack.bc.rows("customers"), stack.dv.rows("accounts")
    wanted = sorted(names)
    assert sorted(row["displayName"] for row in customers if row["displayName"] in names) == wanted
    assert sorted(row["name"] for row in accounts if row["name"] in names) == wanted
    assert not stack.open_operations()
