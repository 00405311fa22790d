"""What must hold within one column of a mapping, whatever the other columns are."""

from collections import Counter
from collections.abc import Iterator
from typing import TypeAlias

from schemas.faults import Path, joined
from schemas.mapping import Column, ColumnType, Lookup, Mapping, MissingReference
from schemas.system import Direction

Found: TypeAlias = tuple[Path, str, str]
"""Where in the column, what is wrong, what to write instead."""

_DISTINCT_CHARACTERS = 6
"""A derived text keeps at least 30 bits of its record's id: codes of ten thousand records then hardly collide."""


def flows(mapping: Mapping, column: Column) -> frozenset[Direction]:
    """The directions in which the column's value travels."""
    return frozenset(d for d in Direction if mapping.direction.allows(d) and column.direction.allows(d))


def of_column(mapping: Mapping, column: Column) -> Iterator[Found]:
    """All faults of one column by itself."""
    travels = flows(mapping, column)
    if column.business_central is None and column.dataverse is None:
        yield (), "names no column", "write pair: business_central_column <-> dataverse_column"
        return
    if not travels:
        problem = f"goes {column.direction.value}, but its mapping only {mapping.direction.value}"
        yield (), problem, "turn one of them round, or leave the column out"
    yield from _origin(column, travels)
    yield from _values(column, travels)
    yield from _reference(column)
    yield from _lookup(column, travels)
    if column.length and (column.reference or column.type not in (ColumnType.TEXT, ColumnType.CODE)):
        yield ("length",), "only text and codes are cut to a length", "leave it out"
    if column.business_central and "/" in column.business_central and Direction.FROM_DATAVERSE in travels:
        yield (), "a related row's column is only read", "write direction: to_dataverse"


def _origin(column: Column, travels: frozenset[Direction]) -> Iterator[Found]:
    """A column pair has its source; a single column needs a constant, or a derived value."""
    given = [name for name, value in (("constant", column.constant), ("derive", column.derive)) if value is not None]
    if column.business_central is not None and column.dataverse is not None:
        if given:
            yield (
                (given[0],),
                "is only for a column that the source has no counterpart of",
                "leave out one of the names",
            )
        return
    if len(given) != 1:
        problem = "has no source" if not given else f"has both {joined(given)}"
        yield (), problem, "name the other side's column, or give a constant"
        return
    onward = Direction.TO_DATAVERSE if column.business_central is None else Direction.FROM_DATAVERSE
    if onward.reverse in travels:
        yield (), f"a {given[0]} goes one way", f"write direction: {onward.value}"
    if column.derive is not None:
        if column.when != "create":
            yield ("derive",), "is for new rows only", "write when: create"
        if column.derive.length - len(column.derive.prefix) < _DISTINCT_CHARACTERS:
            problem = f"leaves fewer than {_DISTINCT_CHARACTERS} characters behind the prefix, and codes would collide"
            yield ("derive",), problem, "give it more length, or a shorter prefix"


def _values(column: Column, travels: frozenset[Direction]) -> Iterator[Found]:
    if column.values is None:
        return
    if column.type is not ColumnType.CHOICE:
        yield ("values",), "are for a choice", "write type: choice"
    if Direction.FROM_DATAVERSE in travels:
        twice = [str(option) for option, times in Counter(column.values.values()).items() if times > 1]
        if twice:
            problem = f"Dataverse's {joined(twice)} stands for several options of Business Central"
            yield ("values",), problem, "pair it with one, or write direction: to_dataverse"
    if Direction.TO_DATAVERSE in travels:
        names = Counter(name.strip().casefold() for name in column.values)
        twice = [repr(name) for name, times in names.items() if times > 1]
        if twice:
            yield ("values",), f"Business Central's {joined(twice)} is there in several spellings", "leave one"


def _reference(column: Column) -> Iterator[Found]:
    if column.reference is None:
        return
    if column.values is not None or column.type is not ColumnType.TEXT:
        yield ("reference",), "a reference has neither type nor values", "leave them out"
    if column.business_central is None or column.dataverse is None:
        yield ("reference",), "a reference needs a column on both sides", ""
    if column.not_null and column.reference.missing is MissingReference.CLEAR:
        yield ("not_null",), "never blanks the column, and missing: clear does", "leave out one of them"


def _lookup(column: Column, travels: frozenset[Direction]) -> Iterator[Found]:
    lookup = column.dataverse
    unknown = isinstance(lookup, Lookup) and lookup.target_set is None and column.reference is None
    if unknown and Direction.TO_DATAVERSE in travels:
        problem = "does not say which table the row that it is bound to is in"
        yield ("dataverse",), problem, "add target_set, such as teams"
