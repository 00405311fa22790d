"""Points on which documentation, published source and observed answers of Business Central disagree, as switches.

A client that is to work with the real system has to work with either setting of each.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Quirks:
    """Each default is what the better evidence says.

    Attributes:
        duplicate_key_status: status of ``Internal_EntityWithSameKeyExists``.
        duplicate_key_fails_batch: whether one duplicate key makes a whole ``$batch`` fail.
        missing_row_status: status for a row that does not exist.
        missing_row_code: its code; recordings show the same code as for a wrong address.
        stale_etag_status: status of ``Request_EntityChanged``.
        client_ids: whether a POST may bring its own ``id``.
        encoded_options: option members as OData names (``_x0020_``), or as documented (a blank).
        option_filters: whether ``$filter`` works on option columns such as ``blocked``.
        throttling_names_a_wait: whether 429 carries ``Retry-After``.
        delete_needs_etag: whether DELETE without ``If-Match`` is refused, as documentation asks.
        handshake_method: the verb of the validation call.
        batch_answers_all: whether a batch without ``continue-on-error`` runs on after a failure that is not its first.
        batch_headers_in_lower_case: whether a header inside a JSON batch is overlooked unless written in lower case.
        undocumented_webhooks: whether every table can be subscribed to, or only those that documentation lists.
        rename_is_delete_and_create: how a changed ``number`` or ``code`` is notified.
        balance_changes_etag: whether a changed balance gives the row a new etag, without a new modification time.
    """

    duplicate_key_status: Literal[400, 409, 500] = 400
    duplicate_key_fails_batch: bool = False
    missing_row_status: Literal[404, 400] = 404
    missing_row_code: Literal["BadRequest_ResourceNotFound", "Internal_RecordNotFound"] = "BadRequest_ResourceNotFound"
    stale_etag_status: Literal[409, 412] = 409
    client_ids: bool = False
    encoded_options: bool = True
    option_filters: bool = False
    throttling_names_a_wait: bool = False
    delete_needs_etag: bool = False
    handshake_method: Literal["POST", "GET"] = "POST"
    batch_answers_all: bool = False
    batch_headers_in_lower_case: bool = False
    undocumented_webhooks: bool = True
    rename_is_delete_and_create: bool = False
    balance_changes_etag: bool = True
