"""An account names its primary contact, which hangs under that account: a circle, from nothing, over custom pages."""

from typing import Any

import pytest

from tests.support.mapping_files import Changes, standard_mapping
from tests.support.stack import Stack

CARDS = "contoso/crm/v1.0"


@pytest.fixture(scope="module")
def changes() -> Changes:
    """Customers and contacts on the custom page, which shows the primary contact."""
    customer, contact = standard_mapping("CUSTOMER"), standard_mapping("CONTACT")
    primary = {
        "pair": "primaryContactNumber <-> primarycontactid",
        "reference": {"to": "CONTACT", "by": "key", "missing": "defer"},
    }
    return {
        "CUSTOMER": {
            "business_central": customer["business_central"] | {"api": CARDS, "table": "customerCards"},
            "columns": [*customer["columns"], primary],
        },
        "CONTACT": {
            "business_central": contact["business_central"]
            | {"api": CARDS, "table": "contactCards", "referenced_by": "number"}
        },
    }


def test_a_circle_made_in_business_central_is_a_circle_in_dataverse(stack: Stack) -> None:
    stack.running[0].stop()
    customer, person = _customer(stack, "Adatum"), _person(stack, "Adatum", "Ann Beebe")
    stack.bc.update("customerCards", customer["id"], {"primaryContactNumber": person["number"]})
    stack.start_worker()
    stack.settle()
    _assert_circle(stack, "Adatum", "Ann Beebe")
    assert not stack.open_operations()


def test_a_circle_made_in_dataverse_is_a_circle_in_business_central(stack: Stack) -> None:
    stack.running[0].stop()
    account = stack.dv.insert("accounts", {"name": "Tailspin", "customertypecode": 3})["accountid"]
    parent = {"parentcustomerid_account@odata.bind": f"/accounts({account})"}
    contact = stack.dv.insert("contacts", {"firstname": "Lee", "lastname": "Gu", **parent})["contactid"]
    stack.dv.update("accounts", account, {"primarycontactid@odata.bind": f"/contacts({contact})"})
    stack.start_worker()
    stack.settle()
    _assert_circle(stack, "Tailspin", "Lee Gu")
    assert not stack.open_operations()


def test_the_primary_contact_is_changed_in_business_central(stack: Stack) -> None:
    customer, first = _customer(stack, "Proseware"), _person(stack, "Proseware", "First Person")
    second = _person(stack, "Proseware", "Second Person")
    stack.bc.update("customerCards", customer["id"], {"primaryContactNumber": first["number"]})
    stack.settle()
    _assert_circle(stack, "Proseware", "First Person")
    stack.bc.update("customerCards", customer["id"], {"primaryContactNumber": second["number"]})
    stack.settle()
    _assert_circle(stack, "Proseware", "Second Person")


def test_the_primary_contact_is_changed_and_taken_away_in_dataverse(stack: Stack) -> None:
    customer = _customer(stack, "Lucerne")
    _person(stack, "Lucerne", "Old Hand")
    _person(stack, "Lucerne", "New Hand")
    stack.settle()
    (account,) = stack.dv.rows("accounts", name="Lucerne")
    (contact,) = stack.dv.rows("contacts", fullname="New Hand")
    bind = {"primarycontactid@odata.bind": f"/contacts({contact['contactid']})"}
    stack.dv.update("accounts", account["accountid"], bind)
    stack.settle()
    _assert_circle(stack, "Lucerne", "New Hand")
    stack.dv.update("accounts", account["accountid"], {"primarycontactid@odata.bind": None})
    stack.settle()
    assert stack.bc.row("customerCards", customer["id"])["primaryContactNumber"] == ""


def test_an_edit_while_the_circle_closes_is_not_lost(stack: Stack) -> None:
    stack.running[0].stop()
    customer, person = _customer(stack, "Margie"), _person(stack, "Margie", "Edith Munoz")
    stack.bc.update("customerCards", customer["id"], {"primaryContactNumber": person["number"]})
    stack.start_worker()
    stack.bc.update("customerCards", customer["id"], {"city": "Rome"})
    stack.settle()
    _assert_circle(stack, "Margie", "Edith Munoz")
    (account,) = stack.dv.rows("accounts", name="Margie")
    assert account["address1_city"] == "Rome"


def _customer(stack: Stack, name: str) -> dict[str, Any]:
    return stack.bc.insert("customerCards", {"displayName": name})


def _person(stack: Stack, company: str, name: str) -> dict[str, Any]:
    (customer,) = stack.bc.rows("customerCards", displayName=company)
    number = stack.bc.company_contact_number("customerCards", customer["id"])
    return stack.bc.insert("contactCards", {"type": "Person", "displayName": name, "companyNumber": number})


def _assert_circle(stack: Stack, company: str, name: str) -> None:
    """Account and contact, customer and person refer to each other."""
    (account,) = stack.dv.rows("accounts", name=company)
    (contact,) = stack.dv.rows("contacts", fullname=name)
    assert account["_primarycontactid_value"] == contact["contactid"]
    assert contact["_parentcustomerid_value"] == account["accountid"]
    (customer,) = stack.bc.rows("customerCards", displayName=company)
    (person,) = stack.bc.rows("contactCards", displayName=name)
    assert customer["primaryContactNumber"] == person["number"]
    assert person["companyNumber"] == stack.bc.company_contact_number("customerCards", customer["id"])
