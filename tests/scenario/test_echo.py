"""What is written here comes back as a notification, and ends there."""

from datetime import timedelta
from typing import Any

import pytest

from schemas.system import System
from tests.support.clocks import ShiftedClock
from tests.support.eventually import eventually
from tests.support.mapping_files import standard_mappings
from tests.support.meddling import around_writes
from tests.support.stack import Arrangement, Stack
from tests.support.steps import customer_pair

clock = ShiftedClock()

_ABANDONED = timedelta(seconds=30)
"""Longer than an event may lie unpublished before it is published again."""


@pytest.fixture(scope="module")
def arrangement(tmp_path_factory: pytest.TempPathFactory) -> Arrangement:
    """With a clock that tests put forward."""
    return Arrangement((standard_mappings(tmp_path_factory.mktemp("mappings")),), clock=clock)


def test_after_a_change_in_business_central_one_write_and_no_other_follows(stack: Stack) -> None:
    customer, _ = customer_pair(stack, "Adatum")
    stack.forget_requests()
    stack.bc.update("customers", customer, {"city": "Basel"})
    stack.settle()
    assert [part.method for part in stack.writes()] == ["PATCH"]


def test_after_a_change_in_dataverse_one_write_and_no_other_follows(stack: Stack) -> None:
    _, account = customer_pair(stack, "Fabrikam")
    stack.forget_requests()
    stack.dv.update("accounts", account, {"address1_city": "Basel"})
    stack.settle()
    assert [part.method for part in stack.writes()] == ["PATCH"]


def test_after_rest_there_are_no_more_requests(stack: Stack) -> None:
    """Not even when what was published long ago is looked through."""
    customer = stack.bc.insert("customers", {"displayName": "Litware"})
    company = stack.bc.company_contact_number("customers", customer["id"])
    stack.bc.insert("contacts", {"type": "Person", "displayName": "Ann Beebe", "companyNumber": company})
    stack.settle()
    stack.forget_requests()
    clock.advance(_ABANDONED.total_seconds())
    later = clock() + timedelta(seconds=1.2)  # real ones: what is due is looked for every second
    eventually(lambda: clock() > later)
    stack.settle()
    assert stack.requests() == 0


def test_an_edit_of_dataverse_right_behind_the_engines_own_travels(stack: Stack) -> None:
    """Times of Dataverse are whole seconds: a user's edit may have the same one as ours."""
    customer, account = customer_pair(stack, "Northwind")
    process = stack.running[0]
    process.stop()
    edited: list[dict[str, Any]] = []

    def edit(*_: Any) -> None:
        if not edited:
            edited.append(stack.dv.update("accounts", account, {"telephone1": "+41 1"}))

    stack.start_worker(through=around_writes(System.DATAVERSE, after=edit))
    stack.bc.update("customers", customer, {"city": "Basel"})
    stack.settle()
    assert edited
    row, there = stack.bc.row("customers", customer), stack.dv.row("accounts", account)
    assert (row["city"], row["phoneNumber"]) == ("Basel", "+41 1")
    assert (there["address1_city"], there["telephone1"]) == ("Basel", "+41 1")


def test_an_edit_of_business_central_right_behind_the_engines_own_travels(stack: Stack) -> None:
    customer, account = customer_pair(stack, "Proseware")
    stack.running[0].stop()
    edited: list[dict[str, Any]] = []

    def edit(*_: Any) -> None:
        if not edited:
            edited.append(stack.bc.update("customers", customer, {"phoneNumber": "+41 1"}))

    stack.start_worker(through=around_writes(System.BUSINESS_CENTRAL, after=edit))
    stack.dv.update("accounts", account, {"address1_city": "Basel"})
    stack.settle()
    assert edited
    row, there = stack.bc.row("customers", customer), stack.dv.row("accounts", account)
    assert (row["city"], row["phoneNumber"]) == ("Basel", "+41 1")
    assert (there["address1_city"], there["telephone1"]) == ("Basel", "+41 1")


def test_an_edit_of_the_same_column_right_behind_the_engines_own_stands(stack: Stack) -> None:
    customer, account = customer_pair(stack, "Tailspin")
    stack.running[0].stop()
    edited: list[dict[str, Any]] = []

    def edit(*_: Any) -> None:
        if not edited:
            edited.append(stack.dv.update("accounts", account, {"address1_city": "Zug"}))

    stack.start_worker(through=around_writes(System.DATAVERSE, after=edit))
    stack.bc.update("customers", customer, {"city": "Basel"})
    stack.settle()
    assert stack.bc.row("customers", customer)["city"] == "Zug"
    assert stack.dv.row("accounts", account)["address1_city"] == "Zug"


def test_a_value_that_is_entered_and_taken_back_ends_as_it_was(stack: Stack) -> None:
    customer, account = customer_pair(stack, "Wingtip")
    for _ in range(5):
        stack.bc.update("customers", customer, {"city": "Basel"})
        stack.bc.update("customers", customer, {"city": "Bern"})
    stack.settle()
    assert stack.dv.row("accounts", account)["address1_city"] == "Bern"


def test_many_edits_of_both_sides_come_to_rest_equal(stack: Stack) -> None:
    customer, account = customer_pair(stack, "Woodgrove")
    for number in range(30):
        stack.bc.update("customers", customer, {"addressLine1": f"Street {number}"})
        stack.dv.update("accounts", account, {"telephone1": f"+41 {number}"})
    stack.settle()
    row, there = stack.bc.row("customers", customer), stack.dv.row("accounts", account)
    assert row["addressLine1"] == there["address1_line1"] == "Street 29"
    assert row["phoneNumber"] == there["telephone1"] == "+41 29"
    assert not stack.open_operations(customer) + stack.open_operations(account)
