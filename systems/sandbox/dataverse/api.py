"""The API: one request in, one response out; the parts of a batch come back here."""

import re
import uuid
from datetime import timedelta
from urllib.parse import unquote

from systems.sandbox.dataverse import batch, collection, metadata
from systems.sandbox.dataverse.answers import answer, preferred
from systems.sandbox.dataverse.choice_requests import ChoiceRequests
from systems.sandbox.dataverse.choices import Choices
from systems.sandbox.dataverse.errors import ApiError, method_not_allowed, segment_not_found
from systems.sandbox.dataverse.organization import Organization
from systems.sandbox.dataverse.payload import PayloadReader
from systems.sandbox.dataverse.presentation import Presentation, selected
from systems.sandbox.dataverse.row_requests import RowRequests
from systems.sandbox.dataverse.rows import Caller, Rows
from systems.sandbox.dataverse.tables import BY_SET, TableDefinition
from systems.sandbox.dataverse.tracking import ChangeTracking
from systems.sandbox.exchange import Request, Response
from systems.sandbox.faults import Faults, fail_part
from systems.sandbox.limits import Refusal

ROOT = "/api/data/v9.2"
_SEGMENT = re.compile(r"(?P<name>[$\w.]+)(?:\((?P<key>.*)\))?")
_BETWEEN_SEGMENTS = re.compile(r"/(?![^()]*\))")
_EXCESS = {
    "requests": ("0x80072322", "Number of requests exceeded the limit of {maximum} over time window of 300 seconds."),
    "time": (
        "0x80072321",
        "Combined execution time of incoming requests exceeded limit of {maximum} seconds over 300 seconds.",
    ),
    "concurrency": ("0x80072326", "Number of concurrent requests exceeded the limit of {maximum}."),
}


class DataverseApi:
    """Serves ``/api/data/v9.2``."""

    remaining_header = "x-ms-ratelimit-burst-remaining-xrm-requests"

    def __init__(self, organization: Organization, rows: Rows, choices: Choices, faults: Faults) -> None:
        self._organization = organization
        self._rows = rows
        self._faults = faults
        self._choices = ChoiceRequests(choices)
        self._payloads = PayloadReader(rows.keys, choices)
        presentation = Presentation(rows.table, choices)
        self._presentation = presentation
        self._row_requests = RowRequests(rows, self._payloads, presentation)
        self._tracking = ChangeTracking(rows, presentation)

    def handle(self, request: Request) -> Response:
        """The response to an authenticated request; refusals are responses too."""
        try:
            if not request.path.startswith(f"{ROOT}/"):
                raise segment_not_found(request.path.strip("/").partition("/")[0])
            if request.path == f"{ROOT}/$batch":
                return batch.run(request, ROOT, self._rows.store, self._part)
            return self._route(request)
        except ApiError as error:
            annotated = bool(preferred(request).annotations)
            return error.response(with_code=self._rows.quirks.error_codes, annotated=annotated)

    def unauthorized(self) -> Response:
        return ApiError(401, "0x80040220", "The token is missing, invalid or expired.").response()

    def refused(self, refusal: Refusal) -> Response:
        code, message = _EXCESS[refusal.excess]
        seconds = max(1, -(-refusal.retry_after // timedelta(seconds=1)))
        headers = {"retry-after": str(seconds)}
        return ApiError(429, code, message.format(maximum=refusal.maximum), headers).response()

    def failure(self, status: int, code: str) -> Response:
        known = {429: _EXCESS["requests"][0], 503: "0x80044150"}.get(status, "0x80040216")
        return ApiError(status, code or known, "The request failed.").response()

    def _part(self, request: Request) -> Response:
        """One operation of a batch, which may fail on command."""
        fault = self._faults.take(request.method, request.path, part=True)
        return self.handle(request) if fault is None else fail_part(fault, request, self.handle, self.failure)

    def _route(self, request: Request) -> Response:
        root_url = f"{request.origin}{ROOT}"
        path = unquote(request.path.removeprefix(f"{ROOT}/"))
        if path == "$metadata":
            return Response(200, {"content-type": "application/xml", "odata-version": "4.0"}, metadata.edmx())
        if path == "WhoAmI" or path == "WhoAmI()":
            return answer(self._organization.who_am_i(root_url, request.user.id))
        found = self._choices.handle(request, root_url, path)
        if found is not None:
            return found
        segments = [_SEGMENT.fullmatch(part) for part in _BETWEEN_SEGMENTS.split(path)]
        first = segments[0]
        definition = BY_SET.get(first["name"]) if first else None
        if first is None or definition is None:
            raise segment_not_found(path)
        names = [match["name"] if match else "" for match in segments[1:]]
        with self._rows.store.lock:
            if first["key"] is None:
                return self._set(request, root_url, definition, names)
            caller = self._caller(request)
            key = self._rows.keys.parse(definition, first["key"])
            match names:
                case []:
                    return self._row_requests.handle(request, root_url, key, caller)
                case [navigation, "$ref"]:
                    return self._row_requests.reference(request, key, navigation, caller)
                case [column]:
                    return self._row_requests.column(request, root_url, key, column, caller)
                case _:
                    raise segment_not_found(names[-1])

    def _set(self, request: Request, root_url: str, definition: TableDefinition, names: list[str]) -> Response:
        if names == ["$count"] and request.method == "GET":
            count = min(len(self._rows.table(definition)), self._rows.quirks.total_count_limit)
            return Response(200, {"content-type": "text/plain", "odata-version": "4.0"}, str(count).encode())
        if names:
            raise segment_not_found(names[-1])
        match request.method:
            case "GET":
                return self._list(request, root_url, definition)
            case "POST":
                return self._row_requests.create(request, root_url, definition, self._caller(request))
            case method:
                raise method_not_allowed(method)

    def _list(self, request: Request, root_url: str, definition: TableDefinition) -> Response:
        wanted = preferred(request)
        select = collection.options_of(request).select
        columns = f"({','.join(column.wire_name for column in selected(definition, select))})" if select else ""
        context = f"{root_url}/$metadata#{definition.set_name}{columns}"
        applied = {"preference-applied": request.headers["prefer"]} if "prefer" in request.headers else {}
        if wanted.tracked or "$deltatoken" in request.query:
            found, first = self._tracking.read(definition, request, wanted, context)
            return answer(found, headers={"preference-applied": "odata.track-changes"} if first else {})
        found = collection.read(self._rows, self._presentation, definition, request, wanted)
        return answer({"@odata.context": context, **found}, headers=applied)

    def _caller(self, request: Request) -> Caller:
        muted = "customasync" in request.headers.get("mscrm.bypassbusinesslogicexecution", "").lower()
        return Caller(request.user, request.query.get("tag", ""), str(uuid.uuid4()), silent=muted)
