"""The options of a choice column as rows: the id is the option's number, the one column is ``label``.

Options are metadata: they have no version and no time of change, are created under a number that Dataverse picks
(``Create.id`` is ``None`` here), and show for people once the table is published. Choices shared between tables (global
option sets) are not taken: writing one would change other tables too.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from schemas.errors import OutcomeUnknown, Reread, RereadReason, Retry, Skip, Stop
from schemas.json_codec import encode
from schemas.row import Row, Table, Value
from systems.batches import write_in_batches
from systems.dataverse.errors import NAME, batch_refusal, read_refusal, write_refusal
from systems.dataverse.service import Service
from systems.http import Answer
from systems.interface import Create, Delete, Page, Refused, Write, WriteResult, Written

LABEL = "label"
_ENGLISH = 1033


class Choices:
    """Reads and writes options. They are few, and every call asks for all of them."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def read(self, table: Table, ids: Sequence[str]) -> dict[str, Row]:
        """See :meth:`systems.interface.RecordSystem.read`."""
        present = self._options(table)
        return {id_: _row(id_, present[id_]) for id_ in ids if id_ in present}

    def find(self, table: Table, criteria: Sequence[Mapping[str, Value]]) -> list[list[Row]]:
        """See :meth:`systems.interface.RecordSystem.find`."""
        rows = [_row(id_, option) for id_, option in self._options(table).items()]
        return [[row for row in rows if _fits(row, criterion)][:3] for criterion in criteria]

    def scan(self, table: Table) -> Page:
        """All options in one page: there is no time of change to tell them apart by."""
        return Page([_row(id_, option) for id_, option in self._options(table).items()], None)

    def columns(self, table: Table) -> frozenset[str]:
        """See :meth:`systems.interface.RecordSystem.columns`."""
        if self._service.get(self._url(table)).status == 404:
            raise Skip(f"{NAME} has no choice column {table.choice} in {table.name}.", code="no_table")
        return frozenset({table.key, LABEL})

    def write(self, table: Table, writes: Sequence[Write]) -> list[WriteResult]:
        """See :meth:`systems.interface.RecordSystem.write`. Published once, behind the last write."""
        present = self._options(table)
        results = write_in_batches(writes, lambda: 1, lambda batch: [self._one(table, batch[0], present)])
        if not any(isinstance(result, Written) for result in results):
            return results
        try:
            self._publish(table)
        except (Retry, Stop) as error:
            lost = OutcomeUnknown(f"Written, but not published: {error.text}", code=error.code)
            return [Refused(lost) if isinstance(result, Written) else result for result in results]
        return results

    def _one(self, table: Table, write: Write, present: Mapping[str, Mapping[str, Any]]) -> WriteResult:
        column = {"EntityLogicalName": table.name, "AttributeLogicalName": table.choice}
        if isinstance(write, Create):
            answer = self._post("InsertOptionValue", {**column, "Label": _label(write.values, present)})
            if not answer.ok:
                return Refused(write_refusal(answer, f"{table.name}.{table.choice}", write))
            number = answer.document.get("NewOptionValue") if isinstance(answer.document, dict) else None
            if number is None:
                return Refused(OutcomeUnknown(f"{NAME} answered a new option without its number.", code="no_row"))
            return Written(Row(str(number), "", None, {LABEL: write.values.get(LABEL)}))
        if write.id not in present:
            gone = f"Option {write.id} of {table.name}.{table.choice} no longer exists."
            return Refused(Reread(RereadReason.GONE, gone))
        option = {**column, "Value": int(write.id)}
        if isinstance(write, Delete):
            answer = self._post("DeleteOptionValue", option)
        else:
            answer = self._post(
                "UpdateOptionValue", {**option, "Label": _label(write.values, present), "MergeLabels": True}
            )
        if not answer.ok:
            return Refused(write_refusal(answer, f"{table.name}.{table.choice}", write))
        return Written(None if isinstance(write, Delete) else Row(write.id, "", None, {LABEL: write.values.get(LABEL)}))

    def _publish(self, table: Table) -> None:
        entities = f"<importexportxml><entities><entity>{table.name}</entity></entities></importexportxml>"
        answer = self._post("PublishXml", {"ParameterXml": entities})
        if not answer.ok:
            raise batch_refusal(answer)

    def _post(self, action: str, body: Mapping[str, Any]) -> Answer:
        answer = self._service.post(action, encode(body))
        if answer.status == 429 or answer.status >= 500:
            raise batch_refusal(answer)
        return answer

    def _url(self, table: Table) -> str:
        attribute = f"EntityDefinitions(LogicalName='{table.name}')/Attributes(LogicalName='{table.choice}')"
        picklist = f"{attribute}/Microsoft.Dynamics.CRM.PicklistAttributeMetadata"
        return self._service.url(f"{picklist}?$select=LogicalName&$expand=OptionSet")

    def _options(self, table: Table) -> dict[str, Mapping[str, Any]]:
        answer = self._service.get(self._url(table))
        if not answer.ok:
            raise read_refusal(answer, f"{table.name}.{table.choice}")
        choice = answer.document.get("OptionSet") if isinstance(answer.document, dict) else None
        if not isinstance(choice, dict):
            raise Stop(f"{table.name}.{table.choice} has no options of its own. Map a choice that is not shared.")
        return {str(option["Value"]): option for option in choice.get("Options", ())}


def _row(id_: str, option: Mapping[str, Any]) -> Row:
    shown = _shown(option)
    return Row(id_, "", None, {LABEL: shown.get("Label")})


def _shown(option: Mapping[str, Any]) -> Mapping[str, Any]:
    """The label in the user's language, else in any."""
    label = option.get("Label") or {}
    return label.get("UserLocalizedLabel") or next(iter(label.get("LocalizedLabels") or ()), {})


def _label(values: Mapping[str, Value], present: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    language = next((code for option in present.values() if (code := _shown(option).get("LanguageCode"))), _ENGLISH)
    return {"LocalizedLabels": [{"Label": values.get(LABEL), "LanguageCode": language}]}


def _fits(row: Row, criterion: Mapping[str, Value]) -> bool:
    return all(str(row.values.get(name)).casefold() == str(value).casefold() for name, value in criterion.items())
