"""One change of one row arrives on the other side, whichever side it is made on."""

import pytest

from tests.support.stack import Stack

AWKWARD = 'O\'Hara "Ångström" & Söhne 🧀 <50 %> + 1/2 ; x=y?'


def test_a_new_customer_becomes_an_account_of_the_company_and_its_team(stack: Stack) -> None:
    row = {"displayName": "Adatum", "city": "Oslo", "country": "NO", "email": "post@adatum.example", "creditLimit": 500}
    stack.bc.insert("customers", row)
    stack.settle()
    (account,) = stack.dv.rows("accounts", name="Adatum")
    assert account["customertypecode"] == 3
    assert (account["address1_city"], account["address1_country"]) == ("Oslo", "NO")
    assert (account["emailaddress1"], account["creditlimit"]) == ("post@adatum.example", 500)
    assert account["_bcbi_companyid_value"] == stack.dv.company_row_id
    assert account["_ownerid_value"] == stack.dv.team_id


def test_a_new_account_becomes_a_customer(stack: Stack) -> None:
    row = {"name": "Blue Yonder", "address1_city": "Paris", "telephone1": "+33 1 23", "customertypecode": 3}
    stack.dv.insert("accounts", row)
    stack.settle()
    (customer,) = stack.bc.rows("customers", displayName="Blue Yonder")
    assert (customer["city"], customer["phoneNumber"]) == ("Paris", "+33 1 23")


def test_a_new_vendor_becomes_an_account_of_its_own_type_and_no_customer(stack: Stack) -> None:
    stack.bc.insert("vendors", {"displayName": "Contoso Steel"})
    stack.settle()
    (account,) = stack.dv.rows("accounts", name="Contoso Steel")
    assert account["customertypecode"] == 11
    assert not stack.bc.rows("customers", displayName="Contoso Steel")


def test_a_new_account_of_a_vendor_becomes_a_vendor_and_no_customer(stack: Stack) -> None:
    stack.dv.insert("accounts", {"name": "Fourth Coffee", "customertypecode": 11})
    stack.settle()
    assert len(stack.bc.rows("vendors", displayName="Fourth Coffee")) == 1
    assert not stack.bc.rows("customers", displayName="Fourth Coffee")


def test_a_new_person_becomes_a_contact_under_the_account(stack: Stack) -> None:
    customer = stack.bc.insert("customers", {"displayName": "Northwind"})
    company = stack.bc.company_contact_number("customers", customer["id"])
    stack.settle()
    stack.bc.insert(
        "contacts", {"type": "Person", "displayName": "Ann Beebe", "companyNumber": company, "jobTitle": "Buyer"}
    )
    stack.settle()
    (account,) = stack.dv.rows("accounts", name="Northwind")
    (contact,) = stack.dv.rows("contacts", fullname="Ann Beebe")
    assert contact["jobtitle"] == "Buyer"
    assert contact["_parentcustomerid_value"] == account["accountid"]


def test_a_new_contact_becomes_a_person_under_the_company(stack: Stack) -> None:
    account = stack.dv.insert("accounts", {"name": "Tailspin", "customertypecode": 3})
    stack.settle()
    parent = {"parentcustomerid_account@odata.bind": f"/accounts({account['accountid']})"}
    stack.dv.insert("contacts", {"firstname": "Lee", "lastname": "Gu", "mobilephone": "+44 7", **parent})
    stack.settle()
    (customer,) = stack.bc.rows("customers", displayName="Tailspin")
    (person,) = stack.bc.rows("contacts", displayName="Lee Gu")
    assert (person["type"], person["mobilePhoneNumber"]) == ("Person", "+44 7")
    assert person["companyNumber"] == stack.bc.company_contact_number("customers", customer["id"])


