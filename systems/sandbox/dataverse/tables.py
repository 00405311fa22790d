"""The tables of Dataverse that the sandbox keeps: the columns that a synchronization of master data touches."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from systems.sandbox.dataverse.columns import Column, Kind, Target


@dataclass(frozen=True)
class TableDefinition:
    """A table.

    Attributes:
        name: the logical name.
        set_name: the entity set.
        key: the primary id column.
        primary_name: the column shown for a row in lookups.
        columns: in the order of ``$metadata``.
    """

    name: str
    set_name: str
    key: str
    primary_name: str
    columns: tuple[Column, ...] = field(repr=False)

    @cached_property
    def by_property(self) -> dict[str, Column]:
        """Columns by the name that answers and filters use."""
        return {column.wire_name: column for column in self.columns}

    @cached_property
    def by_name(self) -> dict[str, Column]:
        """Columns by logical name."""
        return {column.name: column for column in self.columns}

    @cached_property
    def by_navigation(self) -> dict[str, tuple[Column, Target]]:
        """Lookups by navigation property; names are case sensitive."""
        return {target.navigation: (column, target) for column in self.columns for target in column.targets}

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """The row before anything is set."""
        return {column.wire_name: column.default for column in self.columns}


def _text(name: str, length: int) -> Column:
    return Column(name, length=length)


def _lookup(name: str, *tables: str, read_only: bool = False) -> Column:
    targets = tuple(Target(table, name if len(tables) == 1 else f"{name}_{table}") for table in tables)
    return Column(name, Kind.LOOKUP, targets=targets, on_create=not read_only, on_update=not read_only)


def _read_only(name: str, kind: Kind) -> Column:
    return Column(name, kind, on_create=False, on_update=False)


def _choice(name: str, *options: tuple[int, str], default: int | None = None) -> Column:
    return Column(name, Kind.CHOICE, options=options, default=default)


def _key(name: str) -> Column:
    return Column(name, Kind.GUID, on_update=False)


_SYSTEM = (
    _read_only("createdon", Kind.TIME),
    _read_only("modifiedon", Kind.TIME),
    _lookup("createdby", "systemuser", read_only=True),
    _lookup("modifiedby", "systemuser", read_only=True),
    _read_only("versionnumber", Kind.BIGINT),
    Column("overriddencreatedon", Kind.TIME, on_update=False),
)
_STATE = (
    _choice("statecode", (0, "Active"), (1, "Inactive"), default=0),
    _choice("statuscode", (1, "Active"), (2, "Inactive"), default=1),
)
_OWNED = (
    # A lookup to an owner is bound by its own name, whichever table the owner is in.
    Column("ownerid", Kind.LOOKUP, targets=(Target("systemuser", "ownerid"), Target("team", "ownerid"))),
    _lookup("owninguser", "systemuser", read_only=True),
    _lookup("owningteam", "team", read_only=True),
    _lookup("owningbusinessunit", "businessunit", read_only=True),
)
_ADDRESS = (
    _text("address1_line1", 250),
    _text("address1_line2", 250),
    _text("address1_line3", 250),
    _text("address1_city", 80),
    _text("address1_stateorprovince", 50),
    _text("address1_country", 80),
    _text("address1_postalcode", 20),
)
_MONEY = (
    Column("creditlimit", Kind.MONEY),
    _read_only("creditlimit_base", Kind.MONEY),
    _read_only("exchangerate", Kind.DECIMAL),
    _lookup("transactioncurrencyid", "transactioncurrency"),
)

ACCOUNT = TableDefinition(
    "account",
    "accounts",
    "accountid",
    "name",
    (
        _key("accountid"),
        _text("name", 160),
        _text("accountnumber", 20),
        _text("description", 2000),
        _text("websiteurl", 200),
        _text("emailaddress1", 100),
        _text("telephone1", 50),
        _text("telephone2", 50),
        _text("fax", 50),
        *_ADDRESS,
        _text("address1_primarycontactname", 100),
        *_MONEY,
        Column("creditonhold", Kind.BOOLEAN, default=False),
        _choice("paymenttermscode", (1, "Net 30"), (2, "2% 10, Net 30"), (3, "Net 45"), (4, "Net 60")),
        _choice("address1_freighttermscode", (1, "FOB"), (2, "No Charge")),
        _choice(
            "address1_shippingmethodcode",
            (1, "Airborne"),
            (2, "DHL"),
            (3, "FedEx"),
            (4, "UPS"),
            (5, "Postal Mail"),
            (6, "Full Load"),
            (7, "Will Call"),
        ),
        _choice(
            "customertypecode", (1, "Competitor"), (2, "Consultant"), (3, "Customer"), (11, "Vendor"), (12, "Other")
        ),
        _lookup("primarycontactid", "contact"),
        _lookup("parentaccountid", "account"),
        _lookup("bcbi_companyid", "bcbi_company"),
        *_STATE,
        *_OWNED,
        *_SYSTEM,
    ),
)
CONTACT = TableDefinition(
    "contact",
    "contacts",
    "contactid",
    "fullname",
    (
        _key("contactid"),
        _text("firstname", 50),
        _text("middlename", 50),
        _text("lastname", 50),
        _read_only("fullname", Kind.STRING),
        _text("jobtitle", 100),
        _text("description", 2000),
        _text("emailaddress1", 100),
        _text("mobilephone", 50),
        _text("telephone1", 50),
        _text("fax", 50),
        _text("pager", 50),
        _text("websiteurl", 200),
        *_ADDRESS,
        *_MONEY,
        _lookup("parentcustomerid", "account", "contact"),
        _lookup("bcbi_companyid", "bcbi_company"),
        *_STATE,
        *_OWNED,
        *_SYSTEM,
    ),
)
CURRENCY = TableDefinition(
    "transactioncurrency",
    "transactioncurrencies",
    "transactioncurrencyid",
    "currencyname",
    (
        _key("transactioncurrencyid"),
        Column("isocurrencycode", length=5, on_update=False, required=True),
        Column("currencyname", length=100, required=True),
        Column("currencysymbol", length=10, required=True),
        Column("currencyprecision", Kind.INTEGER, default=2),
        Column("exchangerate", Kind.DECIMAL, required=True),
        *_STATE,
        *_SYSTEM,
    ),
)
SYSTEM_USER = TableDefinition(
    "systemuser",
    "systemusers",
    "systemuserid",
    "fullname",
    (
        _key("systemuserid"),
        _text("firstname", 64),
        _text("lastname", 64),
        _read_only("fullname", Kind.STRING),
        _text("domainname", 1024),
        _text("internalemailaddress", 100),
        _text("mobilephone", 64),
        Column("isdisabled", Kind.BOOLEAN, default=False),
        Column("islicensed", Kind.BOOLEAN, default=True),
        Column("isintegrationuser", Kind.BOOLEAN, default=False),
        _choice("accessmode", (0, "Read-Write"), (1, "Administrative"), (4, "Non-interactive"), default=0),
        Column("applicationid", Kind.GUID),
        Column("azureactivedirectoryobjectid", Kind.GUID),
        _lookup("businessunitid", "businessunit"),
        *_SYSTEM,
    ),
)
TEAM = TableDefinition(
    "team",
    "teams",
    "teamid",
    "name",
    (
        _key("teamid"),
        _text("name", 160),
        Column("isdefault", Kind.BOOLEAN, default=False),
        _lookup("businessunitid", "businessunit"),
        *_SYSTEM,
    ),
)
BUSINESS_UNIT = TableDefinition(
    "businessunit",
    "businessunits",
    "businessunitid",
    "name",
    (_key("businessunitid"), _text("name", 160), _lookup("parentbusinessunitid", "businessunit"), *_SYSTEM),
)
BC_COMPANY = TableDefinition(
    "bcbi_company",
    "bcbi_companies",
    "bcbi_companyid",
    "bcbi_name",
    (
        _key("bcbi_companyid"),
        _text("bcbi_name", 100),
        _text("bcbi_externalid", 100),
        _lookup("bcbi_defaultowningteam", "team"),
        *_STATE,
        *_OWNED,
        *_SYSTEM,
    ),
)

TABLES = {table.name: table for table in (ACCOUNT, CONTACT, CURRENCY, SYSTEM_USER, TEAM, BUSINESS_UNIT, BC_COMPANY)}
BY_SET = {table.set_name: table for table in TABLES.values()}


def referring(target: str) -> list[tuple[TableDefinition, Column]]:
    """Every lookup that can point to ``target``, with the table that has it."""
    return [
        (table, column)
        for table in TABLES.values()
        for column in table.columns
        if any(found.table == target for found in column.targets)
    ]
