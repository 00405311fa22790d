"""What must hold within a mapping and between mappings, beyond the shape of each. Pure functions.

What holds for one column by itself: ``schemas/column_checks.py``. What merely looks unintended:
``schemas/mapping_warnings.py``. Whether the columns exist: ``schemas/metadata_checks.py``.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from graphlib import CycleError, TopologicalSorter

from schemas.column_checks import flows, of_column
from schemas.faults import Finding, did_you_mean, joined
from schemas.mapping import Column, DeletionConflict, Mapping, MappingDirection, Mappings, MissingReference
from schemas.system import Direction, System

REQUIRED_TO_CREATE: dict[tuple[System, str], frozenset[str]] = {
    (System.BUSINESS_CENTRAL, "currencies"): frozenset({"code"}),
    (System.BUSINESS_CENTRAL, "customers"): frozenset({"displayName"}),
    (System.BUSINESS_CENTRAL, "paymentTerms"): frozenset({"code"}),
    (System.BUSINESS_CENTRAL, "salespeoplePurchasers"): frozenset({"code"}),
    (System.BUSINESS_CENTRAL, "shipmentMethods"): frozenset({"code"}),
    (System.BUSINESS_CENTRAL, "vendors"): frozenset({"displayName"}),
    (System.DATAVERSE, "transactioncurrency"): frozenset(
        {"currencyname", "currencyprecision", "currencysymbol", "exchangerate", "isocurrencycode"}
    ),
}
"""Columns without which a system refuses a new row (Dataverse: required level SystemRequired without a default)."""


def check(mappings: Mappings, unreadable: AbstractSet[str] = frozenset()) -> list[Finding]:
    """All faults of resolved mappings.

    Args:
        unreadable: names of mappings that exist but have faults of their own: referring to them is no fault.
    """
    found: list[Finding] = []
    for mapping in mappings.mappings:
        for index, column in enumerate(mapping.columns):
            path = ("columns", index)
            found += (Finding(mapping.name, (*path, *at), *text) for at, *text in of_column(mapping, column))
            found += _reference(mappings, unreadable, mapping, index, column)
        found += _columns(mapping)
        found += _match(mapping)
        found += _options(mapping)
        found += _deactivation(mapping)
        found += _creation(mapping)
    return found + list(_cycles(mappings))


def _reference(
    mappings: Mappings, unreadable: AbstractSet[str], mapping: Mapping, index: int, column: Column
) -> Iterator[Finding]:
    if column.reference is None:
        return
    path = ("columns", index, "reference")
    known = {m.name for m in mappings.mappings}
    for name in column.reference.to:
        if name not in known | unreadable:
            yield Finding(mapping.name, path, f"refers to {name!r}, which is no mapping", did_you_mean(name, known))
    targets = [mappings[name] for name in column.reference.to if name in known]
    for target in targets:
        if column.reference.by == "key" and target.business_central.referenced_by is None:
            problem = f"refers by key to {target.name}, which names no key column"
            instead = f"give {target.name}'s business_central side referenced_by, or refer by: id"
            yield Finding(mapping.name, path, problem, instead)
    sets = dict.fromkeys(target.dataverse.set for target in targets)
    if len(sets) > 1:
        problem = f"refers to rows of {joined(sets)}, and one lookup column is bound to one table"
        yield Finding(mapping.name, path, problem, "write a column for each")


def _columns(mapping: Mapping) -> Iterator[Finding]:
    if not mapping.columns:
        yield Finding(mapping.name, ("columns",), "no column is left under these settings", "add one without only_if")
    for direction in Direction:
        written: set[str] = set()
        for index, column in enumerate(mapping.columns):
            name = column.name_in(direction.destination)
            if name is None or direction not in flows(mapping, column):
                continue
            if name in written:
                problem = f"is a second column that writes {name!r} in {_title(direction.destination)}"
                yield Finding(mapping.name, ("columns", index), problem, "let one of them travel the other way only")
            written.add(name)


def _match(mapping: Mapping) -> Iterator[Finding]:
    by_name: dict[str, Column] = {}
    for column in mapping.columns:
        by_name.setdefault(column.name, column)
    for index, criterion in enumerate(mapping.match):
        for name in criterion.columns:
            path = ("match", index)
            column_or_none = by_name.get(name)
            if column_or_none is None:
                hint = did_you_mean(name, by_name)
                yield Finding(mapping.name, path, f"matches by {name!r}, which is no column of this mapping", hint)
            elif column_or_none.business_central is None or column_or_none.dataverse_name is None:
                yield Finding(mapping.name, path, f"matches by {name!r}, which only one side has")
            elif column_or_none.reference or "/" in column_or_none.business_central:
                problem = f"matches by {name!r}, whose values differ between the sides"
                yield Finding(mapping.name, path, problem, "match by columns of the row itself that hold plain values")


def _options(mapping: Mapping) -> Iterator[Finding]:
    if mapping.dataverse.choice is None:
        return
    if mapping.direction is MappingDirection.BIDIRECTIONAL:
        problem = "an option mapping goes one way: the options of a choice carry no time of change"
        yield Finding(mapping.name, ("direction",), problem, "write to_dataverse or from_dataverse")
    if mapping.dataverse.filter:
        yield Finding(
            mapping.name, ("dataverse", "filter"), "the options of a choice cannot be filtered", "leave it out"
        )
    for index, column in enumerate(mapping.columns):
        if column.dataverse_name not in ("label", None):
            problem = f"an option has no column {column.dataverse_name!r}"
            yield Finding(mapping.name, ("columns", index), problem, "its one column is called label")


def _deactivation(mapping: Mapping) -> Iterator[Finding]:
    if mapping.deletion_conflict is not DeletionConflict.DEACTIVATE:
        return
    for direction in Direction:
        side = mapping.business_central if direction is Direction.FROM_DATAVERSE else mapping.dataverse
        if mapping.direction.allows(direction) and not side.deactivate:
            example = "{blocked: All}" if direction is Direction.FROM_DATAVERSE else "{statecode: 1, statuscode: 2}"
            problem = f"{_title(direction.destination)}'s side does not say how a row is deactivated"
            yield Finding(mapping.name, (direction.destination.value,), problem, f"add deactivate, such as {example}")


def _creation(mapping: Mapping) -> Iterator[Finding]:
    for direction in Direction:
        system = direction.destination
        if not mapping.direction.allows(direction) or (
            system is System.BUSINESS_CENTRAL and mapping.business_central.api != "v2.0"
        ):
            continue
        required = REQUIRED_TO_CREATE.get((system, mapping.table_name(system)), frozenset())
        written = {column.name_in(system) for column in mapping.columns if direction in flows(mapping, column)}
        if (missing := required - written) and not mapping.dataverse.choice:
            problem = (
                f"{_title(system)} creates no row of {mapping.table_name(system)} without {joined(sorted(missing))}"
            )
            yield Finding(mapping.name, ("columns",), problem, "add a column, or a constant with when: create")


def _cycles(mappings: Mappings) -> Iterator[Finding]:
    """Each cycle of parking references, one after another: a cycle found is cut, and the rest searched again."""
    file_order = [mapping.name for mapping in mappings.mappings]
    parents = {mapping.name: sorted(mapping.parents) for mapping in mappings.mappings}
    while cycle := _cycle(parents):
        start = cycle.index(min(cycle, key=file_order.index))
        way = [*cycle[start:], *cycle[:start], cycle[start]]
        child, parent = way[0], way[1]
        parents[child].remove(parent)
        path = ("columns", _waiting(mappings[child], parent), "reference")
        problem = f"references wait for each other, for ever: {' -> '.join(way)}"
        yield Finding(child, path, problem, "give one of them missing: defer")


def _cycle(parents: dict[str, list[str]]) -> list[str]:
    """The members of some cycle, each before the one that it refers to; empty if there is none."""
    try:
        TopologicalSorter(parents).prepare()
    except CycleError as error:
        parent_first: list[str] = error.args[1]
        return parent_first[:0:-1]
    return []


def _waiting(mapping: Mapping, parent: str) -> int:
    """The position of the column that waits for ``parent``."""
    return next(
        index
        for index, column in enumerate(mapping.columns)
        if column.reference and column.reference.missing is MissingReference.PARK and parent in column.reference.to
    )


def _title(system: System) -> str:
    return "Business Central" if system is System.BUSINESS_CENTRAL else "Dataverse"
