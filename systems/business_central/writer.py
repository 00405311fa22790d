"""Writing rows of Business Central: always a ``$batch``, a single write too.

The answer to a part has the same form for one as for a hundred, so there is one way to write, one to be refused and one
to lose an answer.
"""

from collections.abc import Sequence
from dataclasses import replace

from schemas.errors import OutcomeUnknown, Retry, Stop
from schemas.row import Row, Table
from systems.batches import write_in_batches
from systems.business_central.columns import Columns
from systems.business_central.errors import NAME, batch_refusal, subject_of, write_refusal
from systems.business_central.json_batch import Part, batch_answers
from systems.business_central.reader import Reader
from systems.business_central.service import Service
from systems.http import Answer
from systems.interface import Create, Delete, Refused, Write, WriteResult, Written

BATCH_LIMIT = 100
"""Operations of one batch: a larger one is answered 500."""

_JSON = {"content-type": "application/json", "accept": "application/json", "prefer": "return=representation"}


class Writer:
    """Writes to any table of the service."""

    def __init__(self, service: Service, reader: Reader) -> None:
        self._service = service
        self._reader = reader
        self._sizes: dict[str, int] = {}

    def write(self, table: Table, writes: Sequence[Write]) -> list[WriteResult]:
        """See :meth:`systems.interface.RecordSystem.write`."""
        columns = self._service.columns(table)
        results = write_in_batches(writes, lambda: self._size(table), lambda batch: self._send(table, columns, batch))
        return self._with_related(table, results) if columns.related else results

    def _send(self, table: Table, columns: Columns, batch: Sequence[Write]) -> list[WriteResult]:
        answer = self._service.batch(table, [self._part(table, columns, write) for write in batch], writes=True)
        if not answer.ok:
            return self._refused_as_a_whole(answer, table, batch)
        answers = batch_answers(answer.document)
        if answers is None:
            raise OutcomeUnknown(f"{NAME} answered a batch with something else.", code="no_batch_answer")
        self._sizes[table.name] = min(BATCH_LIMIT, 2 * self._size(table))
        return [_result(answers.get(place), table, columns, write) for place, write in enumerate(batch)]

    def _part(self, table: Table, columns: Columns, write: Write) -> Part:
        if isinstance(write, Delete):
            return Part("DELETE", self._service.rows_path(table, write.id), {"if-match": write.version})
        body = {name: value for name, value in write.values.items() if name not in columns.related}
        if isinstance(write, Create):
            return Part("POST", self._service.rows_path(table), _JSON, body)
        return Part("PATCH", self._service.rows_path(table, write.id), {**_JSON, "if-match": write.version}, body)

    def _refused_as_a_whole(self, answer: Answer, table: Table, batch: Sequence[Write]) -> list[WriteResult]:
        """Some servers fail a whole batch for one write in it, without saying which, and keep what they did before.

        Then nothing is known of any, and the next batches to this table are small, so that the write at fault is soon
        alone and bears its error by itself.
        """
        error = batch_refusal(answer)
        if error is not None:
            raise error
        if len(batch) == 1:
            return [Refused(write_refusal(answer, table.name, batch[0]))]
        self._sizes[table.name] = 1
        raise OutcomeUnknown(f"{NAME} refuses a batch because of one write in it: {answer.message}", code=answer.code)

    def _size(self, table: Table) -> int:
        return self._sizes.get(table.name, BATCH_LIMIT)

    def _with_related(self, table: Table, results: list[WriteResult]) -> list[WriteResult]:
        """Fill in the columns of related rows, which answers to writes lack.

        Nothing else is taken from the second reading: had a user changed the row in between, his change would be taken
        for ours and lost.
        """
        ids = [result.row.id for result in results if isinstance(result, Written) and result.row]
        try:
            read = self._reader.read(table, ids)
        except (Retry, Stop) as error:
            lost = OutcomeUnknown(f"Written, but could not be read again: {error.text}", code=error.code)
            return [Refused(lost) if isinstance(result, Written) and result.row else result for result in results]
        return [_completed(result, read) if isinstance(result, Written) else result for result in results]


def _result(answer: Answer | None, table: Table, columns: Columns, write: Write) -> WriteResult:
    if answer is None:
        return Refused(Retry(f"{NAME} did not get to {subject_of(table.name, write)}.", code="not_executed"))
    if not answer.ok:
        return Refused(write_refusal(answer, table.name, write))
    if isinstance(write, Delete):
        return Written(None)
    if not isinstance(answer.document, dict) or columns.key not in answer.document:
        return Refused(OutcomeUnknown(f"{NAME} wrote {subject_of(table.name, write)} and answered without the row."))
    return Written(columns.row(answer.document))


def _completed(result: Written, read: dict[str, Row]) -> Written:
    row = result.row
    if row is None or row.id not in read:
        return result
    # The answer's own values first: only what it lacks comes from the row read again.
    related = {name: value for name, value in read[row.id].values.items() if "[" in name}
    return Written(replace(row, values={**row.values, **related}))
