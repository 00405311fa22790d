"""Whether mappings fit the systems as they are: every table and column is asked for."""

from collections.abc import Mapping

from schemas import faults
from schemas.errors import Skip
from schemas.faults import Fault, Finding
from schemas.mapping import Mapping as TableMapping
from schemas.mapping_file import LoadedMappings
from schemas.metadata_checks import check_against_metadata
from schemas.system import System
from systems.interface import RecordSystem


def unknown_columns(loaded: LoadedMappings, systems: Mapping[System, RecordSystem]) -> list[Fault]:
    """A fault for every table and column that one of ``systems`` does not have. Requests its descriptions.

    Raises:
        Retry, Stop: a system is away, or refuses.
    """
    unknown_tables: list[Finding] = []

    def columns_of(mapping: TableMapping, system: System) -> frozenset[str] | None:
        if system not in systems:
            return None
        try:
            return systems[system].columns(loaded.mappings.table(mapping, system))
        except Skip as error:
            advice = "correct the name, or install what provides the table"
            unknown_tables.append(Finding(mapping.name, (system.value, "table"), error.text.rstrip("."), advice))
            return None

    unknown = check_against_metadata(loaded.mappings, columns_of)
    return faults.in_order(loaded.located([*unknown_tables, *unknown]))
