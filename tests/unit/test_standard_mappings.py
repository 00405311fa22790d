"""The mappings that ship, against what the standard APIs have and the incumbent does."""

from itertools import product

import pytest

from schemas.features import Features, Ownership
from schemas.mapping import (
    Condition,
    DeletionConflict,
    Lengths,
    Lookup,
    Mapping,
    MappingDirection,
    Mappings,
    MissingReference,
    UpdateConflict,
)
from schemas.mapping_file import load
from schemas.metadata_checks import check_against_metadata
from schemas.row import ColumnKind, TableColumn
from schemas.system import System

TEAM = "11111111-1111-1111-1111-111111111111"
COMPANY = "22222222-2222-2222-2222-222222222222"

ADDRESS = "addressLine1 addressLine2 city state country postalCode phoneNumber email website"
TRADE = f"number displayName {ADDRESS} currencyId currencyCode paymentTermsId paymentMethodId blocked"
MODIFIED = "id lastModifiedDateTime"
RELATED = "contactsInformation[contactType=Company]/contactNumber"
ACCOUNT_AND_CONTACT = (
    "address1_line1 address1_line2 address1_city address1_stateorprovince address1_country address1_postalcode "
    "telephone1 emailaddress1 websiteurl statecode statuscode ownerid transactioncurrencyid bcbi_companyid"
)

API_V2 = {
    "currencies": f"{MODIFIED} code displayName symbol amountDecimalPlaces amountRoundingPrecision",
    "salespeoplePurchasers": f"{MODIFIED} code displayName email email2 phoneNo jobTitle commisionPercent blocked",
    "paymentTerms": f"{MODIFIED} code displayName dueDateCalculation discountPercent",
    "shipmentMethods": f"{MODIFIED} code displayName",
    "vendors": f"{MODIFIED} {TRADE} irs1099Code balance {RELATED}",
    "customers": f"{MODIFIED} {TRADE} type salespersonCode balanceDue creditLimit shipmentMethodId {RELATED}",
    "contacts": f"{MODIFIED} number type displayName jobTitle companyNumber companyName {ADDRESS} mobilePhoneNumber",
}
WEB_API = {
    "transactioncurrency": (
        "transactioncurrencyid isocurrencycode currencyname currencysymbol currencyprecision exchangerate"
    ),
    "systemuser": "systemuserid fullname internalemailaddress mobilephone isdisabled islicensed isintegrationuser",
    "account": (
        f"accountid name customertypecode creditlimit paymenttermscode address1_freighttermscode {ACCOUNT_AND_CONTACT}"
    ),
    "contact": (
        "contactid firstname lastname fullname jobtitle mobilephone parentcustomerid parentcustomeridtype "
        f"{ACCOUNT_AND_CONTACT}"
    ),
}


def standard(ownership: Ownership = "team", company: str | None = None) -> Mappings:
    return load(["standard"], Features(ownership=ownership, team=TEAM, company=company)).mappings


def columns_by_destination(mapping: Mapping) -> dict[str, object]:
    return {column.dataverse_name or "": column.constant for column in mapping.columns if column.constant is not None}


@pytest.mark.parametrize(("ownership", "company"), list(product(["team", "person"], [None, COMPANY])))
def test_they_have_neither_faults_nor_warnings(ownership: Ownership, company: str | None) -> None:
    assert load(["standard"], Features(ownership=ownership, team=TEAM, company=company)).warnings == ()


@pytest.mark.parametrize("ownership", ["team", "person"])
def test_dependency_order_is_the_documented_one(ownership: Ownership) -> None:
    names = [mapping.name for mapping in standard(ownership).in_order()]
    assert names == ["CURRENCY", "SALESPEOPLE", "PAYMENT TERMS", "SHIPMENT METHOD", "VENDOR", "CUSTOMER", "CONTACT"]


