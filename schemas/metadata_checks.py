"""Whether the columns that mappings name exist, as the systems' own descriptions (``$metadata``) have it."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from schemas.faults import Finding, Path, did_you_mean
from schemas.mapping import Mapping, Mappings
from schemas.system import System

ColumnsOf: TypeAlias = Callable[[Mapping, System], frozenset[str] | None]
"""The columns of a mapping's table in a system, as :meth:`systems.interface.RecordSystem.columns` names them; ``None``
where they are not known."""


def check_against_metadata(mappings: Mappings, columns_of: ColumnsOf) -> list[Finding]:
    """A finding for every column that its table does not have.

    A Dataverse lookup may also go by the name of its value (``_ownerid_value``).
    """
    found: list[Finding] = []
    for mapping in mappings.mappings:
        for system in System:
            known = columns_of(mapping, system)
            if known is None:
                continue
            for path, name in _named(mapping, system):
                if name not in known and name.removeprefix("_").removesuffix("_value") not in known:
                    problem = f"{mapping.table_name(system)} has no column {name!r}"
                    found.append(Finding(mapping.name, path, problem, _suggestion(name, known)))
    return found


def _named(mapping: Mapping, system: System) -> Iterator[tuple[Path, str]]:
    """Every column of ``system`` that the mapping names, and where."""
    side = mapping.business_central if system is System.BUSINESS_CENTRAL else mapping.dataverse
    yield (system.value, "key"), side.key
    if system is System.BUSINESS_CENTRAL and mapping.business_central.referenced_by:
        yield (system.value, "referenced_by"), mapping.business_central.referenced_by
    for name in side.filter:
        yield (system.value, "filter", name), name
    for name in side.deactivate or ():
        yield (system.value, "deactivate", name), name
    for index, column in enumerate(mapping.columns):
        if name_in := column.name_in(system):
            yield ("columns", index), name_in


def _suggestion(name: str, known: frozenset[str]) -> str:
    hint = did_you_mean(name, known)
    return hint if hint.startswith("did you mean") else "look it up in the table's description ($metadata)"
