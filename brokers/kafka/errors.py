"""kafka-python's errors, named by what the engine does next. The one place that knows them.

What is not listed is a :class:`~schemas.errors.Retry`: an error that nobody thought of loses nothing that way.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from kafka import errors

from schemas.errors import Retry, Skip, Stop, SyncError

_REFUSED = {
    errors.AuthorizationError: "Give Twinrow's user the right to read, write and describe its topics and groups.",
    errors.SaslAuthenticationFailedError: "Check kafka.user and the password, or the client that tokens are for.",
    errors.UnsupportedSaslMechanismError: "Choose a kafka.mechanism that the broker offers.",
    errors.FencedInstanceIdError: "Another worker runs under the same worker.member: give each its own.",
    errors.UnreleasedInstanceIdError: "Another worker runs under the same worker.member: give each its own.",
    errors.InconsistentGroupProtocolError: "Other members of the group are no Twinrow workers: name another group.",
    errors.InvalidSessionTimeoutError: "Choose a kafka.session_timeout within the broker's limits.",
    errors.InvalidGroupIdError: "Choose another worker.group.",
    errors.InvalidTopicError: "Choose a topic name of letters, digits, dots, dashes and underscores.",
    errors.UnknownTopicOrPartitionError: "Make it with: twinrow topics create",
    errors.InvalidReplicationFactorError: "Choose a kafka.replication_factor of the number of brokers at most.",
    errors.InvalidPartitionsError: "Correct topics.partitions.",
    errors.InvalidConfigurationError: "Correct the settings of the topic.",
    errors.PolicyViolationError: "The cluster has a policy for topics: ask who runs it.",
    errors.KafkaConfigurationError: "Correct the kafka section of the settings.",
    errors.UnsupportedVersionError: "Use a broker of version 2.4 or newer.",
}

_UNPUBLISHABLE = (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError, errors.InvalidRecordError)


@contextmanager
def mapped(doing: str) -> Iterator[None]:
    """Raise what kafka-python raises inside as an error of ours.

    Args:
        doing: what is being done, after *while*: ``publishing to twinrow.changes``.
    """
    try:
        yield
    except errors.KafkaError as error:
        raise named(error, doing) from error


def named(error: BaseException, doing: str) -> SyncError:
    """The error of ours that ``error`` is."""
    code, text = type(error).__name__, _text(error)
    for kind, remedy in _REFUSED.items():
        if isinstance(error, kind):
            return Stop(f"Kafka refuses {doing}: {text}. {remedy}", code=code)
    if isinstance(error, _UNPUBLISHABLE):
        return Skip(f"Kafka never takes a message while {doing}: {text}", code=code)
    return Retry(f"Kafka is away or slow while {doing}: {text}", code=code)


def _text(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".")
