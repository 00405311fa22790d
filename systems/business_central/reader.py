"""Reading rows of Business Central: by id, by criterion, and page by page."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from schemas.errors import Retry, Stop
from schemas.row import Row, Table, Value
from systems.business_central.columns import Columns, RelatedColumn, equals
from systems.business_central.errors import NAME, find_refusal, read_refusal
from systems.business_central.json_batch import Part, batch_answers
from systems.business_central.service import Service, document_of
from systems.http import Answer
from systems.interface import Page
from systems.odata import address, any_of, id_batches, next_page

READ_LIMIT = 100
"""Ids in one request; fewer where the address would grow too long."""

_FIND_LIMIT = 100  # criteria in one batch
_CANDIDATES = "3"
_STALE_CURSOR = {400, 404, 410}  # among others SkipTokenIsNoLongerValid


class Reader:
    """Reads any table of the service."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def read(self, table: Table, ids: Sequence[str]) -> dict[str, Row]:
        """See :meth:`systems.interface.RecordSystem.read`.

        One filter on the key instead of a batch of single reads: one query for the server.
        """
        columns = self._service.columns(table)
        fixed = self._address(table, columns)
        rows: dict[str, Row] = {}
        for batch in id_batches(ids, table.key, fixed, READ_LIMIT):
            url: str | None = self._address(table, columns, filter=any_of(table.key, batch))
            while url:
                page, url = self._page(table, columns, url)
                rows.update((row.id, row) for row in page)
        return rows

    def find(self, table: Table, criteria: Sequence[Mapping[str, Value]]) -> list[list[Row]]:
        """See :meth:`systems.interface.RecordSystem.find`.

        Raises:
            Stop: a criterion names a column that rows cannot be looked for by.
            Skip: a criterion holds a value that the system refuses.
        """
        columns = self._service.columns(table)
        filters = [self._filter(table, criterion) for criterion in criteria]
        found: list[list[Row]] = []
        for start in range(0, len(filters), _FIND_LIMIT):
            found += self._find(table, columns, filters[start : start + _FIND_LIMIT])
        return found

    def scan(self, table: Table, since: datetime | None, cursor: str | None, page_size: int) -> Page:
        """See :meth:`systems.interface.RecordSystem.scan`. A cursor that is no longer known starts over.

        A table without a time of change is given whole, whatever ``since``.
        """
        columns = self._service.columns(table)
        prefer = f"odata.maxpagesize={page_size}"
        if cursor is not None:
            answer = self._service.get(cursor, prefer=prefer)
            if answer.ok:
                return Page(*self._rows(table, columns, answer, cursor))
            if answer.status not in _STALE_CURSOR:
                raise read_refusal(answer, table.name)
        url = self._address(table, columns, **(columns.since(since) if since else {}))
        return Page(*self._page(table, columns, url, prefer=prefer))

    def _address(self, table: Table, columns: Columns, **options: str) -> str:
        return address(self._service.rows_url(table), select=columns.select, expand=columns.expand, **options)

    def _page(self, table: Table, columns: Columns, url: str, *, prefer: str = "") -> tuple[list[Row], str | None]:
        answer = self._service.get(url, prefer=prefer)
        if not answer.ok:
            raise read_refusal(answer, table.name)
        return self._rows(table, columns, answer, url)

    def _rows(self, table: Table, columns: Columns, answer: Answer, url: str) -> tuple[list[Row], str | None]:
        document = document_of(answer, table.name)
        return [columns.row(row) for row in document.get("value", ())], next_page(document, url)

    def _filter(self, table: Table, criterion: Mapping[str, Value]) -> str:
        described = self._service.described(table)
        for name in criterion:
            if RelatedColumn.parse(name):
                raise Stop(f"{NAME} cannot look for {table.name} by {name}. Match by a column of the table itself.")
        types = described.columns if described else {}
        return " and ".join(equals(name, value, types.get(name, "")) for name, value in criterion.items())

    def _find(self, table: Table, columns: Columns, filters: Sequence[str]) -> list[list[Row]]:
        path = self._service.rows_path(table)
        options = {"select": columns.select, "expand": columns.expand, "top": _CANDIDATES}
        parts = [
            Part("GET", address(path, **options, filter=filter_), {"accept": "application/json"}) for filter_ in filters
        ]
        answer = self._service.batch(table, parts, writes=False)
        if not answer.ok:
            raise read_refusal(answer, table.name)
        answers = batch_answers(answer.document) or {}
        found: list[list[Row]] = []
        for place, filter_ in enumerate(filters):
            if place not in answers:
                raise Retry(f"{NAME} did not get to looking for {table.name} where {filter_}.", code="not_executed")
            if not answers[place].ok:
                raise find_refusal(answers[place], table.name, filter_)
            found.append([columns.row(row) for row in document_of(answers[place], table.name).get("value", ())])
        return found
