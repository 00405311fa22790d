"""The API: one request in, one response out; the parts of a batch come back here."""

from datetime import timedelta

from systems.sandbox.business_central import address, batch, metadata
from systems.sandbox.business_central.address import Address, Segment
from systems.sandbox.business_central.answers import answer
from systems.sandbox.business_central.company import Company
from systems.sandbox.business_central.errors import (
    INVALID_CREDENTIALS,
    ApiError,
    company_not_found,
    method_not_allowed,
)
from systems.sandbox.business_central.page_requests import PageRequests
from systems.sandbox.business_central.pages import PAGES, RUNTIME
from systems.sandbox.business_central.rows import Rows
from systems.sandbox.business_central.subscription_requests import SubscriptionRequests
from systems.sandbox.business_central.subscriptions import Subscriptions
from systems.sandbox.exchange import Request, Response
from systems.sandbox.faults import Faults, fail_part
from systems.sandbox.limits import Refusal

_GATEWAY = (502, 503, 504)


class BusinessCentralApi:
    """Serves ``{prefix}/api/…``; ``prefix`` is ``/v2.0/{tenant}/{environment}``."""

    remaining_header = None

    def __init__(self, prefix: str, company: Company, rows: Rows, subscriptions: Subscriptions, faults: Faults) -> None:
        self._prefix = prefix
        self._company = company
        self._rows = rows
        self._faults = faults
        self._pages = PageRequests(rows)
        self._subscriptions = SubscriptionRequests(subscriptions, rows.quirks)

    def handle(self, request: Request) -> Response:
        """The response to an authenticated request; refusals are responses too."""
        try:
            root, rest = address.split_root(request.path, self._prefix)
            root_url = f"{request.origin}{self._prefix}/api/{root}"
            if rest == "$batch":
                return batch.run(request, root_url, self._rows, self._part)
            if rest == "$metadata":
                return Response(200, {"content-type": "application/xml", "odata-version": "4.0"}, metadata.edmx(root))
            return self._route(request, address.parse(root, rest), root_url)
        except ApiError as error:
            return error.response()

    def unauthorized(self) -> Response:
        return INVALID_CREDENTIALS.response()

    def refused(self, refusal: Refusal) -> Response:
        message = f"Too many requests reached. Actual ({refusal.actual}). Maximum ({refusal.maximum})."
        refused = ApiError(429, "Application_TooManyRequests", message).response()
        if not self._rows.quirks.throttling_names_a_wait:
            return refused
        seconds = max(1, -(-refusal.retry_after // timedelta(seconds=1)))
        return Response(refused.status, {**refused.headers, "retry-after": str(seconds)}, refused.body)

    def failure(self, status: int, code: str) -> Response:
        """Gateways in front of the service answer in HTML, the service itself in JSON."""
        if status in _GATEWAY and not code:
            page = f"<html><head><title>{status}</title></head><body>The service is unavailable.</body></html>"
            return Response(status, {"content-type": "text/html"}, page.encode())
        known = {429: "Application_TooManyRequests", 408: "Internal_RequestTimedOut"}.get(
            status, "Internal_ServerError"
        )
        return ApiError(status, code or known, "The request failed.").response()

    def _part(self, request: Request) -> Response:
        """One operation of a batch, which may fail on command."""
        fault = self._faults.take(request.method, request.path, part=True)
        return self.handle(request) if fault is None else fail_part(fault, request, self.handle, self.failure)

    def _route(self, request: Request, target: Address, root_url: str) -> Response:
        company_url = f"{root_url}/companies({self._company.id})"
        match target.segments:
            case ():
                return self._service_document(request, target.root, root_url)
            case (Segment("companies", None),):
                return self._companies(request, root_url)
            case (Segment("companies") as company, *inner):
                self._require_company(company.guid)
                match inner:
                    case []:
                        return self._one_company(request, root_url)
                    case [Segment("webhookSupportedResources", None)] if target.root == RUNTIME:
                        return self._subscriptions.supported_resources(request, company_url)
                    case _:
                        return self._pages.handle(request, target.root, company_url, inner)
            case (Segment("subscriptions", None),):
                return self._subscriptions.handle_set(request, target.root, root_url)
            case (Segment("subscriptions") as one,):
                return self._subscriptions.handle_one(request, target.root, root_url, one.text)
            case inner:
                self._require_company(request.query.get("company", request.headers.get("company", self._company.id)))
                return self._pages.handle(request, target.root, company_url, inner)

    def _require_company(self, named: str) -> None:
        if named.lower() not in (self._company.id, self._company.name.lower()):
            raise company_not_found()

    def _companies(self, request: Request, root_url: str) -> Response:
        if request.method != "GET":
            raise method_not_allowed(request.method, "companies")
        return answer({"@odata.context": f"{root_url}/$metadata#companies", "value": [self._company.shown()]})

    def _one_company(self, request: Request, root_url: str) -> Response:
        if request.method != "GET":
            raise method_not_allowed(request.method, "companies")
        return answer({"@odata.context": f"{root_url}/$metadata#companies/$entity", **self._company.shown()})

    def _service_document(self, request: Request, root: str, root_url: str) -> Response:
        if request.method != "GET":
            raise method_not_allowed(request.method, root)
        names = ["companies", "subscriptions", *(page.name for page in PAGES if page.root == root)]
        value = [{"name": name, "kind": "EntitySet", "url": name} for name in names]
        return answer({"@odata.context": f"{root_url}/$metadata", "value": value})
