"""Errors as a client gets them: a condition and a sentence."""

from tests.servicebus.amqp.performatives import Error
from tests.servicebus.amqp.types import Symbol, Value


class AmqpError(Exception):
    """Ends a delivery, a link, or a connection, or fails a request, with its condition.

    Attributes:
        condition: the standard's or Service Bus's own name for it, such as ``amqp:not-found``.
        status: the HTTP-like number that answers to requests carry beside it.
    """

    def __init__(self, condition: str, description: str, *, status: int = 400, info: Value = None) -> None:
        super().__init__(f"{condition}: {description}")
        self.condition = condition
        self.description = description
        self.status = status
        self.info = info

    def error(self) -> Error:
        """As it is sent."""
        return Error(Symbol(self.condition), self.description, self.info)


def not_found(what: str) -> AmqpError:
    return AmqpError("amqp:not-found", f"The messaging entity '{what}' could not be found.", status=404)


def unauthorized(what: str) -> AmqpError:
    return AmqpError("amqp:unauthorized-access", f"Unauthorized access to '{what}'.", status=401)


def not_allowed(description: str) -> AmqpError:
    return AmqpError("amqp:not-allowed", description)


def argument(description: str) -> AmqpError:
    return AmqpError("com.microsoft:argument-error", description)


def message_lock_lost() -> AmqpError:
    return AmqpError(
        "com.microsoft:message-lock-lost",
        "The lock supplied is invalid. Either it expired, or the message has already been removed from the queue.",
        status=410,
    )


def session_lock_lost(session_id: str) -> AmqpError:
    return AmqpError(
        "com.microsoft:session-lock-lost",
        f"The session lock has expired on the session '{session_id}'. Accept a new session.",
        status=410,
    )


def session_cannot_be_locked(session_id: str) -> AmqpError:
    return AmqpError(
        "com.microsoft:session-cannot-be-locked",
        f"The requested session '{session_id}' cannot be accepted. It may be locked by another receiver.",
        status=410,
    )


def message_not_found(sequence_number: int) -> AmqpError:
    return AmqpError("com.microsoft:message-not-found", f"Message {sequence_number} could not be found.", status=404)


def timeout(description: str) -> AmqpError:
    return AmqpError("com.microsoft:timeout", description, status=408)


def server_busy() -> AmqpError:
    return AmqpError("com.microsoft:server-busy", "The service is busy. Retry after 10 seconds.", status=503)


def too_large(size: int, limit: int) -> AmqpError:
    return AmqpError(
        "amqp:link:message-size-exceeded",
        f"The received message (size: {size}) exceeds the limit ({limit}) currently allowed on the link.",
        status=413,
    )


def detach_forced(description: str) -> AmqpError:
    return AmqpError("amqp:link:detach-forced", description, status=410)
