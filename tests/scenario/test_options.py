"""Codes of Business Central are options of a choice column in Dataverse, which rows then refer to."""

from tests.support.stack import Stack


def test_payment_terms_become_options_and_a_customers_terms_the_option(stack: Stack) -> None:
    terms = stack.bc.insert("paymentTerms", {"code": "14 DAYS", "dueDateCalculation": "14D"})
    stack.bc.insert("customers", {"displayName": "Adatum", "paymentTermsId": terms["id"]})
    stack.settle()
    assert list(stack.dv.options("account", "paymenttermscode").values()).count("14 DAYS") == 1
    assert _terms_of(stack, "Adatum") == "14 DAYS"


def test_an_option_chosen_in_dataverse_becomes_the_customers_terms(stack: Stack) -> None:
    terms = stack.bc.insert("paymentTerms", {"code": "21 DAYS"})
    customer = stack.bc.insert("customers", {"displayName": "Fabrikam"})
    stack.settle()
    (account,) = stack.dv.rows("accounts", name="Fabrikam")
    option = next(
        value for value, label in stack.dv.options("account", "paymenttermscode").items() if label == "21 DAYS"
    )
    stack.dv.update("accounts", account["accountid"], {"paymenttermscode": option})
    stack.settle()
    assert stack.bc.row("customers", customer["id"])["paymentTermsId"] == terms["id"]
    stack.dv.update("accounts", account["accountid"], {"paymenttermscode": None})
    stack.settle()
    assert set(stack.bc.row("customers", customer["id"])["paymentTermsId"]) == {"0", "-"}


def test_a_code_that_an_option_has_already_is_matched_whatever_its_case(stack: Stack) -> None:
    before = stack.dv.options("account", "address1_freighttermscode")
    stack.bc.insert("shipmentMethods", {"code": "NO CHARGE"})
    stack.settle()
    assert stack.dv.options("account", "address1_freighttermscode").keys() == before.keys()


def test_a_code_that_is_renamed_renames_its_option(stack: Stack) -> None:
    terms = stack.bc.insert("paymentTerms", {"code": "OLD"})
    stack.bc.insert("customers", {"displayName": "Litware", "paymentTermsId": terms["id"]})
    stack.settle()
    stack.bc.update("paymentTerms", terms["id"], {"code": "NEW"})
    stack.settle()
    labels = stack.dv.options("account", "paymenttermscode").values()
    assert ("NEW" in labels, "OLD" in labels) == (True, False)
    assert _terms_of(stack, "Litware") == "NEW"


def test_an_option_that_business_central_does_not_have_leaves_the_customer_without(stack: Stack) -> None:
    stack.dv.insert("accounts", {"name": "Northwind", "customertypecode": 3, "paymenttermscode": 2})
    stack.settle()
    (customer,) = stack.bc.rows("customers", displayName="Northwind")
    assert set(customer["paymentTermsId"]) == {"0", "-"}
    (account,) = stack.dv.rows("accounts", name="Northwind")
    assert account["paymenttermscode"] == 2


def _terms_of(stack: Stack, name: str) -> str | None:
    (account,) = stack.dv.rows("accounts", name=name)
    return stack.dv.options("account", "paymenttermscode").get(account["paymenttermscode"])
