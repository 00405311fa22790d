"""Bearer tokens for Kafka (OAUTHBEARER): what Event Hubs and other managed clusters authenticate with."""

import time
from collections.abc import Callable
from threading import Lock

from kafka.errors import KafkaConnectionError, SaslAuthenticationFailedError
from kafka.net.sasl.oauth import AbstractTokenProvider

from schemas.errors import Retry, Stop
from systems.credentials import Token, TokenSource

_BEFORE = 60.0
"""Seconds before its end that a token is no longer given to a new connection."""


class KafkaTokens(AbstractTokenProvider):  # type: ignore[misc]  # the library is not typed
    """Gives every connection a token that lasts; several clients may share it.

    Args:
        clock: seconds since the epoch.
    """

    def __init__(self, source: TokenSource, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._source = source
        self._clock = clock
        self._lock = Lock()
        self._token: Token | None = None

    def token(self) -> str:
        """The token.

        Raises:
            SaslAuthenticationFailedError: the credential is refused.
            KafkaConnectionError: whoever issues tokens cannot be reached.
        """
        with self._lock:
            if self._token is None or self._clock() >= self._token.expires_at - _BEFORE:
                try:
                    self._token = self._source.fetch()
                except Stop as error:
                    raise SaslAuthenticationFailedError(error.text) from error
                except Retry as error:
                    raise KafkaConnectionError(error.text) from error
            return self._token.value
