"""Users of a world: they create, edit and delete rows on both sides, and remember what they did."""

import random
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from engine.ledger import couplings
from engine.ledger.database import read
from schemas.row import Value
from schemas.system import System
from tests.support.world import BC, DV, World

MAPPING_OF = {
    (BC, "currencies"): ("CURRENCY",),
    (DV, "transactioncurrency"): ("CURRENCY",),
    (BC, "salespeoplePurchasers"): ("SALESPEOPLE",),
    (DV, "systemuser"): ("SALESPEOPLE",),
    (BC, "customers"): ("CUSTOMER",),
    (BC, "vendors"): ("VENDOR",),
    (DV, "account"): ("CUSTOMER", "VENDOR"),
    (BC, "contacts"): ("CONTACT",),
    (DV, "contact"): ("CONTACT",),
}

PLAIN: dict[tuple[System, str], tuple[str, ...]] = {
    (BC, "currencies"): ("displayName", "symbol"),
    (DV, "transactioncurrency"): ("currencyname",),
    (BC, "salespeoplePurchasers"): ("displayName",),
    (DV, "systemuser"): ("fullname",),
    (BC, "customers"): ("displayName", "phoneNumber", "city", "creditLimit", "unmapped"),
    (BC, "vendors"): ("displayName", "unmapped"),
    (DV, "account"): ("name", "telephone1", "address1_city", "creditlimit", "unmapped"),
    (BC, "contacts"): ("displayName",),
    (DV, "contact"): ("fullname",),
}

_LOOKUPS: dict[tuple[System, str], dict[str, tuple[str, str]]] = {
    (BC, "customers"): {"currencyCode": ("currencies", "code"), "primaryContactId": ("contacts", "")},
    (BC, "vendors"): {"currencyCode": ("currencies", "code")},
    (DV, "account"): {"transactioncurrencyid": ("transactioncurrency", ""), "primarycontactid": ("contact", "")},
    (BC, "contacts"): {"companyNumber": ("customers vendors", "contactNumber")},
    (DV, "contact"): {"parentcustomerid": ("account", "")},
}

Key = tuple[System, str, str]
"""System, table, row id."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A user's change of one column, with the value that the user saw there before.

    Attributes:
        settled: the ledger knew that value. Otherwise it is a write of ours whose answer is still out, and nobody can
            tell whether the user wrote after it or before it: that goes by the policy, as a change on both sides.
    """

    key: Key
    column: str
    seen: Value
    value: Value
    settled: bool


@dataclass(slots=True)
class Users:
    """What users do is drawn from ``random``; texts are never written twice, so that each tells who wrote it."""

    world: World
    random: random.Random
    edits: list[Edit] = field(default_factory=list)
    created: list[Key] = field(default_factory=list)
    deleted: list[Key] = field(default_factory=list)
    _number: int = 0

    def create(self, system: System, table: str) -> None:
        """A new row, some of its columns filled."""
        values: dict[str, Value] = {}
        columns = PLAIN[system, table]
        for name in columns:
            if name == columns[0] or self.random.random() < 0.5:
                values[name] = self._value(name)
        if table == "currencies":
            values["code"] = f"C{self._next():02}"
        if table == "transactioncurrency":
            values["isocurrencycode"] = f"C{self._next():02}"
        if table == "account":
            values["customertypecode"] = self.random.choice((3, 11))
        if (system, table) == (BC, "contacts"):
            values["type"] = "Person"
        for name in _LOOKUPS.get((system, table), {}):
            if self.random.random() < 0.5:
                values[name] = self._reference(system, table, name)
        row_id = self.world.edit(system, table, values)
        self.created.append((system, table, row_id))

    def edit(self, system: System, table: str) -> None:
        """A change of one or two columns of some row."""
        row_id = self._some(system, table)
        if row_id is None:
            return
        plain = PLAIN[system, table]
        others = [*plain[2:], *_LOOKUPS.get((system, table), {})]
        chosen = [self.random.choice(plain[:2])]  # where users meet
        if others and self.random.random() < 0.4:
            chosen.append(self.random.choice(others))
        before = self.world.row(system, table, row_id)
        values = {
            name: self._value(name) if name in PLAIN[system, table] else self._reference(system, table, name)
            for name in chosen
        }
        known = self._known(system, table, row_id)
        for name, value in values.items():
            seen = before.get(name)
            self.edits.append(Edit((system, table, row_id), name, seen, value, known is None or seen in known))
        self.world.edit(system, table, values, row_id)

    def delete(self, system: System, table: str) -> None:
        """Some row is deleted; not one that the engine created and has not coupled: it would create it again."""
        row_id = self._some(system, table)
        if row_id is not None and ((system, table, row_id) in self.created or self._is_coupled(system, table, row_id)):
            self.deleted.append((system, table, row_id))
            self.world.remove(system, table, row_id)

    def rename(self) -> None:
        """A customer gets another number; Business Central follows suit in the rows that refer to it."""
        row_id = self._some(BC, "customers")
        if row_id is None:
            return
        old = self.world.row(BC, "customers", row_id)["contactNumber"]
        new = f"CT9{self._next():05}"
        self.world.edit(BC, "customers", {"contactNumber": new}, row_id)
        for contact_id, contact in list(self.world.rows(BC, "contacts").items()):
            if contact.values.get("companyNumber") == old:
                self.world.edit(BC, "contacts", {"companyNumber": new}, contact_id)

    def block(self) -> None:
        """A customer leaves the mapping's filter, or comes back."""
        row_id = self._some(BC, "customers")
        if row_id is not None:
            blocked = self.world.row(BC, "customers", row_id).get("blocked")
            self.world.edit(BC, "customers", {"blocked": None if blocked else "All"}, row_id)

    def _some(self, system: System, table: str) -> str | None:
        """A row that a user may touch. Not one that has just been created in Business Central and is not coupled yet:
        should the answer be lost, nobody could tell whose it is once a user has changed it."""
        ids = sorted(self.world.rows(system, table))
        if not ids:
            return None
        row_id = self.random.choice(ids)
        if system is BC and (system, table, row_id) not in self.created and not self._is_coupled(system, table, row_id):
            return None
        return row_id

    def _is_coupled(self, system: System, table: str, row_id: str) -> bool:
        with read(self.world.database) as connection:
            return any(couplings.load(connection, name, system, [row_id]) for name in MAPPING_OF[system, table])

    def _known(self, system: System, table: str, row_id: str) -> Collection[Value] | None:
        """The values that the ledger knows of a coupled row."""
        with read(self.world.database) as connection:
            for name in MAPPING_OF[system, table]:
                for coupling in couplings.load(connection, name, system, [row_id]).values():
                    return list(coupling.base.values())
        return None

    def _value(self, name: str) -> Value:
        if name in ("creditLimit", "creditlimit"):
            return self.random.choice((0, 10, 20, 30))
        if name in ("city", "address1_city"):
            return self.random.choice((None, "Oslo", "Bern", "Rome"))
        return f"{name[:4]} {self._next()}"

    def _reference(self, system: System, table: str, name: str) -> Value:
        tables, column = _LOOKUPS[system, table][name]
        rows = [row for one in tables.split() for row in self.world.rows(system, one).values()]
        if not rows or self.random.random() < 0.2:
            return None if self.random.random() < 0.8 or system is DV else "NOBODY" if column else None
        row = self.random.choice(sorted(rows, key=lambda row: row.id))
        return row.values[column] if column else row.id

    def _next(self) -> int:
        self._number += 1
        return self._number


Action = Callable[[Users], None]
