"""What came of a demo."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from console.demo.comparison import Difference, TableComparison
from engine.ledger.open_operations import OpenStatus
from schemas.mapping import MappingDirection
from schemas.outcomes import Outcome
from schemas.system import System


@dataclass(frozen=True, slots=True)
class TableSummary:
    """One mapping: how many rows it admits on each side, how many of them are coupled, and how many differ."""

    mapping: str
    direction: MappingDirection
    rows: Mapping[System, int]
    coupled: int
    different: int
    outcomes: Mapping[Outcome, int]


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of a demo.

    Attributes:
        changes: how many the users made; ``missing``: how many of them the other system does not have.
        latencies: seconds from change to arrival.
        open: operations that have not arrived, by why.
        seconds: how long each part took.
    """

    tables: Sequence[TableSummary]
    differences: Sequence[Difference]
    changes: int
    missing: int
    latencies: Sequence[float]
    open: Mapping[OpenStatus, int]
    seconds: Mapping[str, float]

    @property
    def agree(self) -> bool:
        """Whether both sides are equal, and have what the users did."""
        return not self.differences and not self.missing

    def latency(self, percent: int) -> float | None:
        """Seconds in which so many percent of the arrivals had arrived; ``None`` where nothing did."""
        ordered = sorted(self.latencies)
        return ordered[max(0, -(-len(ordered) * percent // 100) - 1)] if ordered else None

    def record(self) -> dict[str, Any]:
        """The summary as a JSON object."""
        return {
            "agree": self.agree,
            "tables": [
                {
                    "mapping": table.mapping,
                    "direction": table.direction,
                    **{system.value: table.rows[system] for system in System},
                    "coupled": table.coupled,
                    "different": table.different,
                    "outcomes": table.outcomes,
                }
                for table in self.tables
            ],
            "differences": self.differences,
            "changes": {"made": self.changes, "arrived": self.changes - self.missing},
            "latency_seconds": {"p50": self.latency(50), "p99": self.latency(99)},
            "parked": self.open.get(OpenStatus.PARKED, 0),
            "open": self.open,
            "seconds": self.seconds,
        }


def table_summaries(
    comparisons: Iterable[TableComparison], coupled: Mapping[str, int], counters: Counter[tuple[str, Outcome]]
) -> list[TableSummary]:
    """The tables in order; only outcomes that occurred."""
    return [
        TableSummary(
            one.mapping.name,
            one.mapping.direction,
            one.rows,
            coupled.get(one.mapping.name, 0),
            one.different,
            {outcome: number for outcome in Outcome if (number := counters[one.mapping.name, outcome])},
        )
        for one in comparisons
    ]
