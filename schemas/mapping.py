"""A mapping: which two tables are kept equal, column by column, and what to do when they disagree.

These are the shapes of a mapping file. What may be written shorter there: ``schemas/short_forms.py``. How a file is
read and how its faults are reported: ``schemas/mapping_file.py``. What must hold across mappings:
``schemas/mapping_checks.py``. The words are the incumbent's (integration table mapping, integration field mapping)
where it has one.
"""

import base64
import hashlib
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas import short_forms
from schemas.row import ColumnKind, Table, TableColumn
from schemas.system import Direction, System

Scalar: TypeAlias = bool | int | Decimal | str | None

OnlyIf: TypeAlias = Literal["company", "person_ownership", "team_ownership"]
"""A setting under which an entry counts; see :class:`schemas.features.Features`."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
    short_keys: ClassVar[tuple[str, ...]] = ()
    """Keys of short forms that a file may have beside the fields."""


class MappingDirection(StrEnum):
    """Which ways changes travel."""

    BIDIRECTIONAL = "bidirectional"
    TO_DATAVERSE = "to_dataverse"
    FROM_DATAVERSE = "from_dataverse"

    def allows(self, direction: Direction) -> bool:
        """Whether changes travel in ``direction``."""
        return self is MappingDirection.BIDIRECTIONAL or self.value == direction.value


class UpdateConflict(StrEnum):
    """Which side wins when a two-way column was changed on both sides to different values."""

    MANUAL = "manual"
    BUSINESS_CENTRAL = "business_central"
    DATAVERSE = "dataverse"
    LATEST = "latest"


class DeletionConflict(StrEnum):
    """What happens to the surviving row when its counterpart was deleted."""

    NONE = "none"
    RESTORE = "restore"
    REMOVE_COUPLING = "remove_coupling"
    DELETE = "delete"
    DEACTIVATE = "deactivate"


class MissingReference(StrEnum):
    """What happens when a referenced record is not coupled."""

    PARK = "park"
    """Wait for it where it can still come; otherwise defer."""
    DEFER = "defer"
    """Write the row without it, and fill it in once it is coupled."""
    CLEAR = "clear"
    """Write a blank."""
    KEEP = "keep"
    """Leave the destination's value alone, for good."""
    FAIL = "fail"


class ColumnType(StrEnum):
    """How values of a column pair are compared and written."""

    TEXT = "text"
    CODE = "code"
    """BC codes: upper case, trimmed."""
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    CHOICE = "choice"
    """An option of a fixed set; ``values`` pairs the two sides' options."""


class Condition(_Model):
    """A test of one column: the value is one of ``any_of``, or (``negate``) none of them. Blank is ``null``.

    In a file: ``column: value``, ``column: [value, value]``, ``column: {not: value}``.
    """

    model_config = ConfigDict(json_schema_extra=short_forms.accepts(short_forms.CONDITION))
    short_keys: ClassVar[tuple[str, ...]] = ("not",)

    any_of: Annotated[tuple[Scalar, ...], Field(min_length=1)]
    """``$company``, ``$team`` and ``$local_currency`` are filled from the settings."""
    negate: bool = False
    only_if: OnlyIf | None = None
    """The condition counts only under this setting."""

    _long = model_validator(mode="before")(short_forms.condition)


class Lookup(_Model):
    """A Dataverse lookup column that is written under a navigation name of its own."""

    column: str
    navigation: str | None = None
    """Navigation property to bind, case-sensitive. Default: the column's name."""
    target_set: str | None = None
    """Entity set of the bound row. Default: the set of the first referenced mapping."""


class Reference(_Model):
    """The column holds another record, which is coupled by another mapping.

    In Business Central the value is the other record's id or the value of its ``referenced_by`` column.
    In a file, where nothing but the name is to be said: ``reference: CURRENCY``.
    """

    model_config = ConfigDict(json_schema_extra=short_forms.accepts_names)

    to: Annotated[tuple[str, ...], Field(min_length=1)]
    """Names of the mappings that may couple the record; the first that does counts."""
    by: Literal["id", "key"] = "id"
    """Whether Business Central's value is the other record's id or its ``referenced_by`` column."""
    missing: MissingReference = MissingReference.PARK

    _long = model_validator(mode="before")(short_forms.reference)


class Lengths(_Model):
    """How many characters each side holds; longer text is cut to the smaller, and compared so."""

    business_central: Annotated[int, Field(gt=0)]
    dataverse: Annotated[int, Field(gt=0)]


