"""Rows that refer to others: parents come first, children wait for them and for nothing else."""

from engine.ledger.open_operations import OpenStatus
from systems.sandbox.faults import Fault
from tests.support.stack import Stack


def test_a_contact_that_is_there_before_its_account_arrives_under_it(stack: Stack) -> None:
    _customer_and_person(stack, "Adatum", "Ann Beebe")
    stack.settle()
    (account,) = stack.dv.rows("accounts", name="Adatum")
    (contact,) = stack.dv.rows("contacts", fullname="Ann Beebe")
    assert contact["_parentcustomerid_value"] == account["accountid"]
    assert not stack.open_operations()


def test_a_contact_waits_for_its_account_and_follows_it_with_no_hand(stack: Stack) -> None:
    stack.dv.fail(Fault(part=True, count=2, method="PATCH", path="/accounts", status=503))
    _customer_and_person(stack, "Fabrikam", "Ben Smith")
    stack.settle()
    assert not stack.dv.faults.waiting
    (account,) = stack.dv.rows("accounts", name="Fabrikam")
    (contact,) = stack.dv.rows("contacts", fullname="Ben Smith")
    assert contact["_parentcustomerid_value"] == account["accountid"]
    assert not stack.open_operations()


def test_a_person_whose_account_is_refused_waits_and_holds_up_nobody(stack: Stack) -> None:
    stack.dv.fail(Fault(part=True, count=1000, method="PATCH", path="/accounts", status=400, code="0x80040203"))
    customer, person = _customer_and_person(stack, "Litware", "Cho Lee")
    stack.bc.insert("currencies", {"code": "GBP", "displayName": "Pound sterling", "symbol": "£"})
    stack.settle()
    assert [entry.status for entry in stack.open_operations(person)] == [OpenStatus.PARKED]
    assert len(stack.dv.rows("transactioncurrencies", isocurrencycode="GBP")) == 1
    stack.dv.faults.clear()
    stack.bc.update("customers", customer, {"city": "Oslo"})
    stack.settle()
    (account,) = stack.dv.rows("accounts", name="Litware")
    (contact,) = stack.dv.rows("contacts", fullname="Cho Lee")
    assert contact["_parentcustomerid_value"] == account["accountid"]
    assert not stack.open_operations()


def test_a_contact_of_dataverse_arrives_under_the_customer_that_its_account_became(stack: Stack) -> None:
    account = stack.dv.insert("accounts", {"name": "Tailspin", "customertypecode": 3})
    parent = {"parentcustomerid_account@odata.bind": f"/accounts({account['accountid']})"}
    stack.dv.insert("contacts", {"firstname": "Lee", "lastname": "Gu", **parent})
    stack.settle()
    (customer,) = stack.bc.rows("customers", displayName="Tailspin")
    (person,) = stack.bc.rows("contacts", displayName="Lee Gu")
    assert person["companyNumber"] == stack.bc.company_contact_number("customers", customer["id"])
    assert not stack.open_operations()


def test_a_person_under_a_vendor_arrives_under_the_vendors_account(stack: Stack) -> None:
    vendor = stack.bc.insert("vendors", {"displayName": "Contoso Steel"})
    company = stack.bc.company_contact_number("vendors", vendor["id"])
    stack.bc.insert("contacts", {"type": "Person", "displayName": "Kim Ralls", "companyNumber": company})
    stack.settle()
    (account,) = stack.dv.rows("accounts", name="Contoso Steel")
    (contact,) = stack.dv.rows("contacts", fullname="Kim Ralls")
    assert contact["_parentcustomerid_value"] == account["accountid"]


def test_a_person_who_changes_companies_changes_accounts(stack: Stack) -> None:
    _, person = _customer_and_person(stack, "Old Company", "Job Hopper")
    vendor = stack.bc.insert("vendors", {"displayName": "New Company"})
    stack.settle()
    number = stack.bc.company_contact_number("vendors", vendor["id"])
    stack.bc.update("contacts", person, {"companyNumber": number})
    stack.settle()
    (account,) = stack.dv.rows("accounts", name="New Company")
    (contact,) = stack.dv.rows("contacts", fullname="Job Hopper")
    assert contact["_parentcustomerid_value"] == account["accountid"]


