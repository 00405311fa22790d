"""HTTP to a system of record: a client per credential, used in turn, and where httpx2's errors become ours."""

import itertools
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import httpx2

from schemas.errors import OutcomeUnknown, Retry, Stop, SyncError
from schemas.json_codec import NotJson, decode
from systems.credentials import BearerAuth, TokenSource
from systems.tls import tls_context

CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 120.0
_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request, or to one part of a batch.

    Attributes:
        headers: names in lower case.
        document: the JSON body; ``None`` where there is none (204, or a gateway's page).
    """

    status: int
    headers: Mapping[str, str]
    document: Any

    @classmethod
    def of(cls, response: httpx2.Response) -> "Answer":
        """The answer in a whole response."""
        return cls(response.status_code, dict(response.headers), json_or_none(response.content))

    @property
    def ok(self) -> bool:
        """Whether the request was carried out."""
        return 200 <= self.status < 300

    @property
    def code(self) -> str:
        """The system's error code; empty where the answer has none."""
        return str(self._error.get("code") or "")

    @property
    def message(self) -> str:
        """The system's words; the status where it has none."""
        return str(self._error.get("message") or f"status {self.status} without an explanation").strip()

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait, where the system said so."""
        value = self.headers.get("retry-after", "").strip()
        if value.isdigit():
            return float(value)
        try:
            # Counted from the answer's own date, so that differing clocks do not matter.
            wait = parsedate_to_datetime(value) - parsedate_to_datetime(self.headers.get("date", ""))
        except (ValueError, TypeError):  # no date, or one without a zone
            return None
        return max(0.0, wait.total_seconds())

    @property
    def _error(self) -> Mapping[str, Any]:
        error = self.document.get("error") if isinstance(self.document, dict) else None
        return error if isinstance(error, dict) else {}


class HttpPool:
    """Requests to one system, spread over its credentials in turn; each has its own connections and its own limit.

    Args:
        system: what messages call the system.
        concurrency: requests at once that one credential may have; a further one blocks.
        connect_timeout: seconds until a connection must stand.
        read_timeout: seconds in which the system must go on answering.
        transport: for tests; one for all credentials.
    """

    def __init__(
        self,
        system: str,
        credentials: Sequence[TokenSource],
        *,
        concurrency: int,
        headers: Mapping[str, str],
        connect_timeout: float,
        read_timeout: float,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        if not credentials:
            raise ValueError(f"{system} needs at least one credential")
        self._system = system
        self._clients = [
            httpx2.Client(
                auth=BearerAuth(source),
                headers=dict(headers),
                timeout=httpx2.Timeout(read_timeout, connect=connect_timeout),
                limits=httpx2.Limits(max_connections=concurrency, max_keepalive_connections=concurrency),
                verify=tls_context(),
                transport=transport,
            )
            for source in credentials
        ]
        for client in self._clients:
            # An affinity cookie would pin a client to one of the servers, each of which has limits of its own.
            client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._slots = [threading.Semaphore(concurrency) for _ in credentials]
        self._turn = itertools.count()

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        writes: bool = False,
        credential: int | None = None,
    ) -> httpx2.Response:
        """The answer, whatever its status. ``credential``: the one to use, else the next in turn.

        Raises:
            Retry: the request was not sent, or (unless it ``writes``) not answered.
            OutcomeUnknown: it ``writes`` and was not answered.
            Stop: the credential or the address is wrong.
        """
        index = next(self._turn) % len(self._clients) if credential is None else credential
        with self._slots[index]:
            try:
                return self._clients[index].request(method, url, headers=headers, content=content)
            except (httpx2.UnsupportedProtocol, httpx2.InvalidURL) as error:
                raise Stop(f"{self._system} has no usable address: {error}. Correct its url.") from error
            except httpx2.RequestError as error:
                raise self._unanswered(error, writes) from error

    def close(self) -> None:
        """Close all connections. Idempotent."""
        for client in self._clients:
            client.close()

    def _unanswered(self, error: httpx2.RequestError, writes: bool) -> Retry:
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        if isinstance(error, _NEVER_SENT):
            return Retry(f"{self._system} cannot be reached ({what}).", code="unreachable")
        text = f"{self._system} did not answer ({what})."
        return OutcomeUnknown(text, code="no_answer") if writes else Retry(text, code="no_answer")


def whole_refusal(answer: Answer, system: str, *, writes: bool) -> SyncError | None:
    """The error of an answer as far as it has nothing to do with any row: load, faults of the server, credentials."""
    words = f"{system} answered {answer.status}: {answer.message}"
    after = answer.retry_after
    if answer.status == 429:
        return Retry(words, code=answer.code or "429", after=after, throttled=True)
    if answer.status == 401:
        return Stop(
            f"{words} The token is refused: check that the application is registered and enabled in {system}.",
            code=answer.code or "401",
        )
    if answer.status == 403:
        return Stop(
            f"{words} The application lacks a privilege: grant it in {system} and start again.",
            code=answer.code or "403",
        )
    if answer.status == 408 or answer.status >= 500:
        # 503 with Retry-After is a server that declines before it works; after any other it may have worked.
        declined = answer.status == 503 and after is not None
        kind = OutcomeUnknown if writes and not declined else Retry
        return kind(words, code=answer.code or str(answer.status), after=after)
    return None


def json_or_none(body: bytes) -> Any:
    """The JSON document in ``body``; ``None`` for anything else, such as a gateway's page."""
    try:
        return decode(body)
    except NotJson:
        return None
