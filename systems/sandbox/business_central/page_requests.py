"""Requests to API pages: sets, rows, and what hangs under rows."""

from collections.abc import Mapping, Sequence
from typing import Any

from systems.sandbox.business_central import collection
from systems.sandbox.business_central.address import Segment
from systems.sandbox.business_central.answers import answer, no_content, submitted_object
from systems.sandbox.business_central.conditions import check_etag
from systems.sandbox.business_central.errors import (
    ApiError,
    bad_request,
    method_not_allowed,
    segment_not_found,
    unknown_property,
)
from systems.sandbox.business_central.etag import etag
from systems.sandbox.business_central.pages import Page, find_page
from systems.sandbox.business_central.presentation import CONTACTS_INFORMATION, contacts_information, expanded, shown
from systems.sandbox.business_central.rows import Rows
from systems.sandbox.exchange import Request, Response
from systems.sandbox.odata.options import BadOption, preferences, read_options
from systems.sandbox.odata.syntax import FilterSyntaxError
from systems.sandbox.store import Record


class PageRequests:
    """Serves the pages of one company."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def handle(self, request: Request, root: str, company_url: str, segments: Sequence[Segment]) -> Response:
        """The response; ``company_url`` is where the company's sets are.

        Raises:
            ApiError: a refusal.
        """
        first = segments[0]
        page = find_page(root, first.name)
        if page is None:
            raise segment_not_found(first.name)
        with self._rows.store.lock:
            match segments:
                case [Segment(_, None)]:
                    return self._set(request, page, company_url)
                case [Segment()]:
                    return self._row(request, page, company_url, first.guid)
                case [Segment(), Segment(name, None)] if name == CONTACTS_INFORMATION and page.contacts:
                    return self._contacts_information(request, page, company_url, first.guid)
                case _:
                    raise segment_not_found(segments[-1].name)

    def _set(self, request: Request, page: Page, company_url: str) -> Response:
        if request.method == "GET":
            found = collection.read(self._rows, page, request)
            return answer({"@odata.context": context(company_url, page.name), **found})
        if request.method != "POST" or not page.writable:
            raise method_not_allowed(request.method, page.name)
        record = self._rows.insert(page.table, _submitted(request, page), request.user)
        if "return-no-content" in preferences(request.headers.get("prefer")):
            return no_content()
        location = {"location": f"{company_url}/{page.name}({record.id})"}
        return self._answer_row(request, page, company_url, record, 201, location)

    def _row(self, request: Request, page: Page, company_url: str, record_id: str) -> Response:
        record = self._existing(page, record_id)
        quirks = self._rows.quirks
        if request.method == "GET":
            return self._answer_row(request, page, company_url, record)
        if not page.writable:
            raise method_not_allowed(request.method, page.name)
        match request.method:
            case "PATCH":
                check_etag(request, record.version, quirks, needed=True)
                after = self._rows.update(page.table, record, _submitted(request, page), request.user)
                return self._answer_row(request, page, company_url, after)
            case "DELETE":
                check_etag(request, record.version, quirks, needed=quirks.delete_needs_etag)
                self._rows.delete(page.table, record, request.user)
                return no_content()
            case method:
                raise method_not_allowed(method, page.name)

    def _existing(self, page: Page, record_id: str) -> Record:
        record = self._rows.table(page.table).get(record_id)
        if record is not None:
            return record
        quirks = self._rows.quirks
        if quirks.missing_row_code == "BadRequest_ResourceNotFound":
            raise segment_not_found(page.name, quirks.missing_row_status)
        message = f"The {page.table.caption} does not exist. Identification fields and values: $systemId='{record_id}'"
        raise ApiError(quirks.missing_row_status, quirks.missing_row_code, message)

    def _answer_row(
        self,
        request: Request,
        page: Page,
        company_url: str,
        record: Record,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        try:
            options = read_options(request.query, lambda name: name in ("$select", "$expand", "$schemaversion"))
        except (BadOption, FilterSyntaxError) as error:
            raise bad_request(str(error)) from error
        encoded = self._rows.quirks.encoded_options
        document: dict[str, Any] = {
            "@odata.context": f"{context(company_url, page.name)}/$entity",
            **shown(page, record, encoded_options=encoded, select=options.select),
            **expanded(self._rows, page, record, options.expand, encoded_options=encoded),
        }
        return answer(document, status, {"etag": etag(record.version), **(headers or {})})

    def _contacts_information(self, request: Request, page: Page, company_url: str, record_id: str) -> Response:
        if request.method != "GET":
            raise method_not_allowed(request.method, CONTACTS_INFORMATION)
        value = contacts_information(self._rows, page, self._existing(page, record_id))
        where = context(company_url, f"{page.name}({record_id})/{CONTACTS_INFORMATION}")
        return answer({"@odata.context": where, "value": value})


def context(company_url: str, what: str) -> str:
    """The metadata address of ``what`` under a company: ``…/$metadata#companies(…)/customers``."""
    root, _, company = company_url.rpartition("/")
    return f"{root}/$metadata#{company}/{what}"


def _submitted(request: Request, page: Page) -> dict[str, Any]:
    submitted = submitted_object(request)
    for name in submitted:
        if name not in page.columns:
            raise unknown_property(name, page.entity_type)
    return submitted
