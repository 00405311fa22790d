"""A row of either system, as an adapter hands it to the engine."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

Value: TypeAlias = bool | int | Decimal | str | None
"""A column's value as on the wire, lookups as the target's id; dates stay text until a column type reads them."""


class ColumnKind(StrEnum):
    """How a column is stored on one side, as far as reading and writing it differs."""

    PLAIN = "plain"
    LOOKUP = "lookup"
    """Dataverse: read as ``_name_value``, written as ``navigation@odata.bind``."""


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column that a mapping touches on one side.

    Attributes:
        name: the system's column name. For BC, ``navigation[column=value]/column`` names a column of the first
            related row that fits, read with ``$expand``: ``contactsInformation[contactType=Company]/contactNumber``;
            never written.
        kind: see :class:`ColumnKind`.
        navigation: lookups: the case-sensitive navigation property to bind (``parentcustomerid_account``).
        target_set: lookups: the entity set that the bound row lives in (``accounts``).
        readable: False for a column that is only ever written; adapters do not select it.
    """

    name: str
    kind: ColumnKind = ColumnKind.PLAIN
    navigation: str | None = None
    target_set: str | None = None
    readable: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """Where rows of one mapping live on one side, and which columns matter.

    Attributes:
        name: what events call it: BC's entity set (``customers``), Dataverse's logical name (``account``).
        path: BC: the API route under the environment's root, without company (``api/v2.0`` or
            ``api/contoso/crm/v1.0``); Dataverse: the entity set (``accounts``).
        key: the id column (``id``, ``accountid``).
        columns: by name. Adapters read these and no others, besides key, version and modified time.
            A Dataverse polymorphic lookup's type is the column ``<lookup>type`` (``parentcustomeridtype``):
            the adapter fills it from the ``lookuplogicalname`` annotation; it is never selected or written.
        choice: Dataverse only: the table's rows are the options of this choice column of ``name``
            (id = the option's number as text, column ``label``).
    """

    name: str
    path: str
    key: str
    columns: Mapping[str, TableColumn]
    choice: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One row as read, or as answered to a write.

    Attributes:
        id: GUID in lower case (BC: SystemId; option rows: the number as text).
        version: the etag, verbatim as it goes into If-Match; empty for rows that have none.
        modified_at: UTC, aware; ``None`` where the system has none.
        values: by column name; every readable column of the table is present.
    """

    id: str
    version: str
    modified_at: datetime | None
    values: Mapping[str, Value]
