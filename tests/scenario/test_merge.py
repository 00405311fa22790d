"""Both sides changed before either change travelled, and nobody needs to decide."""

import pytest

from tests.support.clocks import ShiftedClock
from tests.support.mapping_files import standard_mapping, standard_mappings
from tests.support.stack import Arrangement, Stack
from tests.support.steps import customer_pair, unseen

clock = ShiftedClock()


@pytest.fixture(scope="module")
def arrangement(tmp_path_factory: pytest.TempPathFactory) -> Arrangement:
    """With a clock that tests put forward, and a policy of its own for one column."""
    columns = [
        column | {"conflict": "dataverse"} if column.get("pair", "").startswith("addressLine2 ") else column
        for column in standard_mapping("CUSTOMER")["columns"]
    ]
    changes = {"CUSTOMER": {"update_conflict": "manual", "columns": columns}}
    return Arrangement((standard_mappings(tmp_path_factory.mktemp("mappings"), changes),), clock=clock)


def test_different_columns_changed_on_both_sides_are_merged(stack: Stack) -> None:
    customer, account = customer_pair(stack, "Litware")
    with unseen(stack):
        stack.bc.update("customers", customer, {"city": "Basel", "email": "bc@litware.example"})
        stack.dv.update("accounts", account, {"telephone1": "+41 1", "websiteurl": "https://litware.example"})
    row, there = stack.bc.row("customers", customer), stack.dv.row("accounts", account)
    assert (row["phoneNumber"], row["website"]) == ("+41 1", "https://litware.example")
    assert (row["city"], row["email"]) == ("Basel", "bc@litware.example")
    assert (there["address1_city"], there["emailaddress1"]) == ("Basel", "bc@litware.example")
    assert (there["telephone1"], there["websiteurl"]) == ("+41 1", "https://litware.example")
    assert not stack.open_operations(customer) + stack.open_operations(account)


def test_the_same_value_entered_on_both_sides_is_no_conflict(stack: Stack) -> None:
    customer, account = customer_pair(stack, "Northwind")
    stack.forget_requests()
    with unseen(stack):
        stack.bc.update("customers", customer, {"city": "Basel"})
        stack.dv.update("accounts", account, {"address1_city": "Basel"})
    assert not stack.writes()
    assert not stack.open_operations(customer) + stack.open_operations(account)


def test_a_column_may_have_a_policy_of_its_own(stack: Stack) -> None:
    customer, account = customer_pair(stack, "Proseware")
    with unseen(stack):
        stack.dv.update("accounts", account, {"address1_line2": "from Dataverse"})
        clock.advance(5)
        stack.bc.update("customers", customer, {"addressLine2": "from Business Central"})
    assert stack.bc.row("customers", customer)["addressLine2"] == "from Dataverse"
    assert stack.dv.row("accounts", account)["address1_line2"] == "from Dataverse"
    assert not stack.open_operations(customer) + stack.open_operations(account)


def test_a_one_way_column_never_conflicts_its_owner_wins(stack: Stack) -> None:
    customer, account = customer_pair(stack, "Tailspin")
    with unseen(stack):
        stack.bc.update("customers", customer, {"creditLimit": 900})
        clock.advance(5)
        stack.dv.update("accounts", account, {"creditlimit": 100})
    assert stack.bc.row("customers", customer)["creditLimit"] == 900
    assert stack.dv.row("accounts", account)["creditlimit"] == 900
    assert not stack.open_operations(customer) + stack.open_operations(account)


def test_a_one_way_column_edited_on_the_wrong_side_is_set_right(stack: Stack) -> None:
    customer, account = customer_pair(stack, "Wingtip")
    stack.bc.update("customers", customer, {"creditLimit": 900})
    stack.settle()
    stack.dv.update("accounts", account, {"creditlimit": 1})
    stack.settle()
    assert stack.dv.row("accounts", account)["creditlimit"] == 900
