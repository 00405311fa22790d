"""Points on which documentation and observed answers of Dataverse disagree or leave room, as switches."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

AlternateKeys: TypeAlias = dict[str, tuple[tuple[str, ...], ...]]


@dataclass(frozen=True, slots=True)
class Quirks:
    """Each default is what the better evidence says.

    Attributes:
        expired_token_status: status of an expired change-tracking token.
        error_codes: whether errors carry their code; old servers leave it empty.
        contacts_of_deleted_account: whether they lose their parent or go with it; a relationship setting.
        alternate_keys: keys defined on tables, by logical name: ``{"account": (("accountnumber",),)}``.
        total_count_limit: where ``$count`` stops counting.
        unordered_events: whether events are delivered in random order, as asynchronous steps may be.
        escaped_slashes: whether JSON bodies of events write ``/`` as ``\\/``.
        offset_in_operation_time: whether ``OperationCreatedOn`` carries ``+0000`` behind its milliseconds.
    """

    expired_token_status: Literal[400, 410] = 400
    error_codes: bool = True
    contacts_of_deleted_account: Literal["lose parent", "deleted"] = "lose parent"
    alternate_keys: AlternateKeys = field(default_factory=dict)
    total_count_limit: int = 5000
    unordered_events: bool = False
    escaped_slashes: bool = True
    offset_in_operation_time: bool = True
