"""One column changed on both sides before either change travelled: the mapping's policy decides."""

import pytest

from engine.ledger.open_operations import OpenStatus
from tests.support.clocks import ShiftedClock
from tests.support.mapping_files import standard_mappings
from tests.support.stack import Arrangement, Stack
from tests.support.steps import customer_pair, unseen

POLICIES = ("manual", "business_central", "dataverse", "latest")

clock = ShiftedClock()


@pytest.fixture(scope="module", params=POLICIES)
def policy(request: pytest.FixtureRequest) -> str:
    """The mapping's policy."""
    return str(request.param)


@pytest.fixture(scope="module")
def arrangement(tmp_path_factory: pytest.TempPathFactory, policy: str) -> Arrangement:
    """With a clock that tests put forward."""
    changes = {"CUSTOMER": {"update_conflict": policy}}
    return Arrangement((standard_mappings(tmp_path_factory.mktemp("mappings"), changes),), clock=clock)


def test_one_column_changed_on_both_sides_first_in_business_central(stack: Stack, policy: str) -> None:
    customer, account = customer_pair(stack, "Adatum")
    with unseen(stack):
        stack.bc.update("customers", customer, {"city": "Basel"})
        clock.advance(5)
        stack.dv.update("accounts", account, {"address1_city": "Zug"})
    _assert_settled(stack, customer, account, policy, business_central="Basel", dataverse="Zug", latest="Zug")


def test_one_column_changed_on_both_sides_first_in_dataverse(stack: Stack, policy: str) -> None:
    customer, account = customer_pair(stack, "Fabrikam")
    with unseen(stack):
        stack.dv.update("accounts", account, {"address1_city": "Zug"})
        clock.advance(5)
        stack.bc.update("customers", customer, {"city": "Basel"})
    _assert_settled(stack, customer, account, policy, business_central="Basel", dataverse="Zug", latest="Basel")


def test_other_columns_of_a_row_in_conflict_wait_and_follow(stack: Stack, policy: str) -> None:
    customer, account = customer_pair(stack, "Woodgrove")
    with unseen(stack):
        stack.bc.update("customers", customer, {"city": "Basel", "email": "post@woodgrove.example"})
        clock.advance(5)
        stack.dv.update("accounts", account, {"address1_city": "Zug"})
    if policy == "manual":
        stack.bc.update("customers", customer, {"city": "Zug"})
        stack.settle()
    row, there = stack.bc.row("customers", customer), stack.dv.row("accounts", account)
    assert row["city"] == there["address1_city"]
    assert row["email"] == there["emailaddress1"] == "post@woodgrove.example"
    assert not stack.open_operations(customer) + stack.open_operations(account)


def _assert_settled(stack: Stack, customer: str, account: str, policy: str, **city: str) -> None:
    """The city on both sides is the policy's choice; for a person to decide, each side keeps its own."""
    cities = (stack.bc.row("customers", customer)["city"], stack.dv.row("accounts", account)["address1_city"])
    entries = stack.open_operations(customer) + stack.open_operations(account)
    if policy == "manual":
        assert cities == ("Basel", "Zug")
        assert {entry.status for entry in entries} == {OpenStatus.CONFLICT}
        assert entries[0].detail[0]["base"] == "Bern"
    else:
        assert cities == (city[policy], city[policy])
        assert not entries
