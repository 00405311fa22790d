"""Mappings as they ship leave alone what is not coupled; full sync couples, and says what holds afterwards."""

import pytest

from producers import full_sync
from tests.support.mapping_files import standard_mappings
from tests.support.stack import Arrangement, Stack


@pytest.fixture(scope="module")
def arrangement(tmp_path_factory: pytest.TempPathFactory) -> Arrangement:
    """As the mappings ship."""
    return Arrangement((standard_mappings(tmp_path_factory.mktemp("mappings"), only_coupled=True),))


def test_rows_that_are_not_coupled_are_left_alone(own_stack: Stack) -> None:
    own_stack.bc.insert("customers", {"displayName": "Adatum"})
    own_stack.dv.insert("accounts", {"name": "Fabrikam", "customertypecode": 3})
    own_stack.settle()
    assert not own_stack.writes("/customers") + own_stack.writes("/accounts")
    assert not own_stack.couplings("CUSTOMER")


@pytest.mark.parametrize("allow_create", [True, False])
def test_after_a_full_sync_the_answer_decides_whether_new_rows_travel(own_stack: Stack, allow_create: bool) -> None:
    stack = own_stack
    customer = stack.bc.insert("customers", {"displayName": "Adatum"})["id"]
    stack.dv.insert("accounts", {"name": "Fabrikam", "customertypecode": 3})
    verdict = full_sync.start(stack.producer_context, allow_create=allow_create)
    stack.settle()
    assert verdict.good
    assert {row["name"] for row in stack.dv.rows("accounts")} == {"Adatum", "Fabrikam"}
    assert {row["displayName"] for row in stack.bc.rows("customers")} == {"Adatum", "Fabrikam"}

    stack.bc.update("customers", customer, {"city": "Basel"})
    stack.bc.insert("customers", {"displayName": "Litware"})
    stack.dv.insert("accounts", {"name": "Northwind", "customertypecode": 3})
    stack.settle()
    assert stack.dv.rows("accounts", name="Adatum")[0]["address1_city"] == "Basel"
    assert len(stack.dv.rows("accounts", name="Litware")) == allow_create
    assert len(stack.bc.rows("customers", displayName="Northwind")) == allow_create


def test_a_person_under_a_company_that_is_not_coupled_is_left_alone_until_it_is(own_stack: Stack) -> None:
    stack = own_stack
    customer = stack.bc.insert("customers", {"displayName": "Adatum"})
    company = stack.bc.company_contact_number("customers", customer["id"])
    stack.bc.insert("contacts", {"type": "Person", "displayName": "Ann Beebe", "companyNumber": company})
    stack.settle()
    assert not stack.dv.rows("contacts")
    assert full_sync.start(stack.producer_context, allow_create=False).good
    stack.settle()
    (account,) = stack.dv.rows("accounts", name="Adatum")
    (contact,) = stack.dv.rows("contacts", fullname="Ann Beebe")
    assert contact["_parentcustomerid_value"] == account["accountid"]