def test_policies_are_the_incumbents_defaults() -> None:
    for mapping in standard().mappings:
        assert mapping.only_coupled
        assert mapping.update_conflict is UpdateConflict.MANUAL
        assert mapping.deletion_conflict is DeletionConflict.NONE


def test_directions_are_the_documented_ones() -> None:
    assert {mapping.name: mapping.direction for mapping in standard().mappings} == {
        "CURRENCY": MappingDirection.TO_DATAVERSE,
        "SALESPEOPLE": MappingDirection.FROM_DATAVERSE,
        "PAYMENT TERMS": MappingDirection.TO_DATAVERSE,
        "SHIPMENT METHOD": MappingDirection.TO_DATAVERSE,
        "VENDOR": MappingDirection.BIDIRECTIONAL,
        "CUSTOMER": MappingDirection.BIDIRECTIONAL,
        "CONTACT": MappingDirection.BIDIRECTIONAL,
    }


@pytest.mark.parametrize("ownership", ["team", "person"])
def test_every_column_is_on_the_standard_apis(ownership: Ownership) -> None:
    def columns_of(mapping: Mapping, system: System) -> frozenset[str]:
        if system is System.BUSINESS_CENTRAL:
            return frozenset(API_V2[mapping.business_central.table].split())
        return frozenset(["value", "label"] if mapping.dataverse.choice else WEB_API[mapping.dataverse.table].split())

    assert check_against_metadata(standard(ownership, COMPANY), columns_of) == []


@pytest.mark.parametrize(
    ("column", "capacity"),
    [
        ("displayName", (100, 160)),
        ("addressLine1", (100, 250)),
        ("addressLine2", (50, 250)),
        ("city", (30, 80)),
        ("phoneNumber", (30, 50)),
        ("email", (80, 100)),
        ("website", (255, 200)),
        ("postalCode", (20, 20)),
        ("state", (30, 50)),
        ("country", (10, 80)),
    ],
)
def test_text_is_cut_to_the_smaller_column(column: str, capacity: tuple[int, int]) -> None:
    for name in ("VENDOR", "CUSTOMER"):
        (length,) = (pair.length for pair in standard()[name].columns if pair.business_central == column)
        assert length == Lengths(business_central=capacity[0], dataverse=capacity[1])


def test_vendors_and_customers_are_accounts_told_apart_by_their_type() -> None:
    for name, kind in (("VENDOR", 11), ("CUSTOMER", 3)):
        mapping = standard()[name]
        assert mapping.dataverse.filter["customertypecode"] == Condition(any_of=(kind,))
        (constant,) = (column for column in mapping.columns if column.dataverse_name == "customertypecode")
        assert (constant.constant, constant.direction, constant.when) == (kind, MappingDirection.TO_DATAVERSE, "create")


def test_blocked_and_inactive_rows_are_left_alone() -> None:
    for name in ("VENDOR", "CUSTOMER"):
        assert standard()[name].business_central.filter == {"blocked": Condition(any_of=(None,))}
    for name in ("VENDOR", "CUSTOMER", "CONTACT"):
        assert standard()[name].dataverse.filter["statecode"] == Condition(any_of=(0,))


def test_only_persons_of_a_company_are_contacts() -> None:
    contact = standard()["CONTACT"]
    assert contact.business_central.filter == {
        "type": Condition(any_of=("Person",)),
        "companyNumber": Condition(any_of=(None,), negate=True),
    }
    assert contact.dataverse.filter["parentcustomerid"] == Condition(any_of=(None,), negate=True)
    assert contact.dataverse.filter["parentcustomeridtype"] == Condition(any_of=("account",))


def test_under_team_ownership_the_team_owns_new_rows() -> None:
    mappings = standard("team")
    for name in ("VENDOR", "CUSTOMER", "CONTACT"):
        (owner,) = (column for column in mappings[name].columns if column.dataverse_name == "ownerid")
        assert (owner.constant, owner.when) == (TEAM, "create")
        assert mappings.table(mappings[name], System.DATAVERSE).columns["ownerid"].target_set == "teams"


