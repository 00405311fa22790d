"""What people call a record: its name in the system that it comes from."""

from contextlib import suppress

from schemas.mapping import Mapping, Mappings
from schemas.operations import OperationKey
from schemas.system import System
from systems.sandbox import Sandbox

_NAME = "displayName"


class RecordNames:
    """Looks names up in the sandbox, and remembers them for rows that are deleted. For one thread at a time."""

    def __init__(self, sandbox: Sandbox, mappings: Mappings) -> None:
        self._sandbox = sandbox
        self._mappings = mappings
        self._known: dict[str, str] = {}

    def of(self, key: OperationKey) -> str:
        """The name of an operation's source record."""
        mapping, source = self._mappings[key.mapping], key.direction.source
        with suppress(LookupError):
            self._known[key.record_id] = self._look_up(mapping, source, key.record_id)
        return self._known.get(key.record_id, key.record_id)

    def _look_up(self, mapping: Mapping, system: System, record_id: str) -> str:
        if system is System.BUSINESS_CENTRAL:
            row = self._sandbox.business_central.row(mapping.business_central.table, record_id)
        else:
            row = self._sandbox.dataverse.row(mapping.dataverse.set, record_id)
        return str(row[_title(mapping, system)])


def _title(mapping: Mapping, system: System) -> str:
    """The column with the name, else the first that ``system`` has."""
    names = sorted(mapping.columns, key=lambda column: column.business_central != _NAME)
    return next(name for column in names if (name := column.name_in(system)))