def test_a_contact_that_changes_accounts_changes_companies(stack: Stack) -> None:
    _, person = _customer_and_person(stack, "First Company", "Second Thought")
    stack.settle()
    account = stack.dv.insert("accounts", {"name": "Second Company", "customertypecode": 3})["accountid"]
    (contact,) = stack.dv.rows("contacts", fullname="Second Thought")
    parent = {"parentcustomerid_account@odata.bind": f"/accounts({account})"}
    stack.dv.update("contacts", contact["contactid"], parent)
    stack.settle()
    (customer,) = stack.bc.rows("customers", displayName="Second Company")
    number = stack.bc.company_contact_number("customers", customer["id"])
    assert stack.bc.row("contacts", person)["companyNumber"] == number


def test_a_customer_brings_its_currency_along(stack: Stack) -> None:
    stack.running[0].stop()
    stack.bc.insert("currencies", {"code": "NOK", "displayName": "Norwegian krone", "symbol": "kr"})
    stack.bc.insert("customers", {"displayName": "Northwind", "currencyCode": "NOK"})
    stack.start_worker()
    stack.settle()
    (currency,) = stack.dv.rows("transactioncurrencies", isocurrencycode="NOK")
    (account,) = stack.dv.rows("accounts", name="Northwind")
    assert account["_transactioncurrencyid_value"] == currency["transactioncurrencyid"]


def test_a_currency_that_dataverse_alone_has_is_left_out_until_business_central_has_it(stack: Stack) -> None:
    currency = stack.dv.insert(
        "transactioncurrencies",
        {"isocurrencycode": "JPY", "currencyname": "Yen", "currencysymbol": "¥", "exchangerate": 160},
    )
    bind = {"transactioncurrencyid@odata.bind": f"/transactioncurrencies({currency['transactioncurrencyid']})"}
    account = stack.dv.insert("accounts", {"name": "Proseware", "customertypecode": 3, **bind})
    stack.settle()
    (customer,) = stack.bc.rows("customers", displayName="Proseware")
    assert customer["currencyCode"] == "EUR"
    assert [entry.status for entry in stack.open_operations(account["accountid"])] == [OpenStatus.DEFERRED]

    stack.bc.insert("currencies", {"code": "JPY", "displayName": "Yen", "symbol": "¥"})
    stack.settle()
    assert stack.bc.row("customers", customer["id"])["currencyCode"] == "JPY"
    after = stack.dv.row("accounts", account["accountid"])
    assert after["_transactioncurrencyid_value"] == currency["transactioncurrencyid"]
    assert not stack.open_operations(account["accountid"])


def test_a_whole_family_from_nothing_in_any_order(stack: Stack) -> None:
    stack.running[0].stop()
    stack.bc.insert("currencies", {"code": "SEK", "displayName": "Swedish krona", "symbol": "kr"})
    terms = stack.bc.insert("paymentTerms", {"code": "30 DAYS"})
    for number in range(10):
        customer, _ = _customer_and_person(stack, f"Customer {number}", f"Person {number}")
        stack.bc.update("customers", customer, {"currencyCode": "SEK", "paymentTermsId": terms["id"]})
    stack.start_worker()
    stack.settle()
    (currency,) = stack.dv.rows("transactioncurrencies", isocurrencycode="SEK")
    for number in range(10):
        (account,) = stack.dv.rows("accounts", name=f"Customer {number}")
        (contact,) = stack.dv.rows("contacts", fullname=f"Person {number}")
        assert contact["_parentcustomerid_value"] == account["accountid"]
        assert account["_transactioncurrencyid_value"] == currency["transactioncurrencyid"]
        assert stack.dv.options("account", "paymenttermscode")[account["paymenttermscode"]] == "30 DAYS"
    assert not stack.open_operations()


def _customer_and_person(stack: Stack, customer_name: str, person_name: str) -> tuple[str, str]:
    """Ids of a new customer and a person who works there; the person is the newer row, and told of first or last."""
    customer = stack.bc.insert("customers", {"displayName": customer_name})
    company = stack.bc.company_contact_number("customers", customer["id"])
    person = stack.bc.insert("contacts", {"type": "Person", "displayName": person_name, "companyNumber": company})
    return str(customer["id"]), str(person["id"])
