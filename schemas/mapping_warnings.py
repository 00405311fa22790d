"""What works, but perhaps not as meant."""

from collections.abc import Iterator
from itertools import combinations

from schemas.column_checks import flows
from schemas.faults import Finding
from schemas.mapping import Condition, DeletionConflict, Mapping, MappingDirection, Mappings
from schemas.system import Direction


def warn(mappings: Mappings) -> list[Finding]:
    """All warnings about mappings that have no faults."""
    found: list[Finding] = []
    for mapping in mappings.mappings:
        found += _of_mapping(mapping)
    for first, second in combinations(mappings.mappings, 2):
        found += _overlap(first, second)
    return found


def _of_mapping(mapping: Mapping) -> Iterator[Finding]:
    if not mapping.only_coupled and mapping.deletion_conflict is DeletionConflict.REMOVE_COUPLING:
        problem = "a row whose counterpart was deleted stays without one, while all other rows without one get it"
        yield Finding(mapping.name, ("deletion_conflict",), problem, "write only_coupled: true")
    if not mapping.only_coupled and mapping.direction is MappingDirection.BIDIRECTIONAL and not mapping.match:
        problem = "rows that are on both sides already will be created a second time: nothing says how to match them"
        yield Finding(mapping.name, ("only_coupled",), problem, "add match, or write only_coupled: true")
    for index, column in enumerate(mapping.columns):
        if column.conflict is not None and (len(flows(mapping, column)) < 2 or column.when == "create"):
            problem = "never decides anything: a column that goes one way has no conflicts"
            yield Finding(mapping.name, ("columns", index, "conflict"), problem, "leave it out")


def _overlap(first: Mapping, second: Mapping) -> Iterator[Finding]:
    """Two mappings that both take the same source row make two destination rows of it."""
    if first.dataverse.choice or second.dataverse.choice:
        return
    for direction in Direction:
        table = first.table_name(direction.source)
        if (
            first.direction.allows(direction)
            and second.direction.allows(direction)
            and table == second.table_name(direction.source)
            and not _apart(first.filter_in(direction.source), second.filter_in(direction.source))
        ):
            problem = f"may take the same rows of {table} as {first.name}: no filter tells them apart"
            yield Finding(
                second.name, (direction.source.value,), problem, "filter a column of both by different values"
            )


def _apart(first: dict[str, Condition], second: dict[str, Condition]) -> bool:
    """Whether no row can satisfy both filters, because of some one column."""
    return any(_disjoint(first[column], second[column]) for column in first.keys() & second.keys())


def _disjoint(first: Condition, second: Condition) -> bool:
    ours, theirs = frozenset(first.any_of), frozenset(second.any_of)
    if first.negate and second.negate:
        return False
    if first.negate:
        return theirs <= ours
    if second.negate:
        return ours <= theirs
    return ours.isdisjoint(theirs)
