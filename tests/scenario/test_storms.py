"""Systems that are overloaded, away, or refuse a token for a while: late, but nothing lost or held against it."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from console.sandbox_settings import UNLIMITED
from engine.ledger import jobs
from engine.ledger.database import read
from schemas.budget import WINDOW, Allowance
from systems.sandbox.faults import Fault
from systems.sandbox.limits import Limits
from tests.support.stack import Stack
from tests.support.steps import customer_pair
from tests.support.worker_process import WorkerProcess

STORMS: dict[str, Callable[[], Fault]] = {
    "429": lambda: Fault(status=429, count=5, retry_after=0),
    "429 without a wait": lambda: Fault(status=429, count=5),
    "503": lambda: Fault(status=503, count=5),
    "503 with a wait": lambda: Fault(status=503, count=5, retry_after=0),
    "504 after the work": lambda: Fault(status=504, count=3, method="POST", path=r"\$batch", after=True),
    "no answer": lambda: Fault("drop", count=5),
    "429 in batches": lambda: Fault(status=429, count=5, part=True),
}


@pytest.mark.parametrize("storm", STORMS)
def test_a_storm_passes_and_everything_arrives_once(stack: Stack, storm: str) -> None:
    customers, accounts = [f"To Dataverse {storm} {n}" for n in range(6)], [f"From {storm} {n}" for n in range(6)]
    stack.bc.fail(STORMS[storm]())
    stack.dv.fail(STORMS[storm]())
    for customer, account in zip(customers, accounts, strict=True):
        stack.bc.insert("customers", {"displayName": customer})
        stack.dv.insert("accounts", {"name": account, "customertypecode": 3})
    stack.settle(within=40.0)
    for name in customers + accounts:
        assert len(stack.bc.rows("customers", displayName=name)) == 1
        assert len(stack.dv.rows("accounts", name=name)) == 1
    _assert_nothing_held_against(stack)


def test_a_system_that_allows_less_than_is_set_slows_down_and_loses_nothing(stack: Stack) -> None:
    names = [f"On a budget {number}" for number in range(12)]
    for process in stack.running:
        process.stop()  # it still goes slowly, after other storms
    stack.start_worker()
    for system in (stack.bc, stack.dv):
        system.set_limits(Limits(requests=4, window=timedelta(seconds=1)))
    _allow(stack, Allowance(at_once=5, per_window=4 * 4 * int(WINDOW)))
    for name in names:
        stack.dv.insert("accounts", {"name": name, "customertypecode": 3})
    stack.settle(within=40.0)
    for system in (stack.bc, stack.dv):
        system.set_limits(Limits())
    _allow(stack, Allowance(at_once=5, per_window=UNLIMITED))
    for name in names:
        assert len(stack.bc.rows("customers", displayName=name)) == 1
    assert stack.dv.requests.entries(status=429) + stack.bc.requests.entries(status=429)
    _assert_nothing_held_against(stack)


def test_tokens_that_are_suddenly_refused_are_fetched_anew(stack: Stack) -> None:
    customer, account = customer_pair(stack, "Adatum")
    stack.sandbox.tokens.revoke_all()
    stack.bc.update("customers", customer, {"city": "Basel"})
    stack.settle()
    stack.sandbox.tokens.revoke_all()
    stack.dv.update("accounts", account, {"telephone1": "+41 1"})
    stack.settle()
    assert stack.dv.row("accounts", account)["address1_city"] == "Basel"
    assert stack.bc.row("customers", customer)["phoneNumber"] == "+41 1"
    assert stack.dv.requests.entries(status=401) + stack.bc.requests.entries(status=401)
    _assert_nothing_held_against(stack)


def _allow(stack: Stack, share: Allowance) -> None:
    """Give the worker this share of both budgets, as a heartbeat does."""
    for process in stack.running:
        assert isinstance(process, WorkerProcess)
        for budget in process.composition.budgets.values():
            budget.grant(dict.fromkeys(budget.credentials, share), 3600.0)


def _assert_nothing_held_against(stack: Stack) -> None:
    """No record is open, and none ever counted as failed."""
    assert not stack.open_operations()
    with read(stack.database) as connection:
        assert not jobs.errors(connection)