class Derive(_Model):
    """A text made from the source row's id, for a column that needs some unique value in a new row."""

    prefix: str = ""
    length: Annotated[int, Field(gt=0, le=52)]
    """Characters of the whole text, prefix included."""

    def text(self, source_id: str) -> str:
        """The text for this id: upper-case letters and digits behind the prefix; always the same for the same id."""
        digest = base64.b32encode(hashlib.sha256(source_id.lower().encode()).digest()).decode()
        return (self.prefix + digest)[: self.length]


class Column(_Model):
    """A pair of columns, or one column and where its value comes from: a constant, or derived from the source's id.

    In a file, ``pair: phoneNumber <-> telephone1`` (or ``->``, ``<-``) names both columns, Business Central's first,
    and the direction; the text alone will do where nothing else is to be said.
    """

    model_config = ConfigDict(json_schema_extra=short_forms.accepts_pair)
    short_keys: ClassVar[tuple[str, ...]] = ("pair",)

    business_central: str | None = None
    dataverse: str | Lookup | None = None
    direction: MappingDirection = MappingDirection.BIDIRECTIONAL
    type: ColumnType = ColumnType.TEXT
    reference: Reference | None = None
    constant: Scalar = None
    """Written where the source side has no column; ``$company``, ``$team`` and ``$local_currency`` are filled from the
    settings."""
    derive: Derive | None = None
    """Written where the source side has no column, with a new row only."""
    values: dict[str, int | str] | None = None
    """``choice`` only: Business Central's option (decoded) to Dataverse's."""
    length: Lengths | None = None
    conflict: UpdateConflict | None = None
    """Overrides the mapping's policy for this column."""
    not_null: bool = False
    """A blank source value never overwrites the destination."""
    when: Literal["always", "create"] = "always"
    """``create``: written with a new row only, and not compared afterwards."""
    only_if: OnlyIf | None = None
    """The column counts only under this setting."""

    _long = model_validator(mode="before")(short_forms.column)

    @property
    def dataverse_name(self) -> str | None:
        """The Dataverse column's name."""
        return self.dataverse.column if isinstance(self.dataverse, Lookup) else self.dataverse

    def name_in(self, system: System) -> str | None:
        """The column's name in ``system``; ``None`` where it has none (a constant)."""
        return self.business_central if system is System.BUSINESS_CENTRAL else self.dataverse_name

    @property
    def name(self) -> str:
        """What snapshots, conflicts and messages call it: the Business Central name, else Dataverse's."""
        return self.business_central or self.dataverse_name or ""


class BusinessCentralSide(_Model):
    """The Business Central table: an API page."""

    table: str
    """Entity set: ``customers``."""
    api: str = "v2.0"
    """``v2.0`` for the standard API, ``publisher/group/version`` for a custom page."""
    key: str = "id"
    referenced_by: str | None = None
    """Column by which other tables name a row of this one: ``code``; may be a related row's column."""
    filter: dict[str, Condition] = {}
    deactivate: dict[str, Scalar] | None = None
    """Columns to write for the deletion policy ``deactivate``: ``{blocked: All}``."""


class DataverseSide(_Model):
    """The Dataverse table, or the options of one choice column of it."""

    table: str
    """Logical name: ``account``."""
    set: str
    """Entity set: ``accounts``."""
    key: str
    """Id column: ``accountid``; for the options of a choice column, ``value``."""
    choice: str | None = None
    """An option mapping: the rows are this choice column's options."""
    filter: dict[str, Condition] = {}
    """A lookup that no column pairs goes by the name of its value: ``_primarycontactid_value``."""
    deactivate: dict[str, Scalar] | None = None


class MatchCriterion(_Model):
    """Columns (by :attr:`Column.name`) that together identify a row on the other side before one is created.

    In a file: ``match: [code]`` for one criterion of one column, ``match: [[name, city]]`` for one of two.
    """

    model_config = ConfigDict(json_schema_extra=short_forms.accepts(short_forms.NAMES))

    columns: Annotated[tuple[str, ...], Field(min_length=1)]
    case_sensitive: bool = False

    _long = model_validator(mode="before")(short_forms.criterion)


