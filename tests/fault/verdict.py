"""The checker: what users did, against what was written and what both systems have in the end."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from statistics import quantiles

from schemas.system import System
from tests.fault.journal import BC, DV, Journal, Written
from tests.fault.users import Made, Users
from tests.support.stack import Stack


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of the changes.

    Attributes:
        changes: of users.
        arrived: of these, those that the other system has had, by themselves or with a later one.
        lost: rows that differ from what users made of them, and nothing open says why.
        doubled: rows that the other system has had twice.
        order_faults: writes that took a row back behind a change that it had.
        open: operations that have not ended.
        latencies: seconds from changes to their arrivals.
        arrivals: when they were, in order.
    """

    changes: int
    arrived: int
    lost: list[str]
    doubled: list[str]
    order_faults: list[str]
    open: list[str]
    latencies: list[float]
    arrivals: list[float]

    @property
    def faults(self) -> list[str]:
        """Everything that must not be."""
        return [*self.lost, *self.doubled, *self.order_faults, *self.open]

    def longest_pause(self, begin: float, end: float) -> float:
        """Seconds without any arrival between these moments."""
        inside = [at for at in self.arrivals if begin < at < end]
        return max(after - before for before, after in pairwise([begin, *inside, end]))

    def __str__(self) -> str:
        percentiles = quantiles(self.latencies, n=100) if len(self.latencies) > 1 else [0.0] * 99
        return (
            f"{self.changes} changes, {self.arrived} arrived, {len(self.lost)} lost, {len(self.doubled)} doubled, "
            f"{len(self.order_faults)} order faults, {len(self.open)} open; seconds to arrive: "
            f"p50 {percentiles[49]:.2f}, p99 {percentiles[98]:.2f}, at most {max(self.latencies, default=0.0):.2f}"
        )


def verdict(stack: Stack, journal: Journal, users: Users) -> Verdict:
    """Of a stack at rest."""
    written: dict[str, list[Written]] = defaultdict(list)
    for one in journal.written():
        written[one.name].append(one)
    arrivals = _arrivals(written)
    found = [
        (change.at, arrivals[change.name, change.system, change.count])
        for change in users.changes
        if (change.name, change.system, change.count) in arrivals
    ]
    entries = {entry.key.record_id: str(entry) for entry in stack.open_operations()}
    rows = {
        BC: {row["displayName"]: row for row in stack.bc.rows("customers")},
        DV: {row["name"]: row for row in stack.dv.rows("accounts")},
    }
    ids = {made.name: {system: journal.ids(system, made.name) for system in System} for made in users.made}
    return Verdict(
        changes=len(users.changes),
        arrived=len(found),
        lost=[text for made in users.made for text in _lost(made, rows, entries.keys() & _all(ids[made.name]))],
        doubled=[
            f"{name} was created {len(of_system)} times in {system}: {of_system}"
            for name, by_system in ids.items()
            for system, of_system in by_system.items()
            if len(of_system) > 1
        ],
        order_faults=[text for made in users.made for text in _order_faults(written[made.name])],
        open=[entries[row_id] for by_system in ids.values() for row_id in sorted(entries.keys() & _all(by_system))],
        latencies=[at - since for since, at in found],
        arrivals=sorted(at for _, at in found),
    )


def _all(by_system: Mapping[System, list[str]]) -> set[str]:
    return {row_id for ids in by_system.values() for row_id in ids}


def _arrivals(written: Mapping[str, list[Written]]) -> dict[tuple[str, System, int], float]:
    """When the row of the other system first had a change, by name, system of the user, and count."""
    arrivals: dict[tuple[str, System, int], float] = {}
    for name, versions in written.items():
        for version in versions:
            by = version.system.other
            count = version.counts[by]
            while count and (name, by, count) not in arrivals:
                arrivals[name, by, count] = version.at
                count -= 1
    return arrivals


def _lost(made: Made, rows: Mapping[System, Mapping[str, Mapping[str, object]]], entries: set[str]) -> Iterator[str]:
    if entries:
        return
    wanted = tuple(f"{word} {made.counts[system]}" if made.counts[system] else "" for system, word in _WORDS.items())
    for system, names in _COLUMNS.items():
        row = rows[system].get(made.name)
        found = None if row is None else tuple(row[name] or "" for name in names)
        if found != wanted:
            yield f"{made.name} in {system} has {found}, and should have {wanted}"


_WORDS = {BC: "City", DV: "+41"}
_COLUMNS = {BC: ("city", "phoneNumber"), DV: ("address1_city", "telephone1")}


def _order_faults(versions: list[Written]) -> Iterator[str]:
    rows: dict[str, list[Written]] = defaultdict(list)
    for version in versions:
        rows[version.row_id].append(version)
    for of_row in rows.values():
        for before, after in pairwise(of_row):
            for system in System:
                if after.counts[system] < before.counts[system]:
                    yield (
                        f"{after.name} in {after.system} went back from change {before.counts[system]} "
                        f"of {system} to {after.counts[system]}"
                    )
