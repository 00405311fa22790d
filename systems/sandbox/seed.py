"""Believable rows for demos and tests: the same for the same random seed, ids apart."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from systems.sandbox.business_central.system import BusinessCentral
from systems.sandbox.dataverse.system import Dataverse
from systems.sandbox.fiction import Fiction
from systems.sandbox.sandbox import Sandbox

_CURRENCIES = {
    "EUR": ("Euro", "€"),
    "USD": ("US dollar", "$"),
    "GBP": ("Pound sterling", "£"),
    "NOK": ("Norwegian krone", "kr"),
    "SEK": ("Swedish krona", "kr"),
}
_PAYMENT_TERMS = {"14 DAYS": "14D", "30 DAYS": "30D", "45 DAYS": "45D", "60 DAYS": "60D"}
_SHIPMENT_METHODS = {"EXW": "Ex works", "FOB": "Free on board", "DDP": "Delivered duty paid"}
_SALESPEOPLE = 6
_CUSTOMER, _VENDOR = 3, 11
_TO_ACCOUNT = {
    "displayName": "name",
    "number": "accountnumber",
    "addressLine1": "address1_line1",
    "city": "address1_city",
    "postalCode": "address1_postalcode",
    "country": "address1_country",
    "phoneNumber": "telephone1",
    "email": "emailaddress1",
    "website": "websiteurl",
}


@dataclass(slots=True)
class Seeded:
    """What was made.

    Attributes:
        customers: ids; ``vendors`` and ``contacts`` likewise.
        accounts: by the id of the customer or vendor that they equal, in name, number and address.
        contacts_of_both: Dataverse's contact by the id of Business Central's that it equals.
        accounts_only_in_dataverse: ids.
        contacts_only_in_dataverse: ids.
    """

    customers: list[str] = field(default_factory=list)
    vendors: list[str] = field(default_factory=list)
    contacts: list[str] = field(default_factory=list)
    accounts: dict[str, str] = field(default_factory=dict)
    contacts_of_both: dict[str, str] = field(default_factory=dict)
    accounts_only_in_dataverse: list[str] = field(default_factory=list)
    contacts_only_in_dataverse: list[str] = field(default_factory=list)


def seed(
    sandbox: Sandbox,
    *,
    customers: int = 50,
    vendors: int = 15,
    contacts: int = 80,
    random_seed: int = 0,
    in_both: float = 0.2,
    only_in_dataverse: float = 0.1,
    local_currency_row: bool = True,
) -> Seeded:
    """Fill both systems, as users of them would.

    Args:
        customers: in Business Central; ``vendors`` and ``contacts`` (persons under them) likewise.
        in_both: the share of them that Dataverse has too, not coupled: for matching.
        only_in_dataverse: as many accounts and contacts again, as a share, are in Dataverse alone.
        local_currency_row: whether the local currency is a row of Business Central's currencies too.
    """
    seeding = _Seeding(sandbox.business_central, sandbox.dataverse, Fiction(random_seed), in_both)
    seeding.reference_data(local_currency_row=local_currency_row)
    for _ in range(customers):
        seeding.customer()
    for _ in range(vendors):
        seeding.vendor()
    for _ in range(contacts if customers + vendors else 0):
        seeding.contact()
    for _ in range(round((customers + vendors) * only_in_dataverse)):
        seeding.account_only_in_dataverse()
    for _ in range(round(contacts * only_in_dataverse)):
        seeding.contact_only_in_dataverse()
    return seeding.made


class _Seeding:
    def __init__(
        self, business_central: BusinessCentral, dataverse: Dataverse, fiction: Fiction, in_both: float
    ) -> None:
        self._bc = business_central
        self._dv = dataverse
        self._fiction = fiction
        self._random = fiction.random
        self._in_both = in_both
        self._salespeople = 0
        self._trade: dict[str, list[str]] = {}
        self._company_numbers: list[tuple[str, str, str]] = []
        self.made = Seeded()

    def reference_data(self, *, local_currency_row: bool) -> None:
        """Currencies, payment terms, shipment methods and salespeople, who are users of Dataverse."""
        local = self._bc.settings.local_currency
        for code, (name, symbol) in _CURRENCIES.items():
            if code != local or local_currency_row:
                row = {"code": code, "displayName": name, "symbol": symbol, "amountDecimalPlaces": "2:2"}
                self._bc.insert("currencies", {**row, "amountRoundingPrecision": Decimal("0.01")})
        for code, formula in _PAYMENT_TERMS.items():
            row = {"code": code, "displayName": f"Net {formula[:-1]} days", "dueDateCalculation": formula}
            self._bc.insert("paymentTerms", row)
        for code, name in _SHIPMENT_METHODS.items():
            self._bc.insert("shipmentMethods", {"code": code, "displayName": name})
        for _ in range(_SALESPEOPLE):
            self._salesperson()
        self._trade = {
            "currencyCode": [row["code"] for row in self._bc.rows("currencies")],
            "paymentTermsId": [row["id"] for row in self._bc.rows("paymentTerms")],
            "shipmentMethodId": [row["id"] for row in self._bc.rows("shipmentMethods")],
            "salespersonCode": [row["code"] for row in self._bc.rows("salespeoplePurchasers")],
        }

    def customer(self) -> None:
        row = self._fiction.company() | {name: self._random.choice(values) for name, values in self._trade.items()}
        row["creditLimit"] = Decimal(self._random.randrange(0, 50_000, 500))
        self.made.customers.append(self._company("customers", row, _CUSTOMER))

    def vendor(self) -> None:
        chosen = {name: self._random.choice(self._trade[name]) for name in ("currencyCode", "paymentTermsId")}
        self.made.vendors.append(self._company("vendors", self._fiction.company() | chosen, _VENDOR))

    def contact(self) -> None:
        company_id, company_number, host = self._random.choice(self._company_numbers)
        first, last, email = self._fiction.person(host)
        row = {
            "type": "Person",
            "firstName": first,
            "surname": last,
            "companyNumber": company_number,
            "jobTitle": self._random.choice(("Buyer", "Accountant", "Managing director", "Warehouse manager")),
            "email": email,
            "phoneNumber": "+49 30 5550000",
        }
        record_id = self._bc.insert("contactCards", row)["id"]
        self.made.contacts.append(record_id)
        account = self.made.accounts.get(company_id)
        if account is not None:
            self.made.contacts_of_both[record_id] = self._person(first, last, email, account)

    def account_only_in_dataverse(self) -> None:
        row = self._fiction.company()
        customer_type = self._random.choice((_CUSTOMER, _VENDOR))
        self.made.accounts_only_in_dataverse.append(self._account(row, customer_type))

    def contact_only_in_dataverse(self) -> None:
        accounts = self.made.accounts_only_in_dataverse or list(self.made.accounts.values())
        if accounts:
            first, last, email = self._fiction.person("elsewhere.example")
            person = self._person(first, last, email, self._random.choice(accounts))
            self.made.contacts_only_in_dataverse.append(person)

    def _salesperson(self) -> None:
        first, last, email = self._fiction.person("fabrikam.example")
        self._salespeople += 1
        code = f"{first[0]}{last[:2]}{self._salespeople}".upper()
        self._bc.insert("salespeoplePurchasers", {"code": code, "displayName": f"{first} {last}"[:50], "email": email})
        self._dv.insert("systemusers", {"firstname": first, "lastname": last, "internalemailaddress": email})

    def _company(self, entity_set: str, row: Mapping[str, Any], customer_type: int) -> str:
        made = self._bc.insert(entity_set, row)
        record_id: str = made["id"]
        number = self._bc.company_contact_number(entity_set, record_id)
        self._company_numbers.append((record_id, number, str(row["email"]).partition("@")[2]))
        if self._random.random() < self._in_both:
            self.made.accounts[record_id] = self._account(made, customer_type)
        return record_id

    def _account(self, row: Mapping[str, Any], customer_type: int) -> str:
        columns = {column: row[name] for name, column in _TO_ACCOUNT.items() if name in row}
        owner = {"ownerid@odata.bind": f"/teams({self._dv.team_id})"}
        return str(self._dv.insert("accounts", {**columns, "customertypecode": customer_type, **owner})["accountid"])

    def _person(self, first: str, last: str, email: str, account: str) -> str:
        parent = {"parentcustomerid_account@odata.bind": f"/accounts({account})"}
        row = {"firstname": first, "lastname": last, "emailaddress1": email, **parent}
        return str(self._dv.insert("contacts", row)["contactid"])