def test_a_change_in_business_central_changes_that_column_and_no_other(stack: Stack) -> None:
    customer = stack.bc.insert("customers", {"displayName": "Lucerne", "city": "Bern"})
    stack.settle()
    stack.forget_requests()
    stack.bc.update("customers", customer["id"], {"city": "Basel"})
    stack.settle()
    (account,) = stack.dv.rows("accounts", name="Lucerne")
    assert account["address1_city"] == "Basel"
    assert [write.method for write in stack.writes()] == ["PATCH"]


def test_a_change_in_dataverse_changes_that_column_and_no_other(stack: Stack) -> None:
    account = stack.dv.insert("accounts", {"name": "Proseware", "customertypecode": 3})
    stack.settle()
    stack.forget_requests()
    stack.dv.update("accounts", account["accountid"], {"websiteurl": "https://proseware.example"})
    stack.settle()
    (customer,) = stack.bc.rows("customers", displayName="Proseware")
    assert customer["website"] == "https://proseware.example"
    assert [write.method for write in stack.writes()] == ["PATCH"]


def test_a_column_emptied_in_business_central_is_empty_in_dataverse(stack: Stack) -> None:
    customer = stack.bc.insert("customers", {"displayName": "Margie", "city": "Rome", "creditLimit": 7})
    stack.settle()
    stack.bc.update("customers", customer["id"], {"city": "", "creditLimit": 0})
    stack.settle()
    (account,) = stack.dv.rows("accounts", name="Margie")
    assert (account["address1_city"], account["creditlimit"] or 0) == (None, 0)


def test_a_column_emptied_in_dataverse_is_empty_in_business_central(stack: Stack) -> None:
    account = stack.dv.insert("accounts", {"name": "Wingtip", "address1_city": "Rome", "customertypecode": 3})
    stack.settle()
    stack.dv.update("accounts", account["accountid"], {"address1_city": None})
    stack.settle()
    (customer,) = stack.bc.rows("customers", displayName="Wingtip")
    assert customer["city"] == ""


def test_a_column_that_no_mapping_has_changes_nothing(stack: Stack) -> None:
    customer = stack.bc.insert("customers", {"displayName": "Alpine"})
    stack.settle()
    (account,) = stack.dv.rows("accounts", name="Alpine")
    stack.forget_requests()
    stack.bc.update("customers", customer["id"], {"taxRegistrationNumber": "12"})
    stack.dv.update("accounts", account["accountid"], {"description": "met at the fair"})
    stack.settle()
    assert not stack.writes()


@pytest.mark.parametrize("values", [{"blocked": "All"}, {"blocked": "Ship"}])
def test_a_blocked_customer_is_none_of_ours(stack: Stack, values: dict[str, str]) -> None:
    name = f"Blocked {values['blocked']}"
    stack.bc.insert("customers", {"displayName": name, **values})
    stack.settle()
    assert not stack.dv.rows("accounts", name=name)


def test_an_account_that_is_neither_customer_nor_vendor_is_none_of_ours(stack: Stack) -> None:
    stack.dv.insert("accounts", {"name": "Competitor", "customertypecode": 1})
    stack.settle()
    assert not stack.bc.rows("customers", displayName="Competitor")
    assert not stack.bc.rows("vendors", displayName="Competitor")


def test_an_account_that_becomes_a_customer_later_arrives_then(stack: Stack) -> None:
    account = stack.dv.insert("accounts", {"name": "Late Customer", "customertypecode": 12})
    stack.settle()
    stack.dv.update("accounts", account["accountid"], {"customertypecode": 3})
    stack.settle()
    assert len(stack.bc.rows("customers", displayName="Late Customer")) == 1


def test_an_inactive_account_is_left_alone_and_catches_up_once_it_is_active_again(stack: Stack) -> None:
    customer = stack.bc.insert("customers", {"displayName": "Dormant"})["id"]
    stack.settle()
    (account,) = stack.dv.rows("accounts", name="Dormant")
    stack.dv.update("accounts", account["accountid"], {"statecode": 1, "statuscode": 2})
    stack.dv.update("accounts", account["accountid"], {"address1_city": "Basel"})
    stack.settle()
    assert stack.bc.row("customers", customer)["city"] == ""
    stack.dv.update("accounts", account["accountid"], {"statecode": 0, "statuscode": 1})
    stack.settle()
    assert stack.bc.row("customers", customer)["city"] == "Basel"


