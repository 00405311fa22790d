"""Seed data: believable, the same for the same seed, some of it on one side only."""

from typing import Any

from systems.sandbox import Sandbox
from systems.sandbox.seed import Seeded, seed


def filled(random_seed: int) -> tuple[Sandbox, Seeded]:
    sandbox = Sandbox()
    return sandbox, seed(sandbox, customers=40, vendors=10, contacts=60, random_seed=random_seed)


def names(sandbox: Sandbox) -> list[Any]:
    return [row["displayName"] for row in sandbox.business_central.rows("customers")]


def test_the_same_seed_makes_the_same_rows() -> None:
    assert names(filled(1)[0]) == names(filled(1)[0])
    assert names(filled(1)[0]) != names(filled(2)[0])


def test_rows_hang_together() -> None:
    sandbox, made = filled(1)
    bc, dv = sandbox.business_central, sandbox.dataverse
    assert (len(made.customers), len(made.vendors), len(made.contacts)) == (40, 10, 60)
    assert bc.count("customers") == 40
    assert bc.count("contacts") == 40 + 10 + 60
    terms = {row["id"] for row in bc.rows("paymentTerms")}
    sellers = {row["code"] for row in bc.rows("salespeoplePurchasers")}
    companies = {row["number"] for row in bc.rows("contacts", type="Company")}
    assert all(row["paymentTermsId"] in terms and row["salespersonCode"] in sellers for row in bc.rows("customers"))
    assert all(row["companyNumber"] in companies for row in bc.rows("contacts", type="Person"))
    emails = {row["internalemailaddress"] for row in dv.rows("systemusers")}
    assert {row["email"] for row in bc.rows("salespeoplePurchasers")} <= emails


def test_some_rows_are_on_both_sides_and_some_on_one() -> None:
    sandbox, made = filled(1)
    bc, dv = sandbox.business_central, sandbox.dataverse
    assert 0 < len(made.accounts) < 50
    assert len(made.accounts_only_in_dataverse) == 5
    assert dv.count("accounts") == len(made.accounts) + 5
    for company_id, account_id in made.accounts.items():
        company = bc.row("customers" if company_id in made.customers else "vendors", company_id)
        account = dv.row("accounts", account_id)
        assert (account["name"], account["emailaddress1"]) == (company["displayName"], company["email"])
    assert made.contacts_of_both
    assert all(dv.row("contacts", row)["_parentcustomerid_value"] for row in made.contacts_only_in_dataverse)


def test_the_local_currency_can_be_left_out_of_the_currencies() -> None:
    sandbox = Sandbox()
    seed(sandbox, customers=1, vendors=0, contacts=0, local_currency_row=False)
    assert "EUR" not in {row["code"] for row in sandbox.business_central.rows("currencies")}
