"""A user edits the very row between the engine's reading and its writing: merged or reported, never overwritten."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from engine.ledger.open_operations import OpenStatus
from schemas.system import System
from tests.support.meddling import around_writes
from tests.support.stack import Stack
from tests.support.steps import customer_pair

BC, DV = System.BUSINESS_CENTRAL, System.DATAVERSE

_AMOUNT = Decimal("12.50")


def test_another_column_of_the_account_is_edited_in_between(stack: Stack) -> None:
    customer, account = customer_pair(stack, "Adatum")
    with _editing(stack, DV, lambda: stack.dv.update("accounts", account, {"telephone1": "+41 1"})):
        stack.bc.update("customers", customer, {"city": "Basel"})
    row, there = stack.bc.row("customers", customer), stack.dv.row("accounts", account)
    assert (row["city"], row["phoneNumber"]) == ("Basel", "+41 1")
    assert (there["address1_city"], there["telephone1"]) == ("Basel", "+41 1")
    assert any(part.status == 412 for part in stack.dv.requests.operations(path="/accounts"))


def test_another_column_of_the_customer_is_edited_in_between(stack: Stack) -> None:
    customer, account = customer_pair(stack, "Fabrikam")
    with _editing(stack, BC, lambda: stack.bc.update("customers", customer, {"phoneNumber": "+41 1"})):
        stack.dv.update("accounts", account, {"address1_city": "Basel"})
    row, there = stack.bc.row("customers", customer), stack.dv.row("accounts", account)
    assert (row["city"], row["phoneNumber"]) == ("Basel", "+41 1")
    assert (there["address1_city"], there["telephone1"]) == ("Basel", "+41 1")
    assert any(part.status == 409 for part in stack.bc.requests.operations(path="/customers"))


def test_the_same_column_of_the_account_is_edited_in_between(stack: Stack) -> None:
    customer, account = customer_pair(stack, "Litware")
    with _editing(stack, DV, lambda: stack.dv.update("accounts", account, {"address1_city": "Zug"})):
        stack.bc.update("customers", customer, {"city": "Basel"})
    assert stack.dv.row("accounts", account)["address1_city"] == "Zug"
    assert stack.bc.row("customers", customer)["city"] == "Basel"
    assert OpenStatus.CONFLICT in {entry.status for entry in stack.open_operations(customer)}


def test_the_same_column_of_the_customer_is_edited_in_between(stack: Stack) -> None:
    customer, account = customer_pair(stack, "Northwind")
    with _editing(stack, BC, lambda: stack.bc.update("customers", customer, {"city": "Zug"})):
        stack.dv.update("accounts", account, {"address1_city": "Basel"})
    assert stack.bc.row("customers", customer)["city"] == "Zug"
    assert stack.dv.row("accounts", account)["address1_city"] == "Basel"
    assert OpenStatus.CONFLICT in {entry.status for entry in stack.open_operations(account)}


def test_a_column_that_no_mapping_has_is_edited_in_between(stack: Stack) -> None:
    customer, account = customer_pair(stack, "Proseware")
    with _editing(stack, DV, lambda: stack.dv.update("accounts", account, {"description": "called today"})):
        stack.bc.update("customers", customer, {"city": "Basel"})
    there = stack.dv.row("accounts", account)
    assert (there["address1_city"], there["description"]) == ("Basel", "called today")


def test_the_account_is_deleted_in_between(stack: Stack) -> None:
    customer, account = customer_pair(stack, "Tailspin")
    with _editing(stack, DV, lambda: stack.dv.delete("accounts", account)):
        stack.bc.update("customers", customer, {"city": "Basel"})
    assert stack.bc.row("customers", customer)["city"] == "Basel"
    assert {entry.code for entry in stack.open_operations(customer)} == {"counterpart_deleted"}


def test_a_posting_that_changes_no_value_but_the_version_holds_nothing_up(stack: Stack) -> None:
    """A posted entry gives the customer another version and no other modification time."""
    customer, account = customer_pair(stack, "Wingtip")
    with _editing(stack, BC, lambda: stack.bc.post_entry(customer, _AMOUNT)):
        stack.dv.update("accounts", account, {"address1_city": "Basel"})
    assert stack.bc.row("customers", customer)["city"] == "Basel"
    assert not stack.open_operations(customer) + stack.open_operations(account)


@contextmanager
def _editing(stack: Stack, system: System, edit: Callable[[], Any]) -> Iterator[None]:
    """What is changed inside travels with a worker in front of whose first write of a customer ``edit`` happens."""
    stack.running[0].stop()
    edits: list[Any] = []

    def before(*_: Any) -> None:
        if not edits:
            edits.append(edit())

    stack.start_worker(through=around_writes(system, before=before))
    yield
    stack.settle()
    assert edits
