"""Reading rows of Dataverse: by id, by criterion, and page by page."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from schemas import timestamps
from schemas.errors import Retry
from schemas.row import Row, Table, Value
from systems.dataverse.columns import MODIFIED, Columns
from systems.dataverse.errors import NAME, find_refusal, read_refusal
from systems.dataverse.multipart import Part
from systems.dataverse.service import Service
from systems.http import Answer
from systems.interface import Page
from systems.odata import address, any_of, id_batches, next_page

READ_LIMIT = 100
"""Ids in one request; fewer where the address would grow too long."""

_FIND_LIMIT = 100  # criteria in one batch; a thousand would do, but small batches in parallel are advised
_CANDIDATES = "3"
_STALE_CURSOR = {400, 404, 410}


class Reader:
    """Reads any table of the environment."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def read(self, table: Table, ids: Sequence[str]) -> dict[str, Row]:
        """See :meth:`systems.interface.RecordSystem.read`.

        One filter on the key instead of a batch of single reads: one query for the server.
        """
        columns = Columns.of(table)
        fixed = self._address(table, columns)
        rows: dict[str, Row] = {}
        for batch in id_batches(ids, table.key, fixed, READ_LIMIT):
            url: str | None = self._address(table, columns, filter=any_of(table.key, batch))
            while url:
                page, url = self._page(table, columns, url, columns.prefer)
                rows.update((row.id, row) for row in page)
        return rows

    def find(self, table: Table, criteria: Sequence[Mapping[str, Value]]) -> list[list[Row]]:
        """See :meth:`systems.interface.RecordSystem.find`.

        Raises:
            Skip: a criterion holds a value that the system refuses.
        """
        columns = Columns.of(table)
        filters = [" and ".join(columns.equals(*pair) for pair in criterion.items()) for criterion in criteria]
        found: list[list[Row]] = []
        for start in range(0, len(filters), _FIND_LIMIT):
            found += self._find(table, columns, filters[start : start + _FIND_LIMIT])
        return found

    def scan(self, table: Table, since: datetime | None, cursor: str | None, page_size: int) -> Page:
        """See :meth:`systems.interface.RecordSystem.scan`. A cursor that is no longer known starts over.

        ``since`` counts in whole seconds, as the time of a row's last change does.
        """
        columns = Columns.of(table)
        prefer = [f"odata.maxpagesize={page_size}", *columns.prefer]
        if cursor is not None:
            answer = self._service.get(cursor, prefer=prefer)
            if answer.ok:
                return Page(*_rows(table, columns, answer, cursor))
            if answer.status not in _STALE_CURSOR:
                raise read_refusal(answer, table.name)
        options: dict[str, str] = {}
        if since is not None:
            start = timestamps.text(since.replace(microsecond=0))
            options = {"filter": f"{MODIFIED} ge {start}", "orderby": f"{MODIFIED},{table.key}"}
        return Page(*self._page(table, columns, self._address(table, columns, **options), prefer))

    def _address(self, table: Table, columns: Columns, **options: str) -> str:
        return address(self._service.url(table.path), select=columns.select, **options)

    def _page(self, table: Table, columns: Columns, url: str, prefer: Sequence[str]) -> tuple[list[Row], str | None]:
        answer = self._service.get(url, prefer=prefer)
        if not answer.ok:
            raise read_refusal(answer, table.name)
        return _rows(table, columns, answer, url)

    def _find(self, table: Table, columns: Columns, filters: Sequence[str]) -> list[list[Row]]:
        headers = {"Accept": "application/json"}
        if columns.prefer:
            headers["Prefer"] = ",".join(columns.prefer)
        path = self._service.path(table.path)
        parts = [
            Part("GET", address(path, select=columns.select, filter=filter_, top=_CANDIDATES), headers)
            for filter_ in filters
        ]
        answers = self._service.batch(parts, writes=False)
        found: list[list[Row]] = []
        for place, filter_ in enumerate(filters):
            if place not in answers:
                raise Retry(f"{NAME} did not answer looking for {table.name} where {filter_}.", code="not_executed")
            if not answers[place].ok:
                raise find_refusal(answers[place], table.name, filter_)
            found.append(_rows(table, columns, answers[place], path)[0])
        return found


def _rows(table: Table, columns: Columns, answer: Answer, url: str) -> tuple[list[Row], str | None]:
    document: Any = answer.document
    if not isinstance(document, dict):
        raise Retry(f"{NAME} answered {table.name} with something that is no JSON object.", code="no_json")
    return [columns.row(row) for row in document.get("value", ())], next_page(document, url)
