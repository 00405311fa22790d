"""Rows as the API shows them."""

from collections.abc import Iterable, Mapping
from typing import Any

from systems.sandbox.business_central import contact_rules
from systems.sandbox.business_central.errors import bad_request
from systems.sandbox.business_central.etag import etag
from systems.sandbox.business_central.pages import PAGES, Page
from systems.sandbox.business_central.rows import Rows
from systems.sandbox.business_central.tables import CUSTOMER, TABLES
from systems.sandbox.store import Record

CONTACTS_INFORMATION = "contactsInformation"


def shown(page: Page, record: Record, *, encoded_options: bool, select: Iterable[str] = ()) -> dict[str, Any]:
    """A row of ``page`` as JSON has it, etag first; all columns unless some are selected.

    Raises:
        ApiError: a selected column is unknown.
    """
    values = record.values
    for name in select:
        if name not in page.columns:
            raise bad_request(f"Could not find a property named '{name}' on type 'Microsoft.NAV.{page.entity_type}'.")
    document: dict[str, Any] = {"@odata.etag": etag(record.version)}
    document |= {name: values[name] for name in select or page.columns}
    for column in page.converted:
        if column.name in document:
            document[column.name] = column.shown(values[column.name], encoded_options=encoded_options)
    return document


def contacts_information(rows: Rows, page: Page, record: Record) -> list[dict[str, Any]]:
    """The company contact of a customer or vendor and the persons under it."""
    company = contact_rules.company_contact(rows, page.table, record.id)
    if company is None:
        return []
    relation = "Customer" if page.table is CUSTOMER else "Vendor"
    return [
        {
            "@odata.etag": etag(contact.version),
            "contactId": contact.id,
            "contactNumber": contact.values["number"],
            "contactName": contact.values["displayName"],
            "contactType": contact.values["type"],
            "relatedId": record.id,
            "relatedType": relation,
        }
        for contact in (company, *contact_rules.people(rows, company))
    ]


def expanded(
    rows: Rows, page: Page, record: Record, expand: Mapping[str, tuple[str, ...]], *, encoded_options: bool
) -> dict[str, Any]:
    """The members that ``$expand`` adds to a row.

    Raises:
        ApiError: a navigation property is unknown.
    """
    members: dict[str, Any] = {}
    for name, select in expand.items():
        if name == CONTACTS_INFORMATION and page.contacts:
            related = contacts_information(rows, page, record)
            members[name] = [{key: row[key] for key in ("@odata.etag", *(select or row))} for row in related]
            continue
        reference = page.expands.get(name)
        if reference is None:
            raise bad_request(f"Could not find a property named '{name}' on type 'Microsoft.NAV.{page.entity_type}'.")
        target = TABLES[reference.target]
        found = rows.table(target).get(record.values[reference.id_column])
        target_page = next(page for page in PAGES if page.table is target)
        shown_row = found and shown(target_page, found, encoded_options=encoded_options, select=select)
        members[name] = shown_row
    return members
