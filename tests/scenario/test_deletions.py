"""A row is deleted on one side: what becomes of the other, by each policy."""

import pytest

from engine.ledger.open_operations import OpenStatus
from schemas.system import Direction
from tests.support.mapping_files import Changes
from tests.support.stack import Stack

POLICIES = ("none", "restore", "remove_coupling", "delete", "deactivate")


@pytest.fixture(scope="module", params=POLICIES)
def policy(request: pytest.FixtureRequest) -> str:
    """The policy of the module's stack."""
    return str(request.param)


@pytest.fixture(scope="module")
def changes(policy: str) -> Changes:
    return {"CUSTOMER": {"deletion_conflict": policy}}


def test_a_customer_deleted_in_business_central(stack: Stack, policy: str) -> None:
    customer, account = _pair(stack, "Adatum")
    stack.bc.delete("customers", customer)
    stack.settle()
    accounts = stack.dv.rows("accounts", name="Adatum")
    customers = stack.bc.rows("customers", displayName="Adatum")
    match policy:
        case "none":
            (entry,) = stack.open_operations(customer)
            assert (entry.status, entry.code) == (OpenStatus.FAILED, "counterpart_deleted")
            assert (len(accounts), len(customers)) == (1, 0)
        case "restore":
            assert [row["accountid"] for row in accounts] == [account]
            assert len(customers) == 1
            assert customers[0]["id"] != customer
            assert _coupled(stack, account) == customers[0]["id"]
        case "remove_coupling":
            assert [row["accountid"] for row in accounts] == [account]
            assert not customers
            assert _coupled(stack, account) is None
        case "delete":
            assert not accounts
            assert _coupled(stack, account) is None
        case "deactivate":
            assert [(row["accountid"], row["statecode"]) for row in accounts] == [(account, 1)]
            assert not customers
            assert _coupled(stack, account) is None


def test_an_account_deleted_in_dataverse(stack: Stack, policy: str) -> None:
    customer, account = _pair(stack, "Fabrikam")
    stack.dv.delete("accounts", account)
    stack.settle()
    accounts = stack.dv.rows("accounts", name="Fabrikam")
    customers = stack.bc.rows("customers", displayName="Fabrikam")
    match policy:
        case "none":
            (entry,) = stack.open_operations(account)
            assert (entry.status, entry.code) == (OpenStatus.FAILED, "counterpart_deleted")
            assert (len(accounts), len(customers)) == (0, 1)
        case "restore":
            assert [row["id"] for row in customers] == [customer]
            assert len(accounts) == 1
            assert accounts[0]["accountid"] != account
            assert _coupled(stack, accounts[0]["accountid"]) == customer
        case "remove_coupling":
            assert [row["id"] for row in customers] == [customer]
            assert not accounts
            assert _coupled(stack, account) is None
        case "delete":
            assert not customers
            assert _coupled(stack, account) is None
        case "deactivate":
            assert [(row["id"], row["blocked"]) for row in customers] == [(customer, "All")]
            assert not accounts
            assert _coupled(stack, account) is None


def test_a_change_of_the_row_that_was_left_over(stack: Stack, policy: str) -> None:
    """What was uncoupled on purpose is not created again by itself; what was restored is kept equal."""
    customer, account = _pair(stack, "Litware")
    stack.bc.delete("customers", customer)
    stack.settle()
    if policy != "delete":
        stack.dv.update("accounts", account, {"address1_city": "Madrid"})
        stack.settle()
    cities = [row["city"] for row in stack.bc.rows("customers", displayName="Litware")]
    assert cities == (["Madrid"] if policy == "restore" else [])


def test_a_row_changed_on_one_side_while_it_is_deleted_on_the_other_is_not_deleted_unseen(
    stack: Stack, policy: str
) -> None:
    customer, account = _pair(stack, "Woodgrove")
    stack.running[0].stop()
    stack.bc.delete("customers", customer)
    stack.dv.update("accounts", account, {"address1_city": "Lima"})
    stack.start_worker()
    stack.settle()
    (row,) = stack.dv.rows("accounts", name="Woodgrove")
    assert (row["accountid"], row["address1_city"], row["statecode"]) == (account, "Lima", 0)
    cities = [row["city"] for row in stack.bc.rows("customers", displayName="Woodgrove")]
    assert cities == (["Lima"] if policy == "restore" else [])
    reported = {entry.status for entry in [*stack.open_operations(customer), *stack.open_operations(account)]}
    assert reported == {
        "none": {OpenStatus.FAILED},
        "delete": {OpenStatus.CONFLICT},
        "deactivate": {OpenStatus.CONFLICT},
    }.get(policy, set())


def _pair(stack: Stack, name: str) -> tuple[str, str]:
    """The ids of a new coupled pair."""
    customer = str(stack.bc.insert("customers", {"displayName": name})["id"])
    stack.settle()
    (account,) = stack.dv.rows("accounts", name=name)
    return customer, str(account["accountid"])


def _coupled(stack: Stack, account: str) -> str | None:
    """The customer that an account is coupled to."""
    return next(
        (one.id_in(Direction.TO_DATAVERSE.source) for one in stack.couplings("CUSTOMER") if one.dv_id == account), None
    )
