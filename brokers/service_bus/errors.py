"""azure-servicebus's errors, named by what the engine does next. The one place that knows them.

What is not listed is a :class:`~schemas.errors.Retry`: an error that nobody thought of loses nothing that way.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.servicebus import exceptions

from schemas.errors import Retry, Skip, Stop, SyncError

BUSY_PAUSE = 10.0
"""Seconds to leave a namespace alone that says it is busy, as Microsoft advises."""

LOCK_LOST = (
    exceptions.MessageLockLostError,
    exceptions.MessageAlreadySettled,
    exceptions.MessageNotFoundError,
    exceptions.SessionLockLostError,
)
"""What becomes of a message is not this receiver's to say any more: it is delivered again, or gone."""

_RIGHTS = "Give Twinrow's identity the right to listen and to send (Azure Service Bus Data Receiver, Data Sender)."
_NAME = "Make it, or correct the name in the settings."
_REFUSED: dict[type[Exception], str] = {
    exceptions.MessagingEntityNotFoundError: _NAME,
    ResourceNotFoundError: _NAME,
    exceptions.MessagingEntityDisabledError: "Set its status to active.",
    exceptions.ServiceBusAuthenticationError: "Check the section service_bus: key or credentials are not accepted.",
    exceptions.ServiceBusAuthorizationError: _RIGHTS,
    ClientAuthenticationError: _RIGHTS,
}
_SESSIONS = b"amqp:not-allowed"


@contextmanager
def mapped(doing: str) -> Iterator[None]:
    """Raise what azure-servicebus raises inside as an error of ours.

    Args:
        doing: what is being done, after *while*: ``publishing to dataverse-changes``.
    """
    try:
        yield
    except AzureError as error:
        raise named(error, doing) from error


def named(error: AzureError, doing: str) -> SyncError:
    """The error of ours that ``error`` is."""
    inner: Any = error.inner_exception
    if isinstance(inner, SyncError):  # of whoever issues tokens
        return inner
    code, text = type(error).__name__, _text(error)
    for kind, remedy in _REFUSED.items():
        if isinstance(error, kind) or isinstance(inner, kind):
            return Stop(f"Service Bus refuses {doing}: {text}. {remedy}", code=code)
    if isinstance(error, HttpResponseError) and error.status_code in (401, 403):
        return Stop(f"Service Bus refuses {doing}: {text}. {_RIGHTS}", code=code)
    if getattr(inner, "condition", None) == _SESSIONS:
        return Stop(f"Service Bus refuses {doing}: {text}. Make the entity without sessions.", code=code)
    if isinstance(error, exceptions.MessageSizeExceededError):
        return Skip(f"Service Bus never takes a message while {doing}: {text}", code=code)
    busy = isinstance(error, exceptions.ServiceBusServerBusyError)
    said = f"Service Bus is away or slow while {doing}: {text}"
    return Retry(said, code=code, after=BUSY_PAUSE if busy else None, throttled=busy)


def _text(error: AzureError) -> str:
    """The first line: others are the library's guesses at what to look at."""
    return " ".join(str(error.message).partition("\n")[0].split()).rstrip(".")
