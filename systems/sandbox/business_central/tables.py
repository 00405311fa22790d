"""The tables of Business Central that the sandbox keeps, with the columns of every page that shows them.

Lengths and types are those of the standard application (W1). Columns that no standard page shows are marked.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from systems.sandbox.business_central.columns import Column, Kind, code, flag, guid, number, option, text


@dataclass(frozen=True, slots=True)
class Reference:
    """A column, or a pair of them, that names a row of another table.

    Attributes:
        target: the table referred to.
        id_column: holds the row's id, empty where only the code is kept.
        code_column: holds the row's key, empty where only the id is kept.
        local_currency: whether a blank stands for the local currency and is shown as its code.
    """

    target: str
    id_column: str = ""
    code_column: str = ""
    local_currency: bool = False


@dataclass(frozen=True)
class TableDefinition:
    """A table.

    Attributes:
        caption: its name in messages.
        key: the primary key besides the id; changing it renames the row.
        columns: editable and computed ones; id and modification time come on top.
        series: the first letters of generated keys; empty where a key must be given.
    """

    name: str
    caption: str
    key: str
    columns: tuple[Column, ...]
    references: tuple[Reference, ...] = ()
    series: str = ""

    @cached_property
    def by_name(self) -> dict[str, Column]:
        return {column.name: column for column in self.columns}

    @cached_property
    def blank(self) -> dict[str, Any]:
        """A row of which nothing is set."""
        return {column.name: column.blank for column in self.columns}

    @cached_property
    def required(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.required)


_ADDRESS = (
    text("addressLine1", 100),
    text("addressLine2", 50),
    text("city", 30),
    text("state", 30),
    code("country", 10),
    code("postalCode", 20),
    text("phoneNumber", 30),
    text("email", 80),
    text("website", 255),
)
_TRADE = (
    flag("taxLiable"),
    guid("taxAreaId"),
    text("taxAreaDisplayName", 100, read_only=True),
    text("taxRegistrationNumber", 20),
    guid("currencyId"),
    code("currencyCode", 10),
    guid("paymentTermsId"),
    guid("shipmentMethodId"),
    guid("paymentMethodId"),
)
_NOT_ON_STANDARD_PAGES = (
    text("faxNumber", 30),
    text("contactName", 100),
    code("primaryContactNumber", 20),
    guid("primaryContactId"),
)
_TRADE_REFERENCES = (
    Reference("currency", "currencyId", "currencyCode", local_currency=True),
    Reference("payment_terms", "paymentTermsId"),
    Reference("shipment_method", "shipmentMethodId"),
    Reference("payment_method", "paymentMethodId"),
    Reference("contact", "primaryContactId", "primaryContactNumber"),
)

CUSTOMER = TableDefinition(
    "customer",
    "Customer",
    "number",
    (
        code("number", 20),
        text("displayName", 100, required=True),
        option("type", "Company", "Person"),
        *_ADDRESS,
        code("salespersonCode", 20),
        number("balanceDue", read_only=True),
        number("creditLimit"),
        *_TRADE,
        option("blocked", " ", "Ship", "Invoice", "All"),
        *_NOT_ON_STANDARD_PAGES,
    ),
    (Reference("salesperson", code_column="salespersonCode"), *_TRADE_REFERENCES),
    series="C",
)
VENDOR = TableDefinition(
    "vendor",
    "Vendor",
    "number",
    (
        code("number", 20),
        text("displayName", 100, required=True),
        *_ADDRESS,
        code("irs1099Code", 10),
        number("balance", read_only=True),
        *_TRADE,
        option("blocked", " ", "Payment", "All"),
        code("purchaserCode", 20),
        *_NOT_ON_STANDARD_PAGES,
    ),
    (Reference("salesperson", code_column="purchaserCode"), *_TRADE_REFERENCES),
    series="V",
)
CONTACT = TableDefinition(
    "contact",
    "Contact",
    "number",
    (
        code("number", 20),
        option("type", "Company", "Person"),
        text("displayName", 100, required=True),
        text("jobTitle", 30),
        code("companyNumber", 20),
        text("companyName", 100, read_only=True),
        option(
            "contactBusinessRelation",
            "None",
            "Other",
            "Customer",
            "Vendor",
            "Bank Account",
            "Employee",
            "Multiple",
            read_only=True,
        ),
        *_ADDRESS,
        text("mobilePhoneNumber", 30),
        code("searchName", 100),
        flag("privacyBlocked"),
        text("taxRegistrationNumber", 20),
        Column("lastInteractionDate", Kind.DATE, read_only=True),
        text("firstName", 30),
        text("middleName", 30),
        text("surname", 30),
        text("faxNumber", 30),
        text("pager", 30),
        code("salespersonCode", 20),
        # Which customer and vendor a company contact stands for; on no page.
        guid("customerId", read_only=True),
        guid("vendorId", read_only=True),
    ),
    (Reference("salesperson", code_column="salespersonCode"), Reference("contact", code_column="companyNumber")),
    series="CT",
)
CURRENCY = TableDefinition(
    "currency",
    "Currency",
    "code",
    (
        code("code", 10),
        text("displayName", 30),
        text("symbol", 10),
        text("amountDecimalPlaces", 5),
        number("amountRoundingPrecision"),
    ),
)
SALESPERSON = TableDefinition(
    "salesperson",
    "Salesperson/Purchaser",
    "code",
    (
        code("code", 20),
        text("displayName", 50),
        text("email", 80),
        text("email2", 80),
        text("phoneNo", 30),
        text("jobTitle", 30),
        number("commisionPercent"),
        flag("privacyBlocked"),
        flag("blocked"),
    ),
)
PAYMENT_TERMS = TableDefinition(
    "payment_terms",
    "Payment Terms",
    "code",
    (
        code("code", 10),
        text("displayName", 100),
        text("dueDateCalculation", 32),
        text("discountDateCalculation", 32),
        number("discountPercent"),
        flag("calculateDiscountOnCreditMemos"),
    ),
)
SHIPMENT_METHOD = TableDefinition(
    "shipment_method", "Shipment Method", "code", (code("code", 10), text("displayName", 100))
)
PAYMENT_METHOD = TableDefinition(
    "payment_method", "Payment Method", "code", (code("code", 10), text("displayName", 100))
)
COMPANY_INFORMATION = TableDefinition(
    "company_information",
    "Company Information",
    "displayName",
    (
        text("displayName", 100),
        *(column for column in _ADDRESS if column.name != "phoneNumber"),
        text("phoneNumber", 30),
        text("faxNumber", 30),
        text("taxRegistrationNumber", 20),
        code("currencyCode", 10, read_only=True),
        text("industry", 30),
    ),
)

TABLES = {
    table.name: table
    for table in (
        CUSTOMER,
        VENDOR,
        CONTACT,
        CURRENCY,
        SALESPERSON,
        PAYMENT_TERMS,
        SHIPMENT_METHOD,
        PAYMENT_METHOD,
        COMPANY_INFORMATION,
    )
}


def referring(target: str) -> list[tuple[TableDefinition, Reference]]:
    """Every reference to ``target``, with the table that has it."""
    return [(table, ref) for table in TABLES.values() for ref in table.references if ref.target == target]
