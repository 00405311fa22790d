"""The seeded workload: rows of five tables in Business Central, and the events that their changes cause.

Zipf-distributed updates over currencies, salespeople, vendors, customers and contacts; 10 % of the events come twice,
5 % are deletions, 2 % of the contacts come before their customer. The same seed gives the same events.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from uuid import UUID

from schemas.change_event import ChangeEvent, ChangeKind
from schemas.row import Value
from schemas.system import System

_START = datetime(2026, 1, 1, tzinfo=UTC)

SHARES = {"currencies": 0.0004, "salespeoplePurchasers": 0.003, "vendors": 0.07, "customers": 0.25, "contacts": 0.6766}
"""Rows of each table as a share of all rows."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a user did to a row just before the event: ``values`` of ``None`` deleted it."""

    event: ChangeEvent
    values: dict[str, Value] | None
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Workload:
    """Changes in the order of their events."""

    changes: Sequence[Change]

    @property
    def final(self) -> dict[str, dict[str, dict[str, Value]]]:
        """The rows that must be on both sides in the end: by table and id, with the values written last."""
        tables: dict[str, dict[str, dict[str, Value]]] = {table: {} for table in SHARES}
        for change in self.changes:
            if change.duplicate:
                continue
            rows, row_id = tables[change.event.table], change.event.record_id or ""
            if change.values is None:
                rows.pop(row_id, None)
            else:
                rows[row_id] = {**rows.get(row_id, {}), **change.values}
        return tables


def make(events: int, seed: int = 1) -> Workload:
    """A workload of about ``events`` events."""
    return Workload(_Maker(random.Random(seed), events).make())


class _Maker:
    def __init__(self, rng: random.Random, events: int) -> None:
        self._rng = rng
        self._events = events
        self._changes: list[Change] = []
        self._counter = 0
        self._rows: dict[str, list[str]] = {}
        self._alive: dict[str, dict[str, dict[str, Value]]] = {table: {} for table in SHARES}

    def make(self) -> list[Change]:
        keys = max(50, self._events // 3)
        for table, share in SHARES.items():
            self._rows[table] = [str(UUID(int=self._rng.getrandbits(128))) for _ in range(max(3, int(keys * share)))]
        creations = [(table, row_id) for table, ids in self._rows.items() for row_id in ids]
        early = {pair for pair in creations if pair[0] == "contacts" and self._rng.random() < 0.02}
        ordered = [*(pair for pair in creations if pair in early), *(pair for pair in creations if pair not in early)]
        for table, row_id in ordered:
            self._change(table, row_id, self._new(table, row_id))
        tables = list(SHARES)
        weights = list(SHARES.values())
        zipf = {
            table: list(accumulate(1 / rank for rank in range(1, len(ids) + 1))) for table, ids in self._rows.items()
        }
        while len(self._changes) < self._events:
            table = self._rng.choices(tables, weights)[0]
            row_id = self._rng.choices(self._rows[table], cum_weights=zipf[table])[0]
            alive = self._alive[table]
            if row_id not in alive:
                continue
            if table == "contacts" and self._rng.random() < 0.075:
                self._change(table, row_id, None)
            else:
                self._change(table, row_id, {"displayName": f"{table} {self._counter}"})
        return self._changes

    def _new(self, table: str, row_id: str) -> dict[str, Value]:
        number = len(self._alive[table])
        name: Value = f"{table} {number}"
        match table:
            case "currencies" | "salespeoplePurchasers":
                return {"code": f"{table[0].upper()}{number}", "displayName": name}
            case "contacts":
                parent = self._rng.choice(self._rows["customers"])
                return {"displayName": name, "companyNumber": f"CT{parent[:13].upper()}", "type": "Person"}
            case _:
                currency = self._rng.randrange(len(self._rows["currencies"]))
                return {
                    "displayName": name,
                    "city": f"City {number % 97}",
                    "currencyCode": f"C{currency}",
                    "contactNumber": f"CT{row_id[:13].upper()}",
                }

    def _change(self, table: str, row_id: str, values: dict[str, Value] | None) -> None:
        if values is None:
            del self._alive[table][row_id]
        else:
            self._alive[table].setdefault(row_id, {}).update(values)
        event = self._event(table, row_id, ChangeKind.DELETED if values is None else ChangeKind.MODIFIED)
        self._changes.append(Change(event, values, duplicate=False))
        if self._rng.random() < 0.1:
            self._changes.append(Change(event, values, duplicate=True))

    def _event(self, table: str, row_id: str, kind: ChangeKind) -> ChangeEvent:
        self._counter += 1
        return ChangeEvent(
            id=f"event-{self._counter}",
            system=System.BUSINESS_CENTRAL,
            table=table,
            record_id=row_id,
            kind=kind,
            time=_START + timedelta(milliseconds=self._counter),
        )
