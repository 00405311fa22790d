"""What came of a run: per table how many records had which outcome."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.ledger import runs
from engine.ledger.runs import Run, RunState, RunTable
from schemas.errors import Stop
from schemas.outcomes import Outcome

_FAILURES = (Outcome.FAILED, Outcome.SKIPPED, Outcome.CONFLICT)


@dataclass(frozen=True, slots=True)
class TableVerdict:
    """What came of one mapping in one direction; counts only outcomes that occurred."""

    table: RunTable
    outcomes: Mapping[Outcome, int]

    @property
    def failed(self) -> int:
        """Records that a person should look at."""
        return sum(self.outcomes.get(outcome, 0) for outcome in _FAILURES)

    @property
    def parked(self) -> int:
        """Records that wait for another one."""
        return self.outcomes.get(Outcome.PARKED, 0)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a run, or of what there is of it so far."""

    run: Run
    tables: tuple[TableVerdict, ...]

    @property
    def failed(self) -> int:
        """Records that a person should look at."""
        return sum(table.failed for table in self.tables)

    @property
    def good(self) -> bool:
        """Whether everything was run and nothing failed."""
        return self.run.state is RunState.FINISHED and self.failed == 0


def verdict(connection: Connection, run_id: str) -> Verdict:
    """The verdict as of now.

    Raises:
        Stop: there is no such run.
    """
    run = runs.load(connection, run_id)
    if run is None:
        raise Stop(f"there is no run {run_id}; correct its id")
    counts: dict[tuple[str, str], dict[Outcome, int]] = {}
    for mapping, direction, outcome, number in runs.outcomes(connection, run_id):
        counts.setdefault((mapping, direction), {})[outcome] = number
    return Verdict(
        run, tuple(TableVerdict(table, counts.get((table.mapping, table.direction), {})) for table in run.tables)
    )
