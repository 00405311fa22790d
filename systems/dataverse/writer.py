"""Writing rows of Dataverse: a batch without change sets, each request with its precondition.

A row is created by PATCH to the id that the caller chose, if none is there (``If-None-Match: *``), and never updated
without its version: a bare PATCH would bring a deleted row back.
"""

from collections.abc import Sequence
from urllib.parse import quote

from schemas.errors import OutcomeUnknown
from schemas.row import Table
from systems.batches import write_in_batches
from systems.dataverse.columns import Columns
from systems.dataverse.errors import NAME, write_refusal
from systems.dataverse.multipart import Part
from systems.dataverse.service import Service
from systems.http import Answer
from systems.interface import Create, Delete, Refused, Write, WriteResult, Written
from systems.odata import address

BATCH_LIMIT = 100
"""Requests of one batch: Dataverse takes a thousand, and advises small batches in parallel."""


class Writer:
    """Writes to any table of the environment."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def write(self, table: Table, writes: Sequence[Write], tag: str) -> list[WriteResult]:
        """See :meth:`systems.interface.RecordSystem.write`."""
        columns = Columns.of(table)
        return write_in_batches(writes, lambda: BATCH_LIMIT, lambda batch: self._send(table, columns, batch, tag))

    def _send(self, table: Table, columns: Columns, batch: Sequence[Write], tag: str) -> list[WriteResult]:
        answers = self._service.batch([self._part(table, columns, write, tag) for write in batch], writes=True)
        return [_result(answers.get(place), table, columns, write) for place, write in enumerate(batch)]

    def _part(self, table: Table, columns: Columns, write: Write, tag: str) -> Part:
        path = self._service.path(f"{table.path}({write.id})")
        marker = f"tag={quote(tag, safe='')}"
        if isinstance(write, Delete):
            return Part("DELETE", f"{path}?{marker}", {"If-Match": write.version})
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Prefer": ",".join(["return=representation", *columns.prefer]),
        }
        if isinstance(write, Create):
            headers["If-None-Match"] = "*"
        else:
            headers["If-Match"] = write.version
        return Part(
            "PATCH", f"{address(path, select=columns.select)}&{marker}", headers, columns.document(write.values)
        )


def _result(answer: Answer | None, table: Table, columns: Columns, write: Write) -> WriteResult:
    subject = f"{table.name} {write.id}"
    if answer is None:
        return Refused(OutcomeUnknown(f"{NAME} gave no answer for {subject}.", code="no_answer"))
    if not answer.ok:
        return Refused(write_refusal(answer, table.name, write))
    if isinstance(write, Delete):
        return Written(None)
    if not isinstance(answer.document, dict) or columns.key not in answer.document:
        return Refused(OutcomeUnknown(f"{NAME} wrote {subject} and answered without the row.", code="no_row"))
    return Written(columns.row(answer.document))
