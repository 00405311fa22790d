"""What the application does by itself around contacts.

A customer or vendor has a company contact; persons hang under a company contact by its number; names are put together
and taken apart; what is changed on a customer is changed on its contact.
"""

from typing import TYPE_CHECKING, Any

from systems.sandbox.business_central.columns import NO_GUID
from systems.sandbox.business_central.errors import dialog
from systems.sandbox.business_central.tables import CONTACT, CUSTOMER, VENDOR, TableDefinition
from systems.sandbox.exchange import User
from systems.sandbox.store import Record, Values

if TYPE_CHECKING:
    from systems.sandbox.business_central.rows import Rows

LINKS = {CUSTOMER.name: "customerId", VENDOR.name: "vendorId"}
"""The column of a company contact that names the customer or vendor it stands for."""

_SHARED = (
    *("displayName", "addressLine1", "addressLine2", "city", "state", "country", "postalCode"),
    *("phoneNumber", "email", "website", "faxNumber", "taxRegistrationNumber"),
)
_NAME_PARTS = ("firstName", "middleName", "surname")


def company_contact(rows: "Rows", definition: TableDefinition, record_id: str) -> Record | None:
    """The contact that stands for a customer or vendor."""
    return next(iter(rows.table(CONTACT).equal(LINKS[definition.name], record_id)), None)


def people(rows: "Rows", company: Record) -> list[Record]:
    """The persons under a company contact, by number."""
    found = rows.table(CONTACT).equal("companyNumber", company.values["number"])
    return sorted((row for row in found if row.id != company.id), key=lambda row: str(row.values["number"]))


def derived(rows: "Rows", definition: TableDefinition, row: Values, submitted: Values) -> dict[str, Any]:
    """Columns that follow from others, for a row about to be stored.

    Raises:
        ApiError: a primary contact belongs to another company.
    """
    if definition is CONTACT:
        return _person(rows, row, submitted) if row["type"] == "Person" else _company(row)
    if definition.name in LINKS and submitted.keys() & {"primaryContactId", "primaryContactNumber"}:
        return _primary_contact(rows, definition, row)
    return {}


def inserted(rows: "Rows", definition: TableDefinition, record: Record, user: User) -> None:
    """A new customer or vendor brings its company contact along."""
    if definition.name in LINKS:
        shared = {name: value for name in _SHARED if (value := record.values[name])}
        contact = rows.insert(CONTACT, {**shared, "type": "Company"}, user)
        related = {**contact.values, LINKS[definition.name]: record.id}
        rows.table(CONTACT).put(contact.id, related | _relation(related))


def updated(rows: "Rows", definition: TableDefinition, before: Record, after: Record, user: User) -> None:
    """Changes of a customer or vendor reach its company contact, a company's name reaches its people."""
    if definition.name in LINKS:
        contact = company_contact(rows, definition, after.id)
        if contact is not None:
            changed = {name: after.values[name] for name in _SHARED if after.values[name] != before.values[name]}
            rows.update(CONTACT, contact, changed, user)
    if definition is CONTACT and after.values["type"] == "Company":
        for person in people(rows, after):
            name = {"companyName": after.values["displayName"]}
            if person.values["companyName"] != after.values["displayName"]:
                rows.put(CONTACT, person.id, {**person.values, **name}, user, "updated")


def deleted(rows: "Rows", definition: TableDefinition, record: Record, user: User) -> None:
    """The contact of a deleted customer or vendor stays, without the relation."""
    contact = company_contact(rows, definition, record.id) if definition.name in LINKS else None
    if contact is not None:
        unrelated = {**contact.values, LINKS[definition.name]: NO_GUID}
        after = rows.put(CONTACT, contact.id, unrelated | _relation(unrelated), user, "updated")
        for person in people(rows, after):
            relation = {"contactBusinessRelation": after.values["contactBusinessRelation"]}
            rows.table(CONTACT).put(person.id, {**person.values, **relation})


def _relation(company: Values) -> dict[str, Any]:
    of = [name for name, column in (("Customer", "customerId"), ("Vendor", "vendorId")) if company[column] != NO_GUID]
    return {"contactBusinessRelation": "Multiple" if len(of) > 1 else of[0] if of else "None"}


def _company(row: Values) -> dict[str, Any]:
    return {"companyNumber": row["number"], "companyName": row["displayName"]} | _relation(row)


def _person(rows: "Rows", row: Values, submitted: Values) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    if "displayName" in submitted:
        columns |= _taken_apart(row["displayName"])
    if submitted.keys() & set(_NAME_PARTS):
        columns |= {name: submitted[name] for name in _NAME_PARTS if name in submitted}
        parts = ({**row, **columns}[name] for name in _NAME_PARTS)
        columns["displayName"] = " ".join(part for part in parts if part)[:100]
    company = rows.references.by_key(CONTACT, row["companyNumber"]) if row["companyNumber"] else None
    columns["companyName"] = company.values["displayName"] if company else ""
    columns["contactBusinessRelation"] = company.values["contactBusinessRelation"] if company else "None"
    return columns


def _taken_apart(name: str) -> dict[str, Any]:
    words = name.split()
    return {
        "firstName": words[0][:30] if len(words) > 1 else "",
        "middleName": " ".join(words[1:-1])[:30],
        "surname": words[-1][:30] if words else "",
    }


def _primary_contact(rows: "Rows", definition: TableDefinition, row: Values) -> dict[str, Any]:
    contact = rows.table(CONTACT).get(row["primaryContactId"])
    if contact is None:
        return {"contactName": ""}
    company = company_contact(rows, definition, row.get("id", ""))
    if company is None or contact.values["companyNumber"] != company.values["number"]:
        raise dialog(
            f"Contact {contact.values['number']} {contact.values['displayName']} is not related to "
            f"{definition.name} {row['number']} {row['displayName']}."
        )
    return {"contactName": contact.values["displayName"] if contact.values["type"] == "Person" else ""}
