"""What Business Central does by itself around contacts."""

from typing import Any

from tests.unit.sandbox.clients import System, error


def row(answer: Any) -> dict[str, Any]:
    assert answer.status_code in (200, 201), answer.text
    document: dict[str, Any] = answer.json()
    return document


def company_contact(bc: System, customer: dict[str, Any]) -> dict[str, Any]:
    information = bc.value(f"customers({customer['id']})/contactsInformation")
    return next(contact for contact in information if contact["contactType"] == "Company")


def person(bc: System, company_number: str, name: str = "Kari Nordmann") -> dict[str, Any]:
    return row(bc.post("contacts", {"type": "Person", "displayName": name, "companyNumber": company_number}))


def test_a_customer_brings_its_company_contact_along(bc: System) -> None:
    customer = row(bc.post("customers", {"displayName": "Nord AS", "city": "Oslo"}))
    related = company_contact(bc, customer)
    contact = row(bc.get(f"contacts({related['contactId']})"))
    assert related["relatedId"] == customer["id"]
    assert related["relatedType"] == "Customer"
    assert contact["type"] == "Company"
    assert (contact["displayName"], contact["city"]) == ("Nord AS", "Oslo")
    assert contact["companyNumber"] == contact["number"] == related["contactNumber"]
    assert contact["contactBusinessRelation"] == "Customer"


def test_expand_shows_the_company_contact_and_its_people(bc: System) -> None:
    customer = row(bc.post("customers", {"displayName": "Nord AS"}))
    number = company_contact(bc, customer)["contactNumber"]
    someone = person(bc, number)
    found = row(bc.get(f"customers({customer['id']})?$select=number&$expand=contactsInformation"))
    assert [contact["contactType"] for contact in found["contactsInformation"]] == ["Company", "Person"]
    assert found["contactsInformation"][1]["contactNumber"] == someone["number"]
    chosen = row(bc.get(f"customers({customer['id']})?$expand=contactsInformation($select=contactNumber)"))
    assert chosen["contactsInformation"][0].keys() == {"@odata.etag", "contactNumber"}


def test_a_person_takes_name_and_relation_from_its_company(bc: System) -> None:
    customer = row(bc.post("customers", {"displayName": "Nord AS"}))
    someone = person(bc, company_contact(bc, customer)["contactNumber"])
    assert (someone["companyName"], someone["contactBusinessRelation"]) == ("Nord AS", "Customer")
    bc.patch(f"customers({customer['id']})", {"displayName": "Sør AS"}, if_match="*")
    after = row(bc.get(f"contacts({someone['id']})"))
    assert after["companyName"] == "Sør AS"
    assert after["@odata.etag"] != someone["@odata.etag"]


def test_a_person_hangs_under_companies_only(bc: System) -> None:
    customer = row(bc.post("customers", {"displayName": "Nord AS"}))
    someone = person(bc, company_contact(bc, customer)["contactNumber"])
    for number in (someone["number"], "NOBODY"):
        answer = bc.post("contacts", {"type": "Person", "displayName": "Ola", "companyNumber": number})
        assert error(answer) == (400, "Internal_InvalidTableRelation")


def test_names_are_put_together_and_taken_apart(cards: System) -> None:
    answer = cards.post("contactCards", {"type": "Person", "firstName": "Kari", "surname": "Nordmann"})
    someone = row(answer)
    assert someone["displayName"] == "Kari Nordmann"
    changed = row(cards.patch(f"contactCards({someone['id']})", {"displayName": "Ola Per Berg"}, if_match="*"))
    assert [changed[part] for part in ("firstName", "middleName", "surname")] == ["Ola", "Per", "Berg"]


def test_both_pages_show_the_same_row(bc: System, cards: System) -> None:
    customer = row(bc.post("customers", {"displayName": "Nord AS"}))
    card = row(cards.patch(f"customerCards({customer['id']})", {"faxNumber": "123"}, if_match=customer["@odata.etag"]))
    assert card["faxNumber"] == "123"
    after = row(bc.get(f"customers({customer['id']})"))
    assert after["@odata.etag"] == card["@odata.etag"]
    assert "faxNumber" not in after


def test_a_primary_contact_must_belong_to_the_customer(bc: System, cards: System) -> None:
    customer, stranger = (row(bc.post("customers", {"displayName": name})) for name in ("Nord AS", "Fremd AG"))
    own = person(bc, company_contact(bc, customer)["contactNumber"])
    foreign = person(bc, company_contact(bc, stranger)["contactNumber"])
    address = f"customerCards({customer['id']})"
    refused = cards.patch(address, {"primaryContactNumber": foreign["number"]}, if_match="*")
    assert error(refused) == (400, "Application_DialogException")
    chosen = row(cards.patch(address, {"primaryContactNumber": own["number"]}, if_match="*"))
    assert (chosen["primaryContactId"], chosen["contactName"]) == (own["id"], "Kari Nordmann")
    assert bc.delete(f"contacts({own['id']})").status_code == 204
    assert row(cards.get(address))["primaryContactNumber"] == ""


def test_a_deleted_customer_leaves_its_contact_without_relation(bc: System) -> None:
    customer = row(bc.post("customers", {"displayName": "Nord AS"}))
    contact = company_contact(bc, customer)
    someone = person(bc, contact["contactNumber"])
    bc.delete(f"customers({customer['id']})")
    assert row(bc.get(f"contacts({contact['contactId']})"))["contactBusinessRelation"] == "None"
    assert row(bc.get(f"contacts({someone['id']})"))["contactBusinessRelation"] == "None"
