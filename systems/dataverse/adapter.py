"""The Dataverse Web API as a :class:`~systems.interface.RecordSystem`."""

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime

import httpx2

from schemas.errors import Retry, Skip
from schemas.row import Row, Table, Value
from schemas.system import System
from systems.budget import Budget
from systems.credentials import TokenSource
from systems.dataverse.choices import Choices
from systems.dataverse.errors import NAME, read_refusal
from systems.dataverse.reader import Reader
from systems.dataverse.service import Service
from systems.dataverse.writer import BATCH_LIMIT, Writer
from systems.http import CONNECT_TIMEOUT, READ_TIMEOUT
from systems.interface import Capabilities, Page, RecordSystem, Write, WriteResult


class Dataverse(RecordSystem):
    """One Dataverse environment.

    A table with :attr:`~schemas.row.Table.choice` is not a table there: see :mod:`systems.dataverse.choices`.

    Args:
        url: ``https://<organization>.crm<n>.dynamics.com``.
        credentials: the least loaded one is used; limits are counted for each.
        budget: of these credentials, by client id; default: the documented limits, for this process alone.
        connect_timeout: seconds until a connection must stand.
        read_timeout: seconds in which the system must go on answering.
        transport: for tests.
    """

    system = System.DATAVERSE

    def __init__(
        self,
        url: str,
        credentials: Sequence[TokenSource],
        *,
        budget: Budget | None = None,
        connect_timeout: float = CONNECT_TIMEOUT,
        read_timeout: float = READ_TIMEOUT,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._service = Service(
            url,
            credentials,
            budget=budget,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            transport=transport,
        )
        self._reader = Reader(self._service)
        self._writer = Writer(self._service)
        self._choices = Choices(self._service)
        self._user_id = ""
        self._user_lock = threading.Lock()
        self.capabilities = Capabilities(
            batch_limit=BATCH_LIMIT,
            concurrency=self._service.budget.limit.at_once * len(credentials),
            client_ids=True,
            tags=True,
        )

    def read(self, table: Table, ids: Sequence[str]) -> dict[str, Row]:
        return self._choices.read(table, ids) if table.choice else self._reader.read(table, ids)

    def find(self, table: Table, criteria: Sequence[Mapping[str, Value]]) -> list[list[Row]]:
        return self._choices.find(table, criteria) if table.choice else self._reader.find(table, criteria)

    def scan(self, table: Table, *, since: datetime | None, cursor: str | None, page_size: int) -> Page:
        return self._choices.scan(table) if table.choice else self._reader.scan(table, since, cursor, page_size)

    def write(self, table: Table, writes: Sequence[Write], *, tag: str) -> list[WriteResult]:
        return self._choices.write(table, writes) if table.choice else self._writer.write(table, writes, tag)

    def user_id(self) -> str:
        """The application user of the first credential; writes of the others are told by their tag."""
        with self._user_lock:
            if not self._user_id:
                answer = self._service.get(self._service.url("WhoAmI"), credential=0)
                if not answer.ok:
                    raise read_refusal(answer, "WhoAmI")
                if not isinstance(answer.document, dict) or "UserId" not in answer.document:
                    raise Retry(f"{NAME} answered WhoAmI without a user.", code="no_json")
                self._user_id = str(answer.document["UserId"]).lower()
            return self._user_id

    def columns(self, table: Table) -> frozenset[str]:
        """Lookups by the name that mappings use, and each one's pseudo column ``<lookup>type``."""
        if table.choice:
            return self._choices.columns(table)
        described = self._service.model().type_named(table.name)
        if described is None:
            raise Skip(f"{NAME} has no table {table.name}.", code="no_table")
        lookups = {name[1:-6] for name in described.columns if name.startswith("_") and name.endswith("_value")}
        plain = described.columns.keys() - {f"_{name}_value" for name in lookups}
        return frozenset({*plain, *lookups, *(f"{name}type" for name in lookups)})

    def close(self) -> None:
        self._service.close()
