"""Under person ownership users of Dataverse become salespeople, and a customer's salesperson owns its account."""

import pytest

from engine.ledger.open_operations import OpenStatus
from tests.support.mapping_files import standard_mappings
from tests.support.stack import Arrangement, Stack


@pytest.fixture(scope="module")
def arrangement(tmp_path_factory: pytest.TempPathFactory) -> Arrangement:
    """With person ownership."""
    return Arrangement((standard_mappings(tmp_path_factory.mktemp("mappings")),), ownership="person")


def test_a_user_becomes_a_salesperson(stack: Stack) -> None:
    user = {"firstname": "Nancy", "lastname": "Davolio", "internalemailaddress": "nancy@fabrikam.example"}
    stack.dv.insert("systemusers", user)
    stack.settle()
    (person,) = stack.bc.rows("salespeoplePurchasers", email="nancy@fabrikam.example")
    assert person["displayName"] == "Nancy Davolio"


def test_a_user_whom_business_central_knows_by_mail_is_coupled_and_not_made_anew(stack: Stack) -> None:
    row = {"code": "AF", "displayName": "A. Fuller", "email": "andrew@fabrikam.example"}
    person = stack.bc.insert("salespeoplePurchasers", row)
    user = {"firstname": "Andrew", "lastname": "Fuller", "internalemailaddress": "Andrew@fabrikam.example"}
    stack.dv.insert("systemusers", user)
    stack.settle()
    after = stack.bc.row("salespeoplePurchasers", person["id"])
    assert (after["code"], after["displayName"]) == ("AF", "Andrew Fuller")
    assert len([one for one in stack.bc.rows("salespeoplePurchasers") if one["displayName"] == "Andrew Fuller"]) == 1


@pytest.mark.parametrize("unfit", [{"isdisabled": True}, {"islicensed": False}, {"isintegrationuser": True}])
def test_a_user_who_does_not_sell_is_none_of_ours(stack: Stack, unfit: dict[str, bool]) -> None:
    mail = f"{next(iter(unfit))}@fabrikam.example"
    stack.dv.insert("systemusers", {"firstname": "No", "lastname": "Seller", "internalemailaddress": mail, **unfit})
    stack.settle()
    assert not stack.bc.rows("salespeoplePurchasers", email=mail)


def test_the_salesperson_of_a_customer_owns_its_account(stack: Stack) -> None:
    user = {"firstname": "Janet", "lastname": "Leverling", "internalemailaddress": "janet@fabrikam.example"}
    user_id = stack.dv.insert("systemusers", user)["systemuserid"]
    stack.settle()
    (person,) = stack.bc.rows("salespeoplePurchasers", email="janet@fabrikam.example")
    stack.bc.insert("customers", {"displayName": "Adatum", "salespersonCode": person["code"]})
    stack.settle()
    (account,) = stack.dv.rows("accounts", name="Adatum")
    assert account["_ownerid_value"] == user_id


def test_another_salesperson_of_a_customer_is_another_owner(stack: Stack) -> None:
    users = []
    for name in ("Laura", "Steven"):
        mail = f"{name.lower()}@fabrikam.example"
        users.append(stack.dv.insert("systemusers", {"firstname": name, "internalemailaddress": mail})["systemuserid"])
    stack.settle()
    codes = [
        stack.bc.rows("salespeoplePurchasers", email=f"{name}@fabrikam.example")[0]["code"]
        for name in ("laura", "steven")
    ]
    customer = stack.bc.insert("customers", {"displayName": "Fabrikam", "salespersonCode": codes[0]})["id"]
    stack.settle()
    stack.bc.update("customers", customer, {"salespersonCode": codes[1]})
    stack.settle()
    (account,) = stack.dv.rows("accounts", name="Fabrikam")
    assert account["_ownerid_value"] == users[1]


def test_a_customer_whose_salesperson_is_no_user_is_reported_and_arrives_once_that_is_mended(stack: Stack) -> None:
    stack.bc.insert("salespeoplePurchasers", {"code": "NOBODY", "displayName": "Nobody"})
    customer = stack.bc.insert("customers", {"displayName": "Litware", "salespersonCode": "NOBODY"})["id"]
    stack.settle()
    (entry,) = stack.open_operations(customer)
    assert (entry.status, entry.code) == (OpenStatus.FAILED, "must_be_coupled")
    assert "NOBODY" in entry.text
    assert not stack.dv.rows("accounts", name="Litware")
    stack.bc.update("customers", customer, {"salespersonCode": ""})
    stack.settle()
    assert len(stack.dv.rows("accounts", name="Litware")) == 1
    assert not stack.open_operations(customer)
