"""One change of one row, there and back."""

from tests.support.stack import Stack


def test_a_customer_created_in_business_central_arrives_in_dataverse(stack: Stack) -> None:
    stack.bc.insert("customers", {"displayName": "Adatum", "city": "Oslo"})
    stack.settle()
    (account,) = stack.dv.rows("accounts")
    assert (account["name"], account["address1_city"], account["customertypecode"]) == ("Adatum", "Oslo", 3)


def test_an_account_created_in_dataverse_arrives_in_business_central(stack: Stack) -> None:
    stack.dv.insert("accounts", {"name": "Adatum", "address1_city": "Oslo", "customertypecode": 3})
    stack.settle()
    (customer,) = stack.bc.rows("customers")
    assert (customer["displayName"], customer["city"]) == ("Adatum", "Oslo")
