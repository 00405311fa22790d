"""Users of both systems at work: what a day brings, in seconds."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import count, cycle
from typing import Any, NamedTuple, TypeAlias

from console.demo.arrivals import Arrivals, Expected
from engine.ledger.clock import Clock
from schemas.system import System
from systems.sandbox import Sandbox
from systems.sandbox.business_central.system import BusinessCentral
from systems.sandbox.dataverse.system import Dataverse
from systems.sandbox.fiction import Fiction

OnAction: TypeAlias = Callable[[System, str], None]
"""Hears where a user did what."""

_BC, _DV = System.BUSINESS_CENTRAL, System.DATAVERSE
_CUSTOMER, _VENDOR = 3, 11


class _Column(NamedTuple):
    """A column that users edit, and what they write there."""

    names: Mapping[System, str]
    text: str


class _Tables(NamedTuple):
    """The entity sets of both systems that hold the same things."""

    names: Mapping[System, str]
    columns: Sequence[_Column]


class _Pair(NamedTuple):
    """One company or person, as both systems have it."""

    tables: _Tables
    email: str
    name: str
    ids: Mapping[System, str]


_EMAIL = {_BC: "email", _DV: "emailaddress1"}
_PHONE = _Column({_BC: "phoneNumber", _DV: "telephone1"}, "+47 22 {:06}")
_MOBILE = _Column({_BC: "mobilePhoneNumber", _DV: "mobilephone"}, "+47 90 {:06}")
_JOB = _Column({_BC: "jobTitle", _DV: "jobtitle"}, "Grade {} clerk")
_STREET = _Column({_BC: "addressLine1", _DV: "address1_line1"}, "{} Harbour Street")
_WEBSITE = _Column({_BC: "website", _DV: "websiteurl"}, "https://www.site-{}.example")
_CUSTOMERS = _Tables({_BC: "customers", _DV: "accounts"}, (_PHONE, _STREET, _WEBSITE))
_VENDORS = _Tables({_BC: "vendors", _DV: "accounts"}, (_PHONE, _STREET, _WEBSITE))
_PEOPLE = _Tables({_BC: "contacts", _DV: "contacts"}, (_PHONE, _MOBILE, _JOB))
_TABLES = (_CUSTOMERS, _VENDORS, _PEOPLE)


class Players:
    """Changes rows, and tells ``arrivals`` what to expect.

    A row is left alone while a change of it is on its way, so that every change can be followed by itself; only both
    sides of one row are changed at once on purpose.

    Attributes:
        changes: how many were made.
    """

    def __init__(
        self, sandbox: Sandbox, arrivals: Arrivals, fiction: Fiction, clock: Clock, on_action: OnAction
    ) -> None:
        self.changes = 0
        self._bc, self._dv = sandbox.business_central, sandbox.dataverse
        self._systems: dict[System, BusinessCentral | Dataverse] = {_BC: self._bc, _DV: self._dv}
        self._arrivals = arrivals
        self._fiction = fiction
        self._random = fiction.random
        self._clock = clock
        self._on_action = on_action
        self._numbers = count(1)
        self._touched: dict[str, list[tuple[System, str]]] = {}
        self._scenes: Iterator[Callable[[], None]] = cycle(
            (
                lambda: self._edit(_BC),
                lambda: self._edit(_DV),
                self._create_in_business_central,
                self._edit_both_sides,
                lambda: self._edit(_DV),
                self._create_contact_before_account,
                lambda: self._edit(_BC),
                self._create_in_dataverse,
                lambda: self._delete(_BC),
                lambda: self._edit(_DV),
                self._edit_both_sides,
                lambda: self._edit(_BC),
                lambda: self._delete(_DV),
            )
        )

    def play(self) -> None:
        """The next scene."""
        next(self._scenes)()

    def _edit(self, system: System) -> None:
        if pair := self._pick(self._random.choice(_TABLES)):
            self._write(system, pair, self._random.choice(pair.tables.columns))

    def _edit_both_sides(self) -> None:
        """Different columns of one row, in the same moment."""
        if pair := self._pick(self._random.choice(_TABLES)):
            for system, column in zip(System, self._random.sample(pair.tables.columns, 2), strict=True):
                self._write(system, pair, column)

    def _delete(self, system: System) -> None:
        if pair := self._pick(_PEOPLE):
            since = self._clock()
            self._systems[system].delete("contacts", pair.ids[system])
            gone = partial(self._lacks, system.other, "contacts", pair.ids[system.other])
            self._changed(system, pair.ids[system], pair.email, since, gone, f"deletes {pair.name}")

    def _create_in_business_central(self) -> None:
        since, company = self._clock(), self._company()
        row = self._bc.insert("customers", company)
        self._created(_BC, row["id"], company["email"], since, f"creates customer {company['displayName']}")
        since, (first, last, email) = self._clock(), self._person()
        number = self._bc.company_contact_number("customers", row["id"])
        person = {"type": "Person", "firstName": first, "surname": last, "companyNumber": number, "email": email}
        made = self._bc.insert("contactCards", person)
        self._created(_BC, made["id"], email, since, f"creates its contact {first} {last}")

    def _create_in_dataverse(self) -> None:
        since, account = self._clock(), self._account(_VENDOR)
        row = self._dv.insert("accounts", account)
        self._created(_DV, row["accountid"], account["emailaddress1"], since, f"creates vendor {account['name']}")

    def _create_contact_before_account(self) -> None:
        """An account that nobody is told of, and a contact of it: the account has to be fetched first."""
        account = self._account(_CUSTOMER)
        row = self._dv.insert("accounts", account, silent=True)
        since, (first, last, email) = self._clock(), self._person()
        parent = {"parentcustomerid_account@odata.bind": f"/accounts({row['accountid']})"}
        made = self._dv.insert("contacts", {"firstname": first, "lastname": last, "emailaddress1": email, **parent})
        text = f"creates contact {first} {last} of {account['name']}, which nobody was told of"
        self._created(_DV, made["contactid"], email, since, text)

    def _write(self, system: System, pair: _Pair, column: _Column) -> None:
        since, value = self._clock(), column.text.format(next(self._numbers))
        name = column.names[system]
        self._systems[system].update(pair.tables.names[system], pair.ids[system], {name: value})
        same = partial(self._has, system.other, pair, column.names[system.other], value)
        self._changed(system, pair.ids[system], pair.email, since, same, f"{pair.name}: {name} is now {value}")

    def _created(self, system: System, record_id: str, email: str, since: datetime, text: str) -> None:
        self._changed(system, record_id, email, since, partial(self._knows, system.other, email), text)

    def _changed(
        self, system: System, record_id: str, email: str, since: datetime, is_there: Callable[[], bool], text: str
    ) -> None:
        self._arrivals.expect(Expected(system, record_id, since, is_there))
        self._touched.setdefault(email, []).append((system, record_id))
        self.changes += 1
        self._on_action(system, text)

    def _has(self, system: System, pair: _Pair, column: str, value: str) -> bool:
        """Whether the row has this value in ``system``."""
        row = self._row(system, pair.tables.names[system], pair.ids[system])
        return row is not None and row[column] == value

    def _lacks(self, system: System, entity_set: str, record_id: str) -> bool:
        """Whether ``system`` has no such row."""
        return self._row(system, entity_set, record_id) is None

    def _row(self, system: System, entity_set: str, record_id: str) -> dict[str, Any] | None:
        try:
            return self._systems[system].row(entity_set, record_id)
        except LookupError:
            return None

    def _knows(self, system: System, email: str) -> bool:
        """Whether ``system`` has a row with this address."""
        name = _EMAIL[system]
        return any(self._systems[system].rows(tables.names[system], **{name: email}) for tables in _TABLES)

    def _pick(self, tables: _Tables) -> _Pair | None:
        """A row that both systems have, and that no change is under way of."""
        entity_set = tables.names[_DV]
        theirs = {row["emailaddress1"]: row[f"{entity_set[:-1]}id"] for row in self._dv.rows(entity_set)}
        pairs = [
            _Pair(tables, email, row["displayName"], {_BC: row["id"], _DV: theirs[email]})
            for row in self._bc.rows(tables.names[_BC])
            if (email := row["email"]) in theirs and self._is_at_rest(email)
        ]
        return self._random.choice(pairs) if pairs else None

    def _is_at_rest(self, email: str) -> bool:
        return not any(self._arrivals.is_expected(*record) for record in self._touched.get(email, ()))

    def _company(self) -> dict[str, Any]:
        host = f"new-{next(self._numbers)}.example"
        return self._fiction.company() | {"email": f"office@{host}", "website": f"https://www.{host}"}

    def _account(self, customer_type: int) -> dict[str, Any]:
        company = self._company()
        return {
            "name": company["displayName"],
            "emailaddress1": company["email"],
            "telephone1": company["phoneNumber"],
            "address1_city": company["city"],
            "customertypecode": customer_type,
        }

    def _person(self) -> tuple[str, str, str]:
        return self._fiction.person(f"people-{next(self._numbers)}.example")
