"""Couplings: which rows of the two systems are the same thing, and the values they last agreed on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Executable, bindparam, delete, func, insert, select, tuple_, union_all
from sqlalchemy.exc import IntegrityError

from engine.ledger import many_rows
from engine.ledger.models import CouplingModel, UncoupledModel, table_of
from engine.ledger.one_of import one_of
from schemas.operations import OperationKey
from schemas.row import Value
from schemas.system import Direction, System

_TABLE = table_of(CouplingModel)


@dataclass(slots=True)
class Coupling:
    """One pair. ``id`` is ``None`` until it is in the ledger.

    Attributes:
        bc_key: the value by which other Business Central tables name the row, upper case.
        bc_version, dv_version: the row had the values of ``base`` at that version; ``None``: it differs, or who knows.
        base: canonical values that both sides last agreed on, by column name.
        generation: how often the pair was created anew.
        bounces: writes in a row after which the destination did not keep what was written.
        revision: as read; a change succeeds only if the ledger still has it.
    """

    mapping: str
    bc_id: str
    dv_id: str
    bc_key: str | None = None
    bc_version: str | None = None
    dv_version: str | None = None
    base: dict[str, Value] = field(default_factory=dict)
    generation: int = 0
    bounces: int = 0
    last_to_dataverse: datetime | None = None
    last_from_dataverse: datetime | None = None
    revision: int = 0
    id: int | None = None

    @property
    def keys(self) -> list[OperationKey]:
        """The pair's operations: one a direction."""
        return [OperationKey(self.mapping, direction, self.id_in(direction.source)) for direction in Direction]

    def id_in(self, system: System) -> str:
        """The row's id in ``system``."""
        return self.bc_id if system is System.BUSINESS_CENTRAL else self.dv_id

    def version_in(self, system: System) -> str | None:
        """The settled version in ``system``."""
        return self.bc_version if system is System.BUSINESS_CENTRAL else self.dv_version

    def set_version(self, system: System, version: str | None) -> None:
        """Note at which version the row in ``system`` had the values of ``base``."""
        if system is System.BUSINESS_CENTRAL:
            self.bc_version = version
        else:
            self.dv_version = version

    def copy(self) -> "Coupling":
        """A copy to change, so that what was read stays what was read."""
        return replace(self, base=dict(self.base))


class CouplingMoved(Exception):
    """Another worker changed one of these couplings since they were read: read again and decide again."""


@dataclass(frozen=True, slots=True)
class Uncoupled:
    """A row that was uncoupled on purpose."""

    mapping: str
    system: System
    record_id: str
    generation: int


# Statements of the hot path are made once: making one costs more than running it.
_ID_COLUMNS = {System.BUSINESS_CENTRAL: _TABLE.c.bc_id, System.DATAVERSE: _TABLE.c.dv_id}
_OF_MAPPING = _TABLE.c.mapping == bindparam("mapping")
_COLUMNS = [_TABLE.c[field.name] for field in fields(Coupling)]
_LOAD = {system: select(*_COLUMNS).where(_OF_MAPPING, one_of(column, "ids")) for system, column in _ID_COLUMNS.items()}
_TAKEN = {system: select(column).where(_OF_MAPPING, one_of(column, "ids")) for system, column in _ID_COLUMNS.items()}
_LOAD_UNCOUPLED = select(UncoupledModel.record_id, UncoupledModel.generation).where(
    UncoupledModel.mapping == bindparam("mapping"),
    UncoupledModel.system == bindparam("system"),
    one_of(table_of(UncoupledModel).c.record_id, "ids"),
)


def load(connection: Connection, mapping: str, system: System, ids: Sequence[str]) -> dict[str, Coupling]:
    """The couplings of these rows of ``system``, by row id. One query, by index."""
    rows = connection.execute(_LOAD[system], {"mapping": mapping, "ids": ids}).all()
    return {coupling.id_in(system): coupling for coupling in (Coupling(*row) for row in rows)}


