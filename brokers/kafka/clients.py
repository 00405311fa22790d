"""Opening clients of kafka-python."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

from kafka.errors import KafkaError
from kafka.net.compat import KafkaNetClient
from kafka.net.selector import NetworkSelector

Options: TypeAlias = Mapping[str, Any]
"""How a cluster is reached, as every client of kafka-python takes it."""

BOOTSTRAP_TIMEOUT = 10.0
"""Seconds within which some broker has to answer."""

REQUEST_TIMEOUT = 10.0
"""Seconds within which a broker has to answer one request."""

_RECONNECT = 2.0
"""Seconds between two attempts to reach a broker that is away, at most."""

T = TypeVar("T")


def opened(client: Callable[..., T], options: Options, *, network: NetworkSelector | None = None, **more: object) -> T:
    """A client that has reached the cluster, and never makes a topic in passing.

    One that reaches none leaves no thread behind, as the library alone would.

    Args:
        network: runs the client's requests; its own where none is given.

    Raises:
        KafkaError: no broker answers, or one refuses.
    """
    connected: list[Any] = []

    def connect(**configs: object) -> Any:
        connection = KafkaNetClient(net=network, **configs)
        connection.cluster.config["allow_auto_create_topics"] = False  # the library does not pass its own setting on
        connected.append(connection)
        return connection

    timeouts = {
        "bootstrap_timeout_ms": milliseconds(BOOTSTRAP_TIMEOUT),
        "request_timeout_ms": milliseconds(REQUEST_TIMEOUT),
        "reconnect_backoff_max_ms": milliseconds(_RECONNECT),
    }
    try:
        return client(**{**timeouts, **options, **more, "kafka_client": connect})
    except KafkaError:
        for connection in connected:
            connection.close()
        raise


def milliseconds(seconds: float) -> int:
    """As the library counts time."""
    return round(seconds * 1000)
