"""Three-way merge of one coupled pair, column by column, on what both sides last agreed on. No I/O.

Words: *source* is the row whose change is being carried, *destination* the other one, *base* the snapshot of canonical
values that both sides had when they last agreed. A column that the base does not know (the first synchronization after
a coupling) counts as changed on both sides.

For every column that travels from source to destination::

    one-way                          the source's value is written where it differs
    two-way, changed on one side     that side's value stands
    two-way, changed on both sides   same value: agreed; different: a conflict, settled by the column's policy

What the destination has changed is left for the operation that carries the destination's change: the result says that
there is something to carry back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from engine.plan import Plan, PlannedColumn
from schemas.mapping import UpdateConflict
from schemas.row import Value
from schemas.system import Direction, System

Canonical = Mapping[str, Value]
"""Canonical values by column name."""


class _Missing(Enum):
    MISSING = "missing"


_MISSING = _Missing.MISSING


@dataclass(frozen=True, slots=True)
class ColumnConflict:
    """A two-way column that was changed on both sides to different values, for a person to decide."""

    column: str
    base: Value
    source: Value
    destination: Value


@dataclass(slots=True)
class Merge:
    """What follows from comparing.

    Attributes:
        write: canonical values to write to the destination.
        base: the new snapshot, valid once ``write`` has happened.
        conflicts: columns that a person must decide on; then nothing is written.
        carry_back: the destination has something that the opposite operation must bring to the source.
    """

    write: dict[str, Value] = field(default_factory=dict)
    base: dict[str, Value] = field(default_factory=dict)
    conflicts: list[ColumnConflict] = field(default_factory=list)
    carry_back: bool = False


def merge(
    plan: Plan,
    direction: Direction,
    *,
    base: Canonical,
    source: Canonical,
    destination: Canonical | None,
    newer: System | None = None,
    source_wins: bool = False,
) -> Merge:
    """Merge ``source`` into ``destination``.

    Args:
        source: canonical values of the source row. A column left out is not merged (its reference is deferred or
            kept): the base goes on saying what both had before.
        destination: those of the destination row; ``None`` where it is known to agree with ``base``.
        newer: the side that was modified last, for the policy ``latest``; unknown counts as a conflict.
        source_wins: the source's value stands in every conflict (full sync with overwrite).
    """
    result = Merge(base=dict(base))
    for column in plan.columns:
        if not column.compared:
            continue
        if direction in column.flows:
            _merge_column(result, column, direction, base, source, destination, newer, source_wins)
        elif direction.reverse in column.flows:
            _watch_column(result, column, base, source, destination)
    return result


def _merge_column(
    result: Merge,
    column: PlannedColumn,
    direction: Direction,
    base: Canonical,
    source: Canonical,
    destination: Canonical | None,
    newer: System | None,
    source_wins: bool,
) -> None:
    name = column.name
    agreed: Value | _Missing = base.get(name, _MISSING)
    theirs = agreed if destination is None else destination.get(name, _MISSING)
    if name not in source:
        if agreed is _MISSING and theirs is None:
            result.base[name] = None  # written without it: as good as created without it
        return
    ours = source[name]
    if column.column.not_null and ours is None:
        result.carry_back |= column.two_way and theirs not in (None, _MISSING)
        return
    if ours == theirs:
        result.base[name] = ours
        return
    they_stayed = agreed is not _MISSING and theirs == agreed
    they_are_blank = column.column.not_null and theirs is None  # which is no change of theirs
    if not column.two_way or they_stayed or they_are_blank or source_wins:
        result.write[name] = result.base[name] = ours
        return
    if ours == agreed:
        result.carry_back = True  # only they changed it
        return
    winner = _winner(column.policy, newer)
    if winner is direction.source:
        result.write[name] = result.base[name] = ours
    elif winner is direction.destination:
        result.carry_back = True
    else:
        result.conflicts.append(ColumnConflict(name, _or_blank(agreed), ours, _or_blank(theirs)))


def _watch_column(
    result: Merge, column: PlannedColumn, base: Canonical, source: Canonical, destination: Canonical | None
) -> None:
    """A column that only travels the other way: if somebody changed it here, the other side is to set it right."""
    name = column.name
    if name not in source:
        return
    ours = source[name]
    if name in base:
        result.carry_back |= ours != base[name]
    elif destination is not None and name in destination:
        if ours == destination[name]:
            result.base[name] = ours
        else:
            result.carry_back = True


def agrees(plan: Plan, system: System, values: Canonical, base: Canonical) -> bool:
    """Whether a row of ``system`` has nothing that the base does not know: the meaning of a recorded version.

    What the base lacks counts where it travels out of ``system``. A blank that is never written counts only where the
    other side's value can fill it.
    """
    out = Direction.out_of(system)
    for column in plan.columns:
        name = column.name
        if not column.compared or name not in values:
            continue
        if column.column.not_null and values[name] is None and out in column.flows and not column.two_way:
            continue
        if values[name] != base[name] if name in base else out in column.flows:
            return False
    return True


def _winner(policy: UpdateConflict, newer: System | None) -> System | None:
    match policy:
        case UpdateConflict.BUSINESS_CENTRAL:
            return System.BUSINESS_CENTRAL
        case UpdateConflict.DATAVERSE:
            return System.DATAVERSE
        case UpdateConflict.LATEST:
            return newer
        case UpdateConflict.MANUAL:
            return None


def _or_blank(value: Value | _Missing) -> Value:
    return None if value is _MISSING else value