class Mapping(_Model):
    """One table pair."""

    name: Annotated[str, Field(min_length=1, max_length=20)]
    direction: MappingDirection = MappingDirection.BIDIRECTIONAL
    only_coupled: bool = True
    """True: rows that are not coupled are left alone, except by full sync."""
    update_conflict: UpdateConflict = UpdateConflict.MANUAL
    deletion_conflict: DeletionConflict = DeletionConflict.NONE
    business_central: BusinessCentralSide
    dataverse: DataverseSide
    match: tuple[MatchCriterion, ...] = ()
    """Tried in order until one finds a free row; a criterion whose columns are not all filled is passed over."""
    columns: Annotated[tuple[Column, ...], Field(min_length=1)]

    def filter_in(self, system: System) -> dict[str, Condition]:
        """Which rows of ``system`` the mapping admits."""
        return self.business_central.filter if system is System.BUSINESS_CENTRAL else self.dataverse.filter

    def table_name(self, system: System) -> str:
        """What events of ``system`` call the mapping's table."""
        return self.business_central.table if system is System.BUSINESS_CENTRAL else self.dataverse.table

    @cached_property
    def parents(self) -> frozenset[str]:
        """Mappings that must have coupled a referenced record before this one may write: the parking references."""
        return frozenset(
            name
            for column in self.columns
            if column.reference and column.reference.missing is MissingReference.PARK
            for name in column.reference.to
        )


class MappingFile(_Model):
    """A file of mappings."""

    mappings: tuple[Mapping, ...] = ()
    """They add to those of the files before; one with the name of a standard mapping replaces it."""
    without: tuple[str, ...] = ()
    """Names of mappings of the files before that are left out."""


class Mappings(_Model):
    """All mappings of a worker, checked against each other. Order is that of the file."""

    mappings: tuple[Mapping, ...]

    def __getitem__(self, name: str) -> Mapping:
        return self._by_name[name]

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    @cached_property
    def _by_name(self) -> dict[str, Mapping]:
        return {mapping.name: mapping for mapping in self.mappings}

    def of_table(self, system: System, table: str) -> tuple[Mapping, ...]:
        """The mappings that take rows of this table."""
        return tuple(mapping for mapping in self.mappings if mapping.table_name(system) == table)

    def in_order(self) -> tuple[Mapping, ...]:
        """Parents before children; among those that could go next, the one that comes first in the file."""
        ranks = self.ranks()
        return tuple(sorted(self.mappings, key=lambda mapping: ranks[mapping.name]))

    def ranks(self) -> dict[str, int]:
        """Each mapping's place in dependency order, from 0.

        Raises:
            ValueError: if the parking references form a cycle (a checked file has none).
        """
        ranks: dict[str, int] = {}
        waiting = list(self.mappings)
        while waiting:
            ready = next(
                (m for m in waiting if all(p in ranks or p == m.name or p not in self for p in m.parents)), None
            )
            if ready is None:
                raise ValueError("parking references form a cycle: " + ", ".join(m.name for m in waiting))
            ranks[ready.name] = len(ranks)
            waiting.remove(ready)
        return ranks

    def table(self, mapping: Mapping, system: System) -> Table:
        """The table of ``mapping`` in ``system`` as an adapter needs it: every column that mapping or filter touch."""
        return (
            self._business_central_table(mapping)
            if system is System.BUSINESS_CENTRAL
            else self._dataverse_table(mapping)
        )

    def _business_central_table(self, mapping: Mapping) -> Table:
        side = mapping.business_central
        names = [c.business_central for c in mapping.columns if c.business_central] + list(side.filter)
        names += list(side.deactivate or ()) + ([side.referenced_by] if side.referenced_by else [])
        path = "api/v2.0" if side.api == "v2.0" else f"api/{side.api}"
        return Table(side.table, path, side.key, {name: TableColumn(name) for name in dict.fromkeys(names)})

    def _dataverse_table(self, mapping: Mapping) -> Table:
        side = mapping.dataverse
        columns: dict[str, TableColumn] = {}
        for column in mapping.columns:
            spec = column.dataverse
            if spec is None:
                continue
            lookup = spec if isinstance(spec, Lookup) else None
            name = lookup.column if lookup else str(spec)
            target = self[column.reference.to[0]].dataverse if column.reference else None
            if lookup or (target and not target.choice):
                columns[name] = TableColumn(
                    name,
                    ColumnKind.LOOKUP,
                    navigation=(lookup.navigation if lookup else None) or name,
                    target_set=(lookup.target_set if lookup else None) or (target.set if target else None),
                )
            else:
                columns[name] = TableColumn(name)
        for name in [*side.filter, *(side.deactivate or ())]:
            columns.setdefault(name, TableColumn(name))
        return Table(side.table, side.set, side.key, columns, choice=side.choice)