def test_a_blocked_customer_catches_up_once_it_is_not_blocked_any_more(stack: Stack) -> None:
    customer = stack.bc.insert("customers", {"displayName": "On Hold"})["id"]
    stack.settle()
    stack.bc.update("customers", customer, {"blocked": "All", "city": "Basel"})
    stack.settle()
    assert stack.dv.rows("accounts", name="On Hold")[0]["address1_city"] is None
    stack.bc.update("customers", customer, {"blocked": " "})
    stack.settle()
    assert stack.dv.rows("accounts", name="On Hold")[0]["address1_city"] == "Basel"


def test_the_name_of_a_contact_is_dataverses_from_then_on(stack: Stack) -> None:
    customer = stack.bc.insert("customers", {"displayName": "Name Givers"})
    company = stack.bc.company_contact_number("customers", customer["id"])
    row = {"type": "Person", "displayName": "Mary Maiden", "companyNumber": company}
    person = stack.bc.insert("contacts", row)["id"]
    stack.settle()
    (contact,) = stack.dv.rows("contacts", fullname="Mary Maiden")
    stack.dv.update("contacts", contact["contactid"], {"firstname": "Mary", "lastname": "Married"})
    stack.settle()
    assert stack.bc.row("contacts", person)["displayName"] == "Mary Married"
    stack.bc.update("contacts", person, {"displayName": "Mary Mistyped"})
    stack.settle()
    assert stack.bc.row("contacts", person)["displayName"] == "Mary Married"


def test_any_characters_travel_to_dataverse(stack: Stack) -> None:
    stack.bc.insert("customers", {"displayName": AWKWARD, "addressLine1": "Straße »7«\\9", "city": "Łódź"})
    stack.settle()
    (account,) = stack.dv.rows("accounts", name=AWKWARD)
    assert (account["address1_line1"], account["address1_city"]) == ("Straße »7«\\9", "Łódź")


def test_any_characters_travel_to_business_central(stack: Stack) -> None:
    name = f"{AWKWARD} II"
    stack.dv.insert("accounts", {"name": name, "address1_line1": "Rue d'Été 8 🏠", "customertypecode": 3})
    stack.settle()
    (customer,) = stack.bc.rows("customers", displayName=name)
    assert customer["addressLine1"] == "Rue d'Été 8 🏠"


def test_a_longer_text_is_cut_for_the_other_side_and_not_cut_where_it_came_from(stack: Stack) -> None:
    long_name, long_city = "Very " * 30 + "Long", "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch"
    account = stack.dv.insert("accounts", {"name": long_name, "address1_city": long_city, "customertypecode": 3})
    stack.settle()
    (customer,) = [row for row in stack.bc.rows("customers") if row["displayName"].startswith("Very Very")]
    assert customer["displayName"] == long_name[:100].rstrip()
    assert customer["city"] == long_city[:30]
    stack.bc.update("customers", customer["id"], {"email": "a@b.example"})
    stack.settle()
    after = stack.dv.row("accounts", account["accountid"])
    assert (after["name"], after["address1_city"]) == (long_name, long_city)
    assert after["emailaddress1"] == "a@b.example"


@pytest.mark.parametrize(("letters", "kept"), [(98, "🧀"), (99, "")])
def test_an_emoji_counts_twice_and_is_not_cut_in_half(stack: Stack, letters: int, kept: str) -> None:
    """Both systems count UTF-16 code units, of which an emoji has two."""
    name = chr(ord("a") + letters - 98) * letters
    stack.dv.insert("accounts", {"name": f"{name}🧀🧀", "customertypecode": 3})
    stack.settle()
    (customer,) = [row for row in stack.bc.rows("customers") if row["displayName"].startswith(name)]
    assert customer["displayName"] == name + kept
