"""The gate: no row is written with a reference to a record that is not coupled.

For each reference whose record is not coupled, the mapping says what to do; ``park`` asks first whether waiting can
end::

    the record is not coupled
    ├── missing: fail    the operation fails
    ├── missing: clear   a blank is written
    ├── missing: keep    the column is left alone, for good
    ├── missing: defer   the column is left alone until the record is coupled
    └── missing: park    can it still come?
        ├── yes          park on it, and pull it in
        └── no           like defer

Whether it can, ``parents`` tells. A wait that cannot end is none: a row that waits in vain is worse than a row with a
blank.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.context import BatchContext
from engine.ledger.couplings import Wanted
from engine.parents import Missing, coming
from engine.plan import Plan
from engine.references import is_uncoupled, wanted
from engine.work import Work
from schemas.change_event import ChangeKind
from schemas.errors import Park, Skip
from schemas.mapping import MissingReference
from schemas.outcomes import Outcome
from schemas.row import Row
from schemas.system import System


@dataclass(frozen=True, slots=True)
class Pull:
    """A parent to be synchronized because a child waits for it."""

    plan: Plan
    system: System
    record_id: str
    kind: ChangeKind
    run_ids: tuple[str, ...]


def pass_gate(works: list[Work], context: BatchContext) -> list[Pull]:
    """Decide about every uncoupled reference of works of one lane; the answer is which parents to pull in.

    Parks, fails, or takes the column out of the work's source values. Reads possible parents in the source: one request
    per table and batch.

    Raises:
        Retry, Stop: of reading the parents.
    """
    system = context.direction.source
    parking = [missing for work in works for missing in _missing(work, system) if _settle(missing)]
    pulls: list[Pull] = []
    if parking:
        parents = coming(parking, context)
        for missing in parking:
            if missing.work.open:
                pulls.extend(_park_or_defer(missing, parents))
    return pulls


def _missing(work: Work, system: System) -> list[Missing]:
    found = []
    for column in work.plan.references:
        if not (work.direction in column.flows and is_uncoupled(work.source.get(column.name))):
            continue
        value = work.row.values[column.column.name_in(system) or ""] if work.row else None
        want = wanted(column, system, value)
        if want is not None:
            found.append(Missing(work, column, want))
    return found


def _settle(missing: Missing) -> bool:
    """Carry out what needs no question; True where it has to be asked whether the record can still come."""
    work, column = missing.work, missing.column
    reference = column.column.reference
    policy = reference.missing if reference else MissingReference.FAIL
    match policy:
        case MissingReference.PARK:
            return True
        case MissingReference.DEFER:
            _defer(missing)
        case MissingReference.KEEP:
            del work.source[column.name]
        case MissingReference.CLEAR:
            work.source[column.name] = None
        case MissingReference.FAIL:
            mappings = " or ".join(missing.wanted.mappings)
            text = f"column {column.name}: the record {missing.wanted.value} must be coupled by {mappings} first"
            work.end(Outcome.FAILED, Skip(text, code="must_be_coupled"))
    return False


def _defer(missing: Missing) -> None:
    missing.work.source.pop(missing.column.name, None)
    missing.work.deferred.append(missing.wanted)


def _park_or_defer(missing: Missing, parents: Mapping[Wanted, list[tuple[Plan, Row]]]) -> list[Pull]:
    found = parents.get(missing.wanted)
    if not found:
        _defer(missing)
        return []
    work = missing.work
    work.waits = missing.wanted
    text = f"waits for the record {missing.wanted.value} to be coupled by {' or '.join(missing.wanted.mappings)}"
    work.end(Outcome.PARKED, Park(text, waits_on=missing.wanted.waiting_key))
    kind = ChangeKind.SYNC_ALL if work.wants_new else ChangeKind.MODIFIED
    return [Pull(plan, work.direction.source, row.id, kind, work.run_ids) for plan, row in found]
