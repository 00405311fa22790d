"""Requests to subscriptions, and the list of what can be subscribed to."""

import re
from fnmatch import fnmatchcase

from systems.sandbox.business_central.answers import answer, no_content, submitted_object
from systems.sandbox.business_central.conditions import check_etag
from systems.sandbox.business_central.errors import bad_request, method_not_allowed
from systems.sandbox.business_central.pages import PAGES
from systems.sandbox.business_central.quirks import Quirks
from systems.sandbox.business_central.subscriptions import Subscriptions
from systems.sandbox.exchange import Request, Response

_RESOURCE_FILTER = re.compile(r"resource eq '(.*)'")


class SubscriptionRequests:
    """Serves ``subscriptions`` of each API root."""

    def __init__(self, subscriptions: Subscriptions, quirks: Quirks) -> None:
        self._subscriptions = subscriptions
        self._quirks = quirks

    def handle_set(self, request: Request, root: str, root_url: str) -> Response:
        """List, or create after a handshake.

        Raises:
            ApiError: a refusal.
        """
        context = f"{root_url}/$metadata#subscriptions"
        match request.method:
            case "GET":
                value = [subscription.shown() for subscription in self._subscriptions.all(root)]
                return answer({"@odata.context": context, "value": value})
            case "POST":
                created = self._subscriptions.create(root, submitted_object(request), request.user.id)
                return answer({"@odata.context": f"{context}/$entity", **created.shown()}, 201)
            case method:
                raise method_not_allowed(method, "subscriptions")

    def handle_one(self, request: Request, root: str, root_url: str, subscription_id: str) -> Response:
        """Read, renew after a handshake, or delete.

        Raises:
            ApiError: a refusal.
        """
        found = self._subscriptions.get(root, subscription_id)
        context = f"{root_url}/$metadata#subscriptions/$entity"
        if request.method == "GET":
            return answer({"@odata.context": context, **found.shown()})
        check_etag(request, found.version, self._quirks, needed=True)
        match request.method:
            case "PATCH":
                renewed = self._subscriptions.renew(found, submitted_object(request))
                return answer({"@odata.context": context, **renewed.shown()})
            case "DELETE":
                self._subscriptions.delete(found.id)
                return no_content()
            case method:
                raise method_not_allowed(method, "subscriptions")

    def supported_resources(self, request: Request, company_url: str) -> Response:
        """``webhookSupportedResources``; in its filter ``*`` stands for anything, as in the application's own filters.

        Raises:
            ApiError: another filter than an equality.
        """
        text = request.query.get("$filter", "resource eq '*'")
        match = _RESOURCE_FILTER.fullmatch(text)
        if match is None:
            raise bad_request(f"The filter '{text}' is not supported.")
        names = (f"{page.root}/{page.name}" for page in PAGES if self._subscriptions.supports(page))
        root_url, _, company = company_url.rpartition("/")
        context = f"{root_url}/$metadata#{company}/webhookSupportedResources"
        return answer(
            {"@odata.context": context, "value": [{"resource": name} for name in names if fnmatchcase(name, match[1])]}
        )
