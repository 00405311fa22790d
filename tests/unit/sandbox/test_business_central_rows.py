"""Creating, reading, changing and deleting rows of Business Central."""

import uuid
from decimal import Decimal

import pytest

from systems.sandbox import Sandbox
from tests.unit.sandbox.clients import System, error

ZERO = "00000000-0000-0000-0000-000000000000"


def created(bc: System, entity_set: str, **values: object) -> dict[str, str]:
    answer = bc.post(entity_set, values)
    assert answer.status_code == 201, answer.text
    row: dict[str, str] = answer.json()
    return row


def test_a_new_customer_gets_a_number_and_is_answered_whole(bc: System) -> None:
    answer = bc.post("customers", {"displayName": "Nord AS"})
    row = answer.json()
    assert answer.status_code == 201
    assert answer.headers["etag"] == row["@odata.etag"]
    assert row["number"].startswith("C0")
    assert row["blocked"] == "_x0020_"
    assert bc.get(answer.headers["location"]).json()["id"] == row["id"]


def test_what_the_api_does_not_let_set_is_refused(bc: System) -> None:
    for values in ({"id": str(uuid.uuid4())}, {"balanceDue": 1}, {"lastModifiedDateTime": "2026-01-01T00:00:00Z"}):
        answer = bc.post("customers", {"displayName": "Nord AS", **values})
        assert error(answer) == (400, "BadRequest_InvalidOperation")


def test_a_column_of_the_custom_page_is_unknown_to_the_standard_page(bc: System) -> None:
    assert error(bc.post("customers", {"displayName": "Nord AS", "faxNumber": "1"})) == (400, "BadRequest")


def test_a_patch_needs_the_etag_of_the_present_version(bc: System) -> None:
    row = created(bc, "customers", displayName="Nord AS")
    address = f"customers({row['id']})"
    assert error(bc.patch(address, {"city": "Oslo"})) == (400, "BadRequest_InvalidToken")
    assert error(bc.patch(address, {"city": "Oslo"}, if_match="nonsense")) == (400, "BadRequest_InvalidToken")
    changed = bc.patch(address, {"city": "Oslo"}, if_match=row["@odata.etag"])
    assert changed.status_code == 200
    assert changed.json()["city"] == "Oslo"
    assert error(bc.patch(address, {"city": "Bergen"}, if_match=row["@odata.etag"])) == (409, "Request_EntityChanged")
    assert bc.patch(address, {"city": "Bergen"}, if_match="*").json()["city"] == "Bergen"


def test_a_patch_that_changes_nothing_leaves_version_and_time(bc: System) -> None:
    row = created(bc, "customers", displayName="Nord AS", city="Oslo")
    after = bc.patch(f"customers({row['id']})", {"city": "Oslo"}, if_match="*").json()
    assert (after["@odata.etag"], after["lastModifiedDateTime"]) == (row["@odata.etag"], row["lastModifiedDateTime"])


def test_null_clears_a_text(bc: System) -> None:
    row = created(bc, "customers", displayName="Nord AS", city="Oslo")
    assert bc.patch(f"customers({row['id']})", {"city": None}, if_match="*").json()["city"] == ""


def test_a_deleted_row_is_not_found(bc: System) -> None:
    row = created(bc, "customers", displayName="Nord AS")
    assert bc.delete(f"customers({row['id']})", if_match=row["@odata.etag"]).status_code == 204
    assert error(bc.get(f"customers({row['id']})")) == (404, "BadRequest_ResourceNotFound")
    assert bc.patch(f"customers({row['id']})", {"city": "Oslo"}, if_match="*").status_code == 404


def test_errors_carry_a_fresh_correlation_id_in_their_text(bc: System) -> None:
    texts = {bc.get(f"customers({ZERO})").json()["error"]["message"] for _ in range(2)}
    assert len(texts) == 2
    assert all("  CorrelationId:  " in text and text.endswith(".") for text in texts)


def test_code_columns_are_trimmed_and_in_capitals(bc: System) -> None:
    row = created(bc, "customers", number=" nord-1 ", displayName="Nord AS", country="no")
    assert (row["number"], row["country"]) == ("NORD-1", "NO")


def test_the_same_number_twice_is_refused(bc: System) -> None:
    created(bc, "customers", number="TWICE", displayName="Nord AS")
    answer = bc.post("customers", {"number": "twice", "displayName": "Nord AS"})
    assert error(answer) == (400, "Internal_EntityWithSameKeyExists")


def test_a_text_that_is_too_long_is_refused_with_both_lengths(bc: System) -> None:
    answer = bc.post("customers", {"displayName": "Nord AS", "city": "x" * 31})
    assert error(answer) == (400, "Application_StringExceededLength")
    message = answer.json()["error"]["message"]
    assert "31" in message
    assert "30" in message


def test_a_name_is_needed(bc: System) -> None:
    row = created(bc, "customers", displayName="Nord AS")
    missing = bc.post("customers", {"city": "Oslo"})
    blank = bc.patch(f"customers({row['id']})", {"displayName": ""}, if_match="*")
    assert 'A "displayName" must be provided.' in missing.json()["error"]["message"]
    assert 'The blank "displayName" is not allowed.' in blank.json()["error"]["message"]
    assert error(blank) == (400, "Application_DialogException")


def test_a_code_is_needed_where_there_is_no_number_series(bc: System) -> None:
    assert error(bc.post("currencies", {"displayName": "Peso"})) == (400, "Application_FieldValidationException")