def test_under_person_ownership_the_salesperson_owns_a_customer() -> None:
    mappings = standard("person")
    (owner,) = (column for column in mappings["CUSTOMER"].columns if column.dataverse_name == "ownerid")
    assert owner.business_central == "salespersonCode"
    assert owner.not_null
    assert owner.reference is not None
    assert (owner.reference.to, owner.reference.missing) == (("SALESPEOPLE",), MissingReference.FAIL)
    assert mappings.table(mappings["CUSTOMER"], System.DATAVERSE).columns["ownerid"].target_set == "systemusers"


def test_rows_carry_the_company_and_those_of_other_companies_are_left_alone() -> None:
    mappings = standard(company=COMPANY)
    for name in ("VENDOR", "CUSTOMER", "CONTACT"):
        assert columns_by_destination(mappings[name])["bcbi_companyid"] == COMPANY
        assert mappings[name].dataverse.filter["bcbi_companyid"].any_of == (COMPANY, None)
        assert mappings.table(mappings[name], System.DATAVERSE).columns["bcbi_companyid"] == TableColumn(
            "bcbi_companyid", ColumnKind.LOOKUP, navigation="bcbi_companyid", target_set="bcbi_companies"
        )


def test_without_a_company_nothing_is_stamped_or_filtered() -> None:
    for mapping in standard(company=None).mappings:
        assert "bcbi_companyid" not in mapping.dataverse.filter
        assert "bcbi_companyid" not in columns_by_destination(mapping)


def test_a_contact_finds_its_account_by_the_number_of_the_company_contact() -> None:
    mappings = standard()
    (parent,) = (column for column in mappings["CONTACT"].columns if column.business_central == "companyNumber")
    assert parent.dataverse == Lookup(column="parentcustomerid", navigation="parentcustomerid_account")
    assert parent.reference is not None
    assert (parent.reference.to, parent.reference.by) == (("CUSTOMER", "VENDOR"), "key")
    for name in parent.reference.to:
        assert mappings[name].business_central.referenced_by == RELATED
        assert RELATED in mappings.table(mappings[name], System.BUSINESS_CENTRAL).columns
    assert mappings.table(mappings["CONTACT"], System.DATAVERSE).columns["parentcustomerid"].target_set == "accounts"


def test_currencies_are_referred_to_by_code_and_options_by_id() -> None:
    references = {
        column.business_central: (column.reference.to, column.reference.by)
        for column in standard()["CUSTOMER"].columns
        if column.reference
    }
    assert references == {
        "currencyCode": (("CURRENCY",), "key"),
        "paymentTermsId": (("PAYMENT TERMS",), "id"),
        "shipmentMethodId": (("SHIPMENT METHOD",), "id"),
    }
    table = standard().table(standard()["CUSTOMER"], System.DATAVERSE)
    assert table.columns["paymenttermscode"].kind is ColumnKind.PLAIN
    assert table.columns["transactioncurrencyid"].target_set == "transactioncurrencies"


def test_a_new_currency_has_all_that_dataverse_demands() -> None:
    written = {column.dataverse_name for column in standard()["CURRENCY"].columns}
    assert written == {"isocurrencycode", "currencyname", "currencysymbol", "currencyprecision", "exchangerate"}


def test_a_new_salesperson_gets_a_code_of_its_own() -> None:
    (code,) = (column for column in standard()["SALESPEOPLE"].columns if column.business_central == "code")
    assert code.derive is not None
    assert code.derive.text("5d115c9c-44e3-ea11-bb43-000d3a2feca1").startswith("SP")


def test_a_persons_name_leads_in_dataverse_once_it_is_there() -> None:
    names = [column for column in standard()["CONTACT"].columns if column.business_central == "displayName"]
    assert [(column.dataverse, column.direction, column.when) for column in names] == [
        ("fullname", MappingDirection.FROM_DATAVERSE, "always"),
        ("lastname", MappingDirection.TO_DATAVERSE, "create"),
    ]
