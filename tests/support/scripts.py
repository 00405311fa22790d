"""A script: what users do, the same whatever happens in between, and how it ends, told without ids.

Every row is edited only on the side where it was created, and refers only to rows of that side, so that there are no
conflicts and there is one right end.
"""

from dataclasses import dataclass, field
from typing import TypeAlias
from uuid import UUID

from schemas.row import Value
from schemas.system import System
from tests.support.world import BC, DV, World

TEXTS: dict[tuple[System, str], tuple[str, ...]] = {
    (BC, "currencies"): ("displayName", "symbol"),
    (BC, "customers"): ("displayName", "phoneNumber", "city"),
    (BC, "vendors"): ("displayName",),
    (BC, "contacts"): ("displayName",),
    (DV, "systemuser"): ("fullname",),
    (DV, "account"): ("name", "telephone1", "address1_city"),
    (DV, "contact"): ("fullname",),
}

REFERENCES: dict[tuple[System, str], dict[str, tuple[str, ...]]] = {
    (BC, "customers"): {"currencyCode": ("currencies",), "primaryContactId": ("contacts",)},
    (BC, "vendors"): {"currencyCode": ("currencies",)},
    (BC, "contacts"): {"companyNumber": ("customers", "vendors")},
    (DV, "account"): {"primarycontactid": ("contact",)},
    (DV, "contact"): {"parentcustomerid": ("account",)},
}

_KEYS = {"currencyCode": "code", "companyNumber": "contactNumber"}

Side: TypeAlias = tuple[System, str]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a user does.

    Attributes:
        side: a new row of this table; ``None``: an edit.
        pick: which row is edited, and which one is referred to.
        columns: which columns are filled, bit by bit.
        pause: how many steps the engine makes before the next.
    """

    side: Side | None
    pick: int
    columns: int
    pause: int


@dataclass(slots=True)
class Play:
    """A script being played in a world."""

    world: World
    rows: list[tuple[Side, str]] = field(default_factory=list)
    _words: int = 0

    def play(self, step: Step) -> None:
        """Do it."""
        if step.side is not None:
            row_id = str(UUID(int=0xA0000 + len(self.rows)))
            values = self._values(step.side, step, new=True)
            self.rows.append((step.side, row_id))
            self.world.edit(*step.side, values, row_id)
        elif self.rows:
            side, row_id = self.rows[step.pick % len(self.rows)]
            self.world.edit(*side, self._values(side, step, new=False), row_id)

    def end(self) -> dict[int, object]:
        """By row: its values and its counterpart's, ids and numbers replaced by the row that they belong to."""
        names: dict[Value, str] = {}
        pairs: list[tuple[Side, str, Side | None, str]] = []
        for number, (side, row_id) in enumerate(self.rows):
            other, counter_id = self._counterpart(side, row_id)
            pairs.append((side, row_id, other, counter_id))
            for one, one_id in ((side, row_id), (other, counter_id)):
                if one is not None:
                    names[one_id] = f"row {number}"
                    names[self.world.row(*one, one_id).get("contactNumber")] = f"number of {number}"
        names.pop(None, None)
        found: dict[int, object] = {}
        for number, (side, row_id, other, counter_id) in enumerate(pairs):
            there = None if other is None else self._told(other, counter_id, names)
            open_here = sorted(
                e.status for e in self.world.open_operations() if e.key.record_id in (row_id, counter_id)
            )
            found[number] = (self._told(side, row_id, names), there, open_here)
        return found

    def _told(self, side: Side, row_id: str, names: dict[Value, str]) -> dict[str, object]:
        values = self.world.row(*side, row_id)
        return {name: names.get(value, value) for name, value in sorted(values.items()) if value not in (None, "", 0)}

    def _counterpart(self, side: Side, row_id: str) -> tuple[Side | None, str]:
        system, table = side
        for plan in self.world.plans.of_table(system, table):
            for coupling in self.world.couplings(plan.name):
                if coupling.id_in(system) == row_id:
                    other = system.other
                    return (other, plan.tables[other].name), coupling.id_in(other)
        return None, ""

    def _values(self, side: Side, step: Step, *, new: bool) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for bit, name in enumerate((*TEXTS[side], *REFERENCES.get(side, {}))):
            if (new and bit == 0) or step.columns >> bit & 1:
                values[name] = self._word() if name in TEXTS[side] else self._reference(side, name, step.pick)
        if new:
            values.update(self._fixed(side, step.pick))
        return values

    def _fixed(self, side: Side, pick: int) -> dict[str, Value]:
        match side:
            case (System.BUSINESS_CENTRAL, "currencies"):
                return {"code": f"C{len(self.rows)}"}
            case (System.BUSINESS_CENTRAL, "contacts"):
                return {"type": "Person"}
            case (System.DATAVERSE, "account"):
                return {"customertypecode": (3, 11)[pick % 2]}
            case _:
                return {}

    def _reference(self, side: Side, name: str, pick: int) -> Value:
        system, _ = side
        tables = REFERENCES[side][name]
        there = [one for one in self.rows if one[0][0] is system and one[0][1] in tables]
        chosen = pick % (len(there) + 1)
        if chosen == len(there):
            return None
        target, row_id = there[chosen]
        return self.world.row(*target, row_id)[_KEYS[name]] if name in _KEYS else row_id

    def _word(self) -> str:
        self._words += 1
        return f"word {self._words}"
