"""Requests to sets and rows, with the conditions that decide between creating and updating."""

from collections.abc import Mapping
from typing import Any

from systems.sandbox.dataverse.answers import Preferences, answer, no_content, preferred, submitted_object
from systems.sandbox.dataverse.collection import options_of
from systems.sandbox.dataverse.columns import Kind
from systems.sandbox.dataverse.errors import (
    bad_payload,
    bad_request,
    method_not_allowed,
    row_exists,
    segment_not_found,
    version_mismatch,
)
from systems.sandbox.dataverse.keys import RowKey
from systems.sandbox.dataverse.payload import PayloadReader
from systems.sandbox.dataverse.presentation import Presentation, etag, selected
from systems.sandbox.dataverse.rows import Caller, Rows
from systems.sandbox.dataverse.tables import TableDefinition
from systems.sandbox.exchange import Request, Response
from systems.sandbox.store import Record


class RowRequests:
    """Serves rows; called with the store's lock held."""

    def __init__(self, rows: Rows, payloads: PayloadReader, presentation: Presentation) -> None:
        self._rows = rows
        self._payloads = payloads
        self._presentation = presentation

    def create(self, request: Request, root_url: str, definition: TableDefinition, caller: Caller) -> Response:
        """``POST`` to a set.

        Raises:
            ApiError: a refusal.
        """
        submitted = self._payloads.read(definition, submitted_object(request), creating=True)
        record = self._rows.insert(definition, "", submitted, caller)
        return self._written(request, root_url, definition, record, created=True)

    def handle(self, request: Request, root_url: str, key: RowKey, caller: Caller) -> Response:
        """A request to one row.

        Raises:
            ApiError: a refusal.
        """
        match request.method:
            case "GET":
                return self._get(request, root_url, key)
            case "PATCH":
                return self._patch(request, root_url, key, caller)
            case "DELETE":
                record = self._rows.keys.existing(key)
                _check_version(request, record)
                self._rows.delete(key.definition, record, caller)
                return no_content()
            case method:
                raise method_not_allowed(method)

    def column(self, request: Request, root_url: str, key: RowKey, name: str, caller: Caller) -> Response:
        """A request to one column of a row: read, ``PUT`` or clear.

        Raises:
            ApiError: a refusal.
        """
        column = key.definition.by_property.get(name)
        record = self._rows.keys.existing(key)
        if column is None:
            raise segment_not_found(name)
        if request.method == "GET":
            context = f"{root_url}/$metadata#{key.definition.set_name}({record.id})/{name}"
            return answer({"@odata.context": context, "value": column.shown(record.values.get(name))})
        _check_version(request, record)
        match request.method:
            case "PUT":
                body = submitted_object(request)
                if "value" not in body:
                    raise bad_payload("A member 'value' is expected.")
                change = {name: body["value"]}
            case "DELETE":
                change = {name: None}
            case method:
                raise method_not_allowed(method)
        self._rows.update(key.definition, record, self._payloads.read(key.definition, change, creating=False), caller)
        return no_content()

    def reference(self, request: Request, key: RowKey, navigation: str, caller: Caller) -> Response:
        """``PUT`` or ``DELETE`` of ``set(id)/navigation/$ref``.

        Raises:
            ApiError: a refusal.
        """
        record = self._rows.keys.existing(key)
        _check_version(request, record)
        match request.method:
            case "PUT":
                target = submitted_object(request).get("@odata.id")
                if not isinstance(target, str):
                    raise bad_payload("A member '@odata.id' is expected.")
            case "DELETE":
                target = None
            case method:
                raise method_not_allowed(method)
        self._rows.update(key.definition, record, self._payloads.bind(key.definition, navigation, target), caller)
        return no_content()

    def _get(self, request: Request, root_url: str, key: RowKey) -> Response:
        options, wanted = options_of(request), preferred(request)
        if options.filter is not None or options.orderby or options.top is not None:
            raise bad_request("Query options for sets cannot be applied to a single row.")
        record = self._rows.keys.existing(key)
        if request.headers.get("if-none-match") == etag(record.version) and not wanted.annotations:
            return Response(304, {"etag": etag(record.version), "odata-version": "4.0"})
        return self._row(root_url, key.definition, record, options.select, wanted)

    def _patch(self, request: Request, root_url: str, key: RowKey, caller: Caller) -> Response:
        definition = key.definition
        record = self._rows.keys.find(key)
        body = submitted_object(request)
        if record is not None:
            if request.headers.get("if-none-match") == "*":
                raise row_exists()
            _check_version(request, record)
            # Key columns in the body are ignored on update.
            changes = {name: value for name, value in body.items() if name not in _key_columns(key)}
            after = self._rows.update(
                definition, record, self._payloads.read(definition, changes, creating=False), caller
            )
            return self._written(request, root_url, definition, after, created=False)
        if "if-match" in request.headers:
            self._rows.keys.existing(key)
        # Key columns in the body override those of the address on create.
        named = {name: value for name, value in key.values if definition.by_property[name].kind is not Kind.LOOKUP}
        submitted = self._payloads.read(definition, {**named, **body}, creating=True)
        for name, value in key.values:
            if definition.by_property[name].kind is Kind.LOOKUP and name not in submitted.values:
                column = definition.by_property[name]
                submitted.set(column, value, column.targets[0].table)
        record = self._rows.insert(definition, key.id, submitted, caller)
        return self._written(request, root_url, definition, record, created=True)

    def _written(
        self, request: Request, root_url: str, definition: TableDefinition, record: Record, *, created: bool
    ) -> Response:
        wanted = preferred(request)
        entity_id = {"odata-entityid": f"{root_url}/{definition.set_name}({record.id})"}
        if not wanted.representation:
            return no_content({"location": entity_id["odata-entityid"], **entity_id} if created else entity_id)
        select = options_of(request).select
        headers = {**entity_id, "preference-applied": "return=representation"}
        return self._row(root_url, definition, record, select, wanted, 201 if created else 200, headers)

    def _row(
        self,
        root_url: str,
        definition: TableDefinition,
        record: Record,
        select: tuple[str, ...],
        wanted: Preferences,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        columns = selected(definition, select)
        chosen = f"({','.join(column.wire_name for column in columns)})" if select else ""
        document: dict[str, Any] = {
            "@odata.context": f"{root_url}/$metadata#{definition.set_name}{chosen}/$entity",
            **self._presentation.shown(definition, record, columns, wanted.annotations),
        }
        return answer(document, status, {"etag": etag(record.version), **(headers or {})})


def _check_version(request: Request, record: Record) -> None:
    condition = request.headers.get("if-match")
    if condition not in (None, "*", etag(record.version)):
        raise version_mismatch()


def _key_columns(key: RowKey) -> set[str]:
    return {name for name, _ in key.values} | {key.definition.key}
