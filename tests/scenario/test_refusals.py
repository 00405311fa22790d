"""A system refuses a record for good: that record alone is held up, visibly, until something about it changes."""

import pytest

from engine.ledger.open_operations import OpenOperation, OpenStatus
from systems.sandbox.faults import Fault
from tests.support.clocks import ShiftedClock
from tests.support.eventually import eventually
from tests.support.mapping_files import standard_mappings
from tests.support.stack import Arrangement, Stack
from tests.support.steps import customer_pair, unseen

clock = ShiftedClock()

_RETRIED_AFTER = 61.0
"""Seconds after which what was refused is tried again by itself."""


@pytest.fixture(scope="module")
def arrangement(tmp_path_factory: pytest.TempPathFactory) -> Arrangement:
    """With a clock that tests put forward."""
    return Arrangement((standard_mappings(tmp_path_factory.mktemp("mappings")),), clock=clock)


def test_a_record_that_is_refused_twice_the_same_is_skipped_until_it_changes(stack: Stack) -> None:
    account = _nameless_account(stack)
    stack.settle()
    first = _entry(stack, account)
    assert (first.status, first.attempts) == (OpenStatus.FAILED, 1)
    assert "displayName" in first.text
    clock.advance(_RETRIED_AFTER)
    eventually(lambda: _is_skipped(stack, account))
    second = _entry(stack, account)
    assert (second.attempts, second.due_at) == (2, None)

    stack.dv.update("accounts", account, {"name": "Named at last"})
    stack.settle()
    assert len(stack.bc.rows("customers", displayName="Named at last")) == 1
    assert not stack.open_operations(account)


def test_a_skipped_record_is_not_tried_again_when_an_event_says_nothing_new(stack: Stack) -> None:
    account = _nameless_account(stack)
    stack.settle()
    clock.advance(_RETRIED_AFTER)
    eventually(lambda: _is_skipped(stack, account))
    stack.settle()
    stack.forget_requests()
    with unseen(stack):
        pass
    assert not stack.bc.requests.operations(method="POST", path="/customers")


def test_another_error_than_before_is_not_the_same_twice(stack: Stack) -> None:
    _, account = customer_pair(stack, "Adatum")
    for code in ("Application_DialogException", "Application_FieldValidationException"):
        stack.bc.fail(Fault(part=True, method="PATCH", path="/customers", status=400, code=code))
    stack.dv.update("accounts", account, {"address1_city": "Basel"})
    stack.settle()
    assert _entry(stack, account).attempts == 1
    clock.advance(_RETRIED_AFTER)
    eventually(lambda: _entry(stack, account).attempts == 2)
    assert _entry(stack, account).status is OpenStatus.FAILED
    clock.advance(_RETRIED_AFTER)
    eventually(lambda: not stack.open_operations(account))
    stack.settle()
    assert stack.bc.rows("customers", displayName="Adatum")[0]["city"] == "Basel"


def test_one_bad_record_in_a_batch_of_a_hundred_fails_alone(stack: Stack) -> None:
    names = [f"Of a hundred {number}" for number in range(99)]
    with unseen(stack):
        for name in names[:50]:
            stack.dv.insert("accounts", {"name": name, "customertypecode": 3})
        bad = _nameless_account(stack)
        for name in names[50:]:
            stack.dv.insert("accounts", {"name": name, "customertypecode": 3})
    assert {row["displayName"] for row in stack.bc.rows("customers")} >= set(names)
    assert _entry(stack, bad).status is OpenStatus.FAILED
    assert {entry.key.record_id for entry in stack.open_operations()} >= {bad}
    batches = [entry for entry in stack.bc.requests.entries(path="$batch") if entry.parts]
    assert len(batches) < 20, "they went one by one"


def test_one_record_that_dataverse_refuses_fails_alone(stack: Stack) -> None:
    names = [f"Of twenty {number}" for number in range(20)]
    with unseen(stack):
        for name in names:
            stack.bc.insert("customers", {"displayName": name})
        stack.dv.fail(Fault(part=True, method="PATCH", path="/accounts", status=400, skip=7))
    arrived = {row["name"] for row in stack.dv.rows("accounts")} & set(names)
    assert len(arrived) == 19
    (missing,) = set(names) - arrived
    (customer,) = stack.bc.rows("customers", displayName=missing)
    assert _entry(stack, customer["id"]).status is OpenStatus.FAILED


def test_a_record_that_dataverse_refuses_arrives_when_it_is_changed(stack: Stack) -> None:
    stack.dv.fail(Fault(part=True, method="PATCH", path="/accounts", status=400))
    customer = stack.bc.insert("customers", {"displayName": "Second Try"})["id"]
    stack.settle()
    assert _entry(stack, customer).status is OpenStatus.FAILED
    stack.bc.update("customers", customer, {"city": "Oslo"})
    stack.settle()
    (account,) = stack.dv.rows("accounts", name="Second Try")
    assert account["address1_city"] == "Oslo"
    assert not stack.open_operations(customer)


def _nameless_account(stack: Stack) -> str:
    """Something that Dataverse takes and Business Central does not."""
    return str(stack.dv.insert("accounts", {"address1_city": "Nowhere", "customertypecode": 3})["accountid"])


def _entry(stack: Stack, record_id: str) -> OpenOperation:
    (entry,) = stack.open_operations(record_id)
    return entry


def _is_skipped(stack: Stack, record_id: str) -> bool:
    return _entry(stack, record_id).status is OpenStatus.SKIPPED