def test_an_option_is_one_of_its_members(bc: System) -> None:
    row = created(bc, "customers", displayName="Nord AS", blocked="All")
    assert row["blocked"] == "All"
    assert bc.patch(f"customers({row['id']})", {"blocked": "_x0020_"}, if_match="*").json()["blocked"] == "_x0020_"
    assert bc.patch(f"customers({row['id']})", {"blocked": " "}, if_match="*").json()["blocked"] == "_x0020_"
    answer = bc.patch(f"customers({row['id']})", {"blocked": "Sometimes"}, if_match="*")
    assert error(answer) == (400, "Unknown")
    assert "'Sometimes' is not an option." in answer.json()["error"]["message"]


def test_the_local_currency_is_shown_by_code_with_a_zero_id(bc: System) -> None:
    row = created(bc, "customers", displayName="Nord AS")
    assert (row["currencyCode"], row["currencyId"]) == ("EUR", ZERO)
    same = bc.patch(f"customers({row['id']})", {"currencyCode": "EUR"}, if_match="*").json()
    assert same["@odata.etag"] == row["@odata.etag"]


def test_id_and_code_of_a_currency_go_together(bc: System) -> None:
    gold, tin = (created(bc, "currencies", code=code, displayName=code) for code in ("GLD", "TIN"))
    row = created(bc, "customers", displayName="Nord AS", currencyCode="gld")
    assert row["currencyId"] == gold["id"]
    address = f"customers({row['id']})"
    assert bc.patch(address, {"currencyId": tin["id"]}, if_match="*").json()["currencyCode"] == "TIN"
    assert bc.patch(address, {"currencyId": ZERO}, if_match="*").json()["currencyCode"] == "EUR"
    for values, text in (
        ({"currencyId": tin["id"], "currencyCode": "GLD"}, "The currency values do not match to a specific Currency."),
        ({"currencyId": str(uuid.uuid4())}, 'The "currencyId" does not match to a Currency.'),
        ({"currencyCode": "XYZ"}, 'The "currencyCode" does not match to a Currency.'),
    ):
        assert text in bc.patch(address, values, if_match="*").json()["error"]["message"]


def test_a_currency_in_use_cannot_be_deleted(bc: System) -> None:
    used = created(bc, "currencies", code="USED", displayName="In use")
    row = created(bc, "customers", displayName="Nord AS", currencyCode="USED")
    assert error(bc.delete(f"currencies({used['id']})")) == (400, "Application_DialogException")
    bc.delete(f"customers({row['id']})")
    assert bc.delete(f"currencies({used['id']})").status_code == 204


def test_references_by_code_and_id_must_exist(bc: System) -> None:
    unknown = bc.post("customers", {"displayName": "Nord AS", "salespersonCode": "NOBODY"})
    assert error(unknown) == (400, "Internal_InvalidTableRelation")
    terms = bc.post("customers", {"displayName": "Nord AS", "paymentTermsId": str(uuid.uuid4())})
    assert error(terms) == (400, "Application_DialogException")


def test_a_rename_keeps_the_id_and_reaches_what_refers_to_it(bc: System) -> None:
    seller = created(bc, "salespeoplePurchasers", code="OLD", displayName="Kim")
    row = created(bc, "customers", displayName="Nord AS", salespersonCode="OLD")
    renamed = bc.patch(f"salespeoplePurchasers({seller['id']})", {"code": "new"}, if_match="*").json()
    after = bc.get(f"customers({row['id']})").json()
    assert (renamed["id"], renamed["code"]) == (seller["id"], "NEW")
    assert after["salespersonCode"] == "NEW"
    assert after["@odata.etag"] != row["@odata.etag"]
    assert after["lastModifiedDateTime"] == row["lastModifiedDateTime"]


def test_a_posted_entry_changes_the_etag_but_not_the_time(sandbox: Sandbox, bc: System) -> None:
    row = created(bc, "customers", displayName="Nord AS")
    sandbox.business_central.post_entry(row["id"], Decimal(100))
    after = bc.get(f"customers({row['id']})").json()
    assert after["balanceDue"] == 100
    assert after["@odata.etag"] != row["@odata.etag"]
    assert after["lastModifiedDateTime"] == row["lastModifiedDateTime"]


@pytest.mark.parametrize("path", ["nonsense", "customers('10000')", "customers(not-a-guid)"])
def test_an_address_that_leads_nowhere_is_refused(bc: System, path: str) -> None:
    assert bc.get(path).status_code in (400, 404)


def test_a_company_that_does_not_exist_is_refused(bc_root: System) -> None:
    assert error(bc_root.get(f"companies({uuid.uuid4()})/customers")) == (404, "Internal_CompanyNotFound")


def test_companies_cannot_be_posted(bc_root: System) -> None:
    assert error(bc_root.post("companies", {"name": "Second"})) == (405, "BadRequest_MethodNotAllowed")


def test_the_company_may_be_named_in_the_query(sandbox: Sandbox, bc_root: System) -> None:
    found = bc_root.get(f"companyInformation?company={sandbox.business_central.company_id}")
    assert found.json()["value"][0]["currencyCode"] == "EUR"


def test_metadata_lists_what_each_api_shows(bc_root: System, cards: System) -> None:
    standard = bc_root.get("$metadata").text
    assert 'Name="customers"' in standard
    assert "primaryContactNumber" not in standard
    custom = cards.get(f"{cards.root.partition('/companies')[0]}/$metadata").text
    assert '<Property Name="primaryContactNumber" Type="Edm.String" MaxLength="20" />' in custom
