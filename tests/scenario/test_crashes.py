"""A worker dies, or an answer is lost, between a write and the ledger's record of it: one row, whatever happens."""

from collections.abc import Callable, Sequence

import pytest

from engine.ledger.open_operations import OpenStatus
from schemas.row import Table
from schemas.system import System
from systems.interface import Create, Update, Write
from systems.sandbox.faults import Fault
from tests.support.eventually import eventually
from tests.support.meddling import Death, Moment, around_writes
from tests.support.stack import Stack
from tests.support.steps import customer_pair

pytestmark = pytest.mark.filterwarnings("ignore:Exception in thread execute")  # threads that are killed on purpose

BC, DV = System.BUSINESS_CENTRAL, System.DATAVERSE

LOST_ANSWER = Fault("drop", method="POST", path=r"\$batch", after=True)


def test_the_answer_to_creating_an_account_is_lost(stack: Stack) -> None:
    stack.dv.fail(LOST_ANSWER)
    stack.bc.insert("customers", {"displayName": "Adatum"})
    stack.settle()
    _assert_one_pair(stack, "Adatum")
    assert not stack.dv.faults.waiting


def test_the_answer_to_creating_a_customer_is_lost(stack: Stack) -> None:
    stack.bc.fail(LOST_ANSWER)
    stack.dv.insert("accounts", {"name": "Fabrikam", "customertypecode": 3})
    stack.settle()
    _assert_one_pair(stack, "Fabrikam")
    assert not stack.bc.faults.waiting


def test_the_answer_to_changing_an_account_is_lost(stack: Stack) -> None:
    customer, account = customer_pair(stack, "Litware")
    stack.dv.fail(LOST_ANSWER)
    stack.bc.update("customers", customer, {"city": "Basel"})
    stack.settle()
    assert stack.dv.row("accounts", account)["address1_city"] == "Basel"
    _assert_one_pair(stack, "Litware")


def test_the_answer_to_changing_a_customer_is_lost(stack: Stack) -> None:
    customer, account = customer_pair(stack, "Northwind")
    stack.bc.fail(LOST_ANSWER)
    stack.dv.update("accounts", account, {"address1_city": "Basel"})
    stack.settle()
    assert stack.bc.row("customers", customer)["city"] == "Basel"
    _assert_one_pair(stack, "Northwind")


@pytest.mark.parametrize("system", [BC, DV])
def test_the_answer_to_creating_several_at_once_is_lost(stack: Stack, system: System) -> None:
    names = [f"Of {system.value} {number}" for number in range(20)]
    for process in stack.running:
        process.stop()
    for name in names:
        if system is BC:
            stack.dv.insert("accounts", {"name": name, "customertypecode": 3})
        else:
            stack.bc.insert("customers", {"displayName": name})
    (stack.bc if system is BC else stack.dv).fail(LOST_ANSWER)
    stack.start_worker()
    stack.settle()
    for name in names:
        _assert_one_pair(stack, name)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_worker_dies_while_it_creates_an_account(stack: Stack, moment: str) -> None:
    name = f"Account {moment} death"
    _while_dying(stack, DV, moment, Create, lambda: stack.bc.insert("customers", {"displayName": name}))
    _assert_one_pair(stack, name)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_worker_dies_while_it_creates_a_customer(stack: Stack, moment: str) -> None:
    name = f"Customer {moment} death"
    row = {"name": name, "customertypecode": 3}
    _while_dying(stack, BC, moment, Create, lambda: stack.dv.insert("accounts", row))
    _assert_one_pair(stack, name)


def test_a_worker_dies_while_it_creates_a_customer_that_is_edited_before_the_next_one_looks(stack: Stack) -> None:
    row = {"name": "Edited Orphan", "customertypecode": 3}
    stopped = _dying(stack, BC, "after", Create, lambda: stack.dv.insert("accounts", row))
    stopped()
    (customer,) = stack.bc.rows("customers", displayName="Edited Orphan")
    stack.bc.update("customers", customer["id"], {"salespersonCode": "", "taxRegistrationNumber": "77"})
    stack.start_worker()
    stack.settle()
    _assert_one_pair(stack, "Edited Orphan")


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_worker_dies_while_it_changes_an_account(stack: Stack, moment: str) -> None:
    customer, account = customer_pair(stack, f"Changed account {moment}")
    _while_dying(stack, DV, moment, Update, lambda: stack.bc.update("customers", customer, {"city": "Basel"}))
    assert stack.dv.row("accounts", account)["address1_city"] == "Basel"
    assert stack.bc.row("customers", customer)["city"] == "Basel"


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_worker_dies_while_it_changes_a_customer(stack: Stack, moment: str) -> None:
    customer, account = customer_pair(stack, f"Changed customer {moment}")
    _while_dying(stack, BC, moment, Update, lambda: stack.dv.update("accounts", account, {"address1_city": "Basel"}))
    assert stack.bc.row("customers", customer)["city"] == "Basel"
    assert stack.dv.row("accounts", account)["address1_city"] == "Basel"


def test_an_edit_after_the_death_of_a_worker_is_not_undone_unseen(stack: Stack) -> None:
    """The next worker cannot know whose value it finds: a person decides."""
    customer, account = customer_pair(stack, "Proseware")
    stopped = _dying(stack, DV, "after", Update, lambda: stack.bc.update("customers", customer, {"city": "Basel"}))
    stopped()
    stack.dv.update("accounts", account, {"address1_city": "Zug"})
    stack.start_worker()
    stack.settle()
    assert stack.dv.row("accounts", account)["address1_city"] == "Zug"
    (entry,) = stack.open_operations(customer)
    assert (entry.status, entry.detail[0]["base"]) == (OpenStatus.CONFLICT, "Bern")


def _while_dying(stack: Stack, system: System, moment: str, kind: type[Write], change: Callable[[], object]) -> None:
    """``change`` something with a worker that dies around its first write of a kind; another one follows it."""
    _dying(stack, system, moment, kind, change)()
    stack.start_worker()
    stack.settle()


def _dying(
    stack: Stack, system: System, moment: str, kind: type[Write], change: Callable[[], object]
) -> Callable[[], None]:
    """As :func:`_while_dying`, with nobody following: the answer waits for the death, and clears up."""
    for process in stack.running:
        process.stop()
    deaths = []

    def die(_: Table, writes: Sequence[Write]) -> None:
        if any(isinstance(write, kind) for write in writes):
            deaths.append(moment)
            raise Death

    last: Moment = die
    through = around_writes(system, before=last) if moment == "before" else around_writes(system, after=last)
    mortal = stack.start_worker(through=through)
    change()

    def stopped() -> None:
        eventually(lambda: deaths)
        mortal.stop()

    return stopped


def _assert_one_pair(stack: Stack, name: str) -> None:
    """One customer and one account of that name, coupled with each other."""
    (customer,) = stack.bc.rows("customers", displayName=name)
    (account,) = stack.dv.rows("accounts", name=name)
    pairs = [(one.bc_id, one.dv_id) for one in stack.couplings("CUSTOMER") if one.dv_id == account["accountid"]]
    assert pairs == [(customer["id"], account["accountid"])]
    assert not stack.open_operations(customer["id"]) + stack.open_operations(account["accountid"])
