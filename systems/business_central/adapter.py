"""Business Central's API pages as a :class:`~systems.interface.RecordSystem`."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import httpx2

from schemas.errors import Skip
from schemas.row import Row, Table, Value
from schemas.system import System
from systems.budget import Budget
from systems.business_central.columns import RelatedColumn
from systems.business_central.errors import NAME
from systems.business_central.reader import Reader
from systems.business_central.service import Service
from systems.business_central.writer import BATCH_LIMIT, Writer
from systems.credentials import TokenSource
from systems.http import CONNECT_TIMEOUT, READ_TIMEOUT
from systems.interface import Capabilities, Page, RecordSystem, Write, WriteResult


class BusinessCentral(RecordSystem):
    """One company of a Business Central environment.

    Args:
        url: the environment's root: ``https://api.businesscentral.dynamics.com/v2.0/<tenant>/<environment>``.
        company_id: the company's GUID.
        credentials: the least loaded one is used; limits are counted for each.
        budget: of these credentials, by client id; default: the documented limits, for this process alone.
        connect_timeout: seconds until a connection must stand.
        read_timeout: seconds in which the system must go on answering.
        transport: for tests.
    """

    system = System.BUSINESS_CENTRAL

    def __init__(
        self,
        url: str,
        company_id: str,
        credentials: Sequence[TokenSource],
        *,
        budget: Budget | None = None,
        connect_timeout: float = CONNECT_TIMEOUT,
        read_timeout: float = READ_TIMEOUT,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._service = Service(
            url,
            company_id,
            credentials,
            budget=budget,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            transport=transport,
        )
        self._reader = Reader(self._service)
        self._writer = Writer(self._service, self._reader)
        self.capabilities = Capabilities(
            batch_limit=BATCH_LIMIT,
            concurrency=self._service.budget.limit.at_once * len(credentials),
            client_ids=False,
            tags=False,
        )

    def read(self, table: Table, ids: Sequence[str]) -> dict[str, Row]:
        return self._reader.read(table, ids)

    def find(self, table: Table, criteria: Sequence[Mapping[str, Value]]) -> list[list[Row]]:
        return self._reader.find(table, criteria)

    def scan(self, table: Table, *, since: datetime | None, cursor: str | None, page_size: int) -> Page:
        return self._reader.scan(table, since, cursor, page_size)

    def write(self, table: Table, writes: Sequence[Write], *, tag: str) -> list[WriteResult]:
        del tag  # Business Central carries none
        return self._writer.write(table, writes)

    def user_id(self) -> str:
        return ""

    def columns(self, table: Table) -> frozenset[str]:
        described = self._service.described(table)
        if described is None:
            raise Skip(f"{NAME} has no table {table.name} under {table.path}.", code="no_table")
        related = {name: column for name in table.columns if (column := RelatedColumn.parse(name))}
        return frozenset(described.columns) | {
            name
            for name, column in related.items()
            if (type_ := self._service.related_type(table, column.navigation))
            and {column.column, column.name} <= type_.columns.keys()
        }

    def close(self) -> None:
        self._service.close()