def load_uncoupled(connection: Connection, mapping: str, system: System, ids: Sequence[str]) -> dict[str, Uncoupled]:
    """Which of these rows were uncoupled on purpose. One query, by primary key."""
    rows = connection.execute(_LOAD_UNCOUPLED, {"mapping": mapping, "system": system.value, "ids": ids})
    return {row.record_id: Uncoupled(mapping, system, row.record_id, row.generation) for row in rows}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Records that a batch refers to, by one of their names.

    Attributes:
        mappings: the mappings that may have coupled them.
        by: ``bc_id``, ``bc_key`` or ``dv_id``.
    """

    mappings: tuple[str, ...]
    by: str
    values: frozenset[str]

    @property
    def value(self) -> str:
        """Its only value."""
        (value,) = self.values
        return value

    @property
    def waiting_key(self) -> str:
        """Of one value: what an open operation waits on. Whoever couples that record finds it under the same key."""
        return waiting_key(self.mappings, self.by, self.value)


def waiting_key(mappings: tuple[str, ...], by: str, value: str) -> str:
    """``CUSTOMER|VENDOR bc_key CT000012``: the record that any of ``mappings`` may couple under this name."""
    return f"{'|'.join(mappings)} {by} {value}"


@dataclass(frozen=True, slots=True)
class Coupled:
    """What a reference needs to know about a coupled record."""

    mapping: str
    bc_id: str
    bc_key: str | None
    dv_id: str


def resolve(connection: Connection, wanted: Iterable[Wanted]) -> list[Coupled]:
    """The couplings that any of ``wanted`` names. One query, each branch by index."""
    asked = [want for want in wanted if want.values]
    if not asked:
        return []
    parameters: dict[str, Sequence[str]] = {}
    for number, want in enumerate(asked):
        parameters[f"mappings_{number}"], parameters[f"values_{number}"] = want.mappings, sorted(want.values)
    rows = connection.execute(_resolving(tuple(want.by for want in asked)), parameters).all()
    return [Coupled(*row) for row in rows]


@cache
def _resolving(by: tuple[str, ...]) -> Executable:
    """The query for so many wanted, each by the column named."""
    columns = (_TABLE.c.mapping, _TABLE.c.bc_id, _TABLE.c.bc_key, _TABLE.c.dv_id)
    branches = [
        select(*columns).where(
            one_of(_TABLE.c.mapping, f"mappings_{number}"), one_of(_TABLE.c[name], f"values_{number}")
        )
        for number, name in enumerate(by)
    ]
    return union_all(*branches)


def taken(connection: Connection, mapping: str, system: System, ids: Sequence[str]) -> frozenset[str]:
    """Which of these rows of ``system`` are coupled already."""
    return frozenset(connection.execute(_TAKEN[system], {"mapping": mapping, "ids": ids}).scalars())


def add(connection: Connection, couplings: Sequence[Coupling]) -> None:
    """Add new couplings.

    Raises:
        CouplingMoved: one of the rows has been coupled meanwhile.
    """
    try:
        many_rows.insert(connection, _TABLE, [_values(coupling) for coupling in couplings])
    except IntegrityError as error:
        raise CouplingMoved from error


def change(connection: Connection, couplings: Sequence[Coupling]) -> None:
    """Write changed couplings back.

    Raises:
        CouplingMoved: one of them is not as it was read.
    """
    changed = [
        {**_values(coupling), "at_id": coupling.id, "at_revision": coupling.revision, "revision": coupling.revision + 1}
        for coupling in couplings
    ]
    if many_rows.update(connection, _TABLE, changed) != len(couplings):
        raise CouplingMoved


def remove(connection: Connection, couplings: Sequence[Coupling]) -> None:
    """Delete couplings.

    Raises:
        CouplingMoved: one of them is not as it was read.
    """
    if not couplings:
        return
    pairs = [(coupling.id, coupling.revision) for coupling in couplings]
    if connection.execute(delete(_TABLE).where(tuple_(_TABLE.c.id, _TABLE.c.revision).in_(pairs))).rowcount != len(
        pairs
    ):
        raise CouplingMoved


def note_uncoupled(connection: Connection, records: Sequence[Uncoupled], at: datetime) -> None:
    """Remember that these rows are not to be created on the other side by themselves."""
    if not records:
        return
    forget_uncoupled(connection, records)
    connection.execute(
        insert(UncoupledModel),
        [
            {
                "mapping": record.mapping,
                "system": record.system.value,
                "record_id": record.record_id,
                "generation": record.generation,
                "at": at,
            }
            for record in records
        ],
    )


def forget_uncoupled(connection: Connection, records: Iterable[Uncoupled]) -> None:
    """These rows are coupled again."""
    model = UncoupledModel
    keys = [(record.mapping, record.system.value, record.record_id) for record in records]
    if keys:
        connection.execute(delete(model).where(tuple_(model.mapping, model.system, model.record_id).in_(keys)))


def page(connection: Connection, mapping: str, after_id: int, limit: int) -> list[Coupling]:
    """Couplings of a mapping in order of their ledger id, for going through all of them."""
    rows = connection.execute(
        select(_TABLE).where(_TABLE.c.mapping == mapping, _TABLE.c.id > after_id).order_by(_TABLE.c.id).limit(limit)
    )
    return [Coupling(**row) for row in rows.mappings()]


def count(connection: Connection) -> dict[str, int]:
    """How many couplings each mapping has; absent where none."""
    statement = select(_TABLE.c.mapping, func.count().label("number")).group_by(_TABLE.c.mapping)
    return {row.mapping: row.number for row in connection.execute(statement)}


_CHANGEABLE = (
    "bc_id",
    "dv_id",
    "bc_key",
    "bc_version",
    "dv_version",
    "base",
    "generation",
    "bounces",
    "last_to_dataverse",
    "last_from_dataverse",
    "revision",
)


def _values(coupling: Coupling) -> dict[str, Any]:
    values = {name: getattr(coupling, name) for name in _CHANGEABLE}
    return {"mapping": coupling.mapping, **values}
