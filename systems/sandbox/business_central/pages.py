"""API pages: which columns of a table are shown under which address.

The standard API v2.0 leaves out what its pages leave out; ``contoso/crm/v1.0`` is a custom API page over the same rows
that shows the rest, as a real installation would add.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from systems.sandbox.business_central.columns import Column, Kind, guid
from systems.sandbox.business_central.tables import (
    COMPANY_INFORMATION,
    CONTACT,
    CURRENCY,
    CUSTOMER,
    PAYMENT_METHOD,
    PAYMENT_TERMS,
    SALESPERSON,
    SHIPMENT_METHOD,
    VENDOR,
    Reference,
    TableDefinition,
)

STANDARD = "v2.0"
CUSTOM = "contoso/crm/v1.0"
RUNTIME = "microsoft/runtime/beta"

ID = guid("id", read_only=True)
MODIFIED = Column("lastModifiedDateTime", Kind.TIME, read_only=True)


@dataclass(frozen=True)
class Page:
    """An entity set.

    Attributes:
        root: the API it belongs to.
        name: the entity set.
        entity_type: its singular.
        hidden: columns of the table that this page does not show.
        contacts: whether ``contactsInformation`` hangs under its rows.
        documented_webhook: whether documentation lists it for subscriptions.
        writable: whether rows can be written.
    """

    root: str
    name: str
    entity_type: str
    table: TableDefinition
    hidden: frozenset[str] = frozenset()
    contacts: bool = False
    documented_webhook: bool = True
    writable: bool = True

    @cached_property
    def columns(self) -> dict[str, Column]:
        """By name, in the order of an answer."""
        shown = [column for column in self.table.columns if column.name not in self.hidden]
        return {column.name: column for column in (ID, *shown, MODIFIED)}

    @cached_property
    def converted(self) -> tuple[Column, ...]:
        """Columns that JSON carries otherwise than rows do."""
        return tuple(column for column in self.columns.values() if column.kind in (Kind.TIME, Kind.OPTION))

    @cached_property
    def expands(self) -> dict[str, Reference]:
        """Navigation properties that lead to one row, named after the id column that holds it."""
        names = {"currencyId": "currency", "paymentTermsId": "paymentTerm"}
        return {
            names.get(reference.id_column, reference.id_column.removesuffix("Id")): reference
            for reference in self.table.references
            if reference.id_column in self.columns
        }


_ONLY_CUSTOM = frozenset({"faxNumber", "contactName", "primaryContactNumber", "primaryContactId", "purchaserCode"})
_CONTACT_LINKS = frozenset({"customerId", "vendorId"})
_CONTACT_ONLY_CUSTOM = _CONTACT_LINKS | {"firstName", "middleName", "surname", "faxNumber", "pager", "salespersonCode"}

PAGES: Sequence[Page] = (
    Page(STANDARD, "customers", "customer", CUSTOMER, _ONLY_CUSTOM, contacts=True),
    Page(STANDARD, "vendors", "vendor", VENDOR, _ONLY_CUSTOM | {"shipmentMethodId"}, contacts=True),
    Page(STANDARD, "contacts", "contact", CONTACT, _CONTACT_ONLY_CUSTOM, documented_webhook=False),
    Page(STANDARD, "currencies", "currency", CURRENCY),
    Page(STANDARD, "salespeoplePurchasers", "salespersonPurchaser", SALESPERSON, documented_webhook=False),
    Page(STANDARD, "paymentTerms", "paymentTerm", PAYMENT_TERMS),
    Page(STANDARD, "shipmentMethods", "shipmentMethod", SHIPMENT_METHOD),
    Page(STANDARD, "paymentMethods", "paymentMethod", PAYMENT_METHOD),
    Page(STANDARD, "companyInformation", "companyInformation", COMPANY_INFORMATION, writable=False),
    Page(CUSTOM, "customerCards", "customerCard", CUSTOMER, contacts=True),
    Page(CUSTOM, "vendorCards", "vendorCard", VENDOR, contacts=True),
    Page(CUSTOM, "contactCards", "contactCard", CONTACT, _CONTACT_LINKS),
)


_BY_NAME = {page.name: page for page in PAGES}
_BY_ADDRESS = {(page.root, page.name): page for page in PAGES}


def find_page(root: str, name: str) -> Page | None:
    """The page at that address."""
    return _BY_ADDRESS.get((root, name))


def page_named(name: str) -> Page:
    """The page of that entity set in any API.

    Raises:
        LookupError: there is none.
    """
    found = _BY_NAME.get(name)
    if found is None:
        raise LookupError(f"no entity set {name!r}; there are {', '.join(page.name for page in PAGES)}")
    return found
