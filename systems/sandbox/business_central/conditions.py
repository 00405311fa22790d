"""``If-Match``: what a write needs to say about the version that it changes."""

from systems.sandbox.business_central.errors import INVALID_TOKEN, ApiError
from systems.sandbox.business_central.etag import etag, is_well_formed
from systems.sandbox.business_central.quirks import Quirks
from systems.sandbox.exchange import Request


def check_etag(request: Request, version: int, quirks: Quirks, *, needed: bool) -> None:
    """Refuse a write whose condition is missing where ``needed``, malformed, or stale.

    Raises:
        ApiError: ``BadRequest_InvalidToken`` or ``Request_EntityChanged``.
    """
    condition = request.headers.get("if-match")
    if condition is None and not needed:
        return
    if condition is None or (condition != "*" and not is_well_formed(condition)):
        raise INVALID_TOKEN
    if condition not in ("*", etag(version)):
        message = "Another user has already changed the record."
        raise ApiError(quirks.stale_etag_status, "Request_EntityChanged", message)
