"""What was written to customers and accounts, by whomever, in the order in which it was written."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from time import monotonic

import pytest

from schemas.system import System
from systems.sandbox.store import Record, Table, Values
from tests.support.stack import Stack

BC, DV = System.BUSINESS_CENTRAL, System.DATAVERSE

_TABLES = {BC: "customer", DV: "account"}
_NAMES = {BC: "displayName", DV: "name"}
_COUNTED = {BC: {BC: "city", DV: "phoneNumber"}, DV: {BC: "address1_city", DV: "telephone1"}}
"""By the system whose row it is, the columns that count the changes of either system's users."""


@dataclass(frozen=True, slots=True)
class Written:
    """One version of a row.

    Attributes:
        at: seconds.
        counts: the newest change of each system's users that the row has.
    """

    at: float
    system: System
    row_id: str
    name: str
    counts: dict[System, int]


def columns(system: System, name: str, count: int) -> dict[str, str]:
    """A row's values with ``count`` changes of that system's users."""
    text = f"City {count}" if system is BC else f"+41 {count}"
    return {_NAMES[system]: name, _COUNTED[system][system]: text}


class Journal:
    """Writes of a stack's sandbox, from now until the patch is undone. Safe to call from several threads."""

    def __init__(self, stack: Stack, patch: pytest.MonkeyPatch) -> None:
        self._lock = Lock()
        self._written: list[Written] = []
        self._ids: dict[tuple[System, str], list[str]] = defaultdict(list)
        for system, sandbox in ((BC, stack.bc), (DV, stack.dv)):
            table = sandbox.store.table(_TABLES[system])
            patch.setattr(table, "put", self._watched(system, table))

    def written(self) -> list[Written]:
        """Everything so far, oldest first."""
        with self._lock:
            return list(self._written)

    def ids(self, system: System, name: str) -> list[str]:
        """The rows that ever had this name; more than one: doubled."""
        with self._lock:
            return list(self._ids[system, name])

    def _watched(self, system: System, table: Table) -> Callable[..., Record]:
        put = table.put

        def watched(record_id: str, values: Values, version: int | None = None) -> Record:
            record = put(record_id, values, version)
            name = values[_NAMES[system]]
            counts = {one: _count(values.get(column)) for one, column in _COUNTED[system].items()}
            with self._lock:
                self._written.append(Written(monotonic(), system, record_id, name, counts))
                if record_id not in self._ids[system, name]:
                    self._ids[system, name].append(record_id)
            return record

        return watched


def _count(text: str | None) -> int:
    return int(text.split()[-1]) if text else 0
