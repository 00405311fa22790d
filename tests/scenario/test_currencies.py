"""Currencies: the local one has no row in Business Central, where a blank stands for it and is shown as its code."""

from decimal import Decimal
from typing import Any

from tests.support.stack import Stack


def test_a_customer_in_the_local_currency_has_it_in_dataverse_by_its_iso_code(stack: Stack) -> None:
    stack.bc.insert("customers", {"displayName": "Adatum"})
    stack.settle()
    assert _currency_of(stack, "Adatum")["isocurrencycode"] == "EUR"


def test_an_account_in_the_local_currency_is_a_customer_with_none(stack: Stack) -> None:
    (euro,) = stack.dv.rows("transactioncurrencies", isocurrencycode="EUR")
    row = {"name": "Fabrikam", "customertypecode": 3, **_in_currency(euro)}
    stack.dv.insert("accounts", row)
    stack.settle()
    (customer,) = stack.bc.rows("customers", displayName="Fabrikam")
    assert customer["currencyCode"] == "EUR"
    assert set(customer["currencyId"]) == {"0", "-"}


def test_a_foreign_currency_travels_both_ways_and_back_to_the_local_one(stack: Stack) -> None:
    stack.bc.insert("currencies", {"code": "NOK", "displayName": "Norwegian krone", "symbol": "kr"})
    customer = stack.bc.insert("customers", {"displayName": "Litware", "currencyCode": "NOK"})
    stack.settle()
    assert _currency_of(stack, "Litware")["isocurrencycode"] == "NOK"

    (euro,) = stack.dv.rows("transactioncurrencies", isocurrencycode="EUR")
    (account,) = stack.dv.rows("accounts", name="Litware")
    stack.dv.update("accounts", account["accountid"], _in_currency(euro))
    stack.settle()
    after = stack.bc.row("customers", customer["id"])
    assert after["currencyCode"] == "EUR"
    assert set(after["currencyId"]) == {"0", "-"}

    stack.bc.update("customers", customer["id"], {"currencyCode": "NOK"})
    stack.settle()
    assert _currency_of(stack, "Litware")["isocurrencycode"] == "NOK"
    stack.bc.update("customers", customer["id"], {"currencyCode": ""})
    stack.settle()
    assert _currency_of(stack, "Litware")["isocurrencycode"] == "EUR"


def test_a_currency_is_matched_by_its_code_and_never_made_twice(stack: Stack) -> None:
    stack.dv.insert(
        "transactioncurrencies",
        {"isocurrencycode": "SEK", "currencyname": "Krona", "currencysymbol": "kr", "exchangerate": Decimal("11.5")},
    )
    stack.bc.insert("currencies", {"code": "SEK", "displayName": "Swedish krona", "symbol": "kr"})
    stack.settle()
    (currency,) = stack.dv.rows("transactioncurrencies", isocurrencycode="SEK")
    assert currency["currencyname"] == "Swedish krona"
    assert currency["exchangerate"] == Decimal("11.5")


def test_an_edit_of_a_currency_in_dataverse_is_set_right_from_business_central(stack: Stack) -> None:
    stack.bc.insert("currencies", {"code": "USD", "displayName": "US dollar", "symbol": "$"})
    stack.settle()
    (currency,) = stack.dv.rows("transactioncurrencies", isocurrencycode="USD")
    stack.dv.update("transactioncurrencies", currency["transactioncurrencyid"], {"currencyname": "Greenback"})
    stack.settle()
    (currency,) = stack.dv.rows("transactioncurrencies", isocurrencycode="USD")
    assert currency["currencyname"] == "US dollar"


def _currency_of(stack: Stack, name: str) -> dict[str, Any]:
    (account,) = stack.dv.rows("accounts", name=name)
    return stack.dv.row("transactioncurrencies", account["_transactioncurrencyid_value"])


def _in_currency(currency: dict[str, Any]) -> dict[str, str]:
    return {"transactioncurrencyid@odata.bind": f"/transactioncurrencies({currency['transactioncurrencyid']})"}
