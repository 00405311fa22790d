"""HTTP to a system of record: a client per credential, paced by a budget, and where httpx2's errors become ours."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import httpx2

from schemas.errors import OutcomeUnknown, Retry, Stop, SyncError
from schemas.json_codec import NotJson, decode
from systems.budget import Budget, Permit
from systems.credentials import BearerAuth, TokenSource
from systems.tls import tls_context

CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 120.0
_PERMIT = "twinrow.permit"
"""Under this name a response has the permit that it was asked for with."""
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
    """Requests to one system, spread over its credentials; each has its own connections and its own limit.

    Args:
        system: what messages call the system.
        budget: says which credential a request uses, and when; hears of refusals.
        throttle_codes: error codes that mean too many requests, whatever the status.
        connect_timeout: seconds until a connection must stand.
        read_timeout: seconds in which the system must go on answering.
        transport: for tests; one for all credentials.
    """

    def __init__(
        self,
        system: str,
        credentials: Sequence[TokenSource],
        *,
        budget: Budget,
        headers: Mapping[str, str],
        connect_timeout: float,
        read_timeout: float,
        throttle_codes: Collection[str] = (),
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        if not credentials:
            raise ValueError(f"{system} needs at least one credential")
        self._system = system
        self._budget = budget
        self._throttle_codes = frozenset(throttle_codes)
        at_once = budget.limit.at_once
        self._clients = [
            httpx2.Client(
                auth=BearerAuth(source),
                headers=dict(headers),
                timeout=httpx2.Timeout(read_timeout, connect=connect_timeout),
                limits=httpx2.Limits(max_connections=at_once, max_keepalive_connections=at_once),
                verify=tls_context(),
                transport=transport,
                event_hooks={"request": [self._check_turn]},
            )
            for source in credentials
        ]
        for client in self._clients:
            # An affinity cookie would pin a client to one of the servers, each of which has limits of its own.
            client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))

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
        """The answer, whatever its status. ``credential``: the one to use, else the least loaded one.

        Blocks until the budget has a turn for it. One that is refused as too many (429) is sent once more with each
        other credential that is free at once.

        Raises:
            Retry: the request was not sent, or (unless it ``writes``) not answered.
            OutcomeUnknown: it ``writes`` and was not answered.
            Stop: the credential or the address is wrong.
        """

        def ask(client: httpx2.Client) -> httpx2.Response:
            return client.request(method, url, headers=headers, content=content)

        permit: Permit | None = self._budget.start(credential)
        tried: set[int] = set()
        while permit is not None:
            tried.add(permit.credential)
            response = self._ask(permit, ask, writes)
            if response.status_code != httpx2.codes.TOO_MANY_REQUESTS or credential is not None:
                break
            permit = self._budget.start_elsewhere(tried)
        return response

    def heard(self, response: httpx2.Response, parts: Iterable[Answer]) -> None:
        """Look into the parts of a batch's answer: single ones may have been too many."""
        refused = [part for part in parts if self._is_throttled(part)]
        if refused:
            waits = [part.retry_after for part in refused if part.retry_after is not None]
            self._budget.refused(response.extensions[_PERMIT], max(waits, default=None))

    def close(self) -> None:
        """Close all connections. Idempotent."""
        for client in self._clients:
            client.close()

    def _ask(self, permit: Permit, ask: Callable[[httpx2.Client], httpx2.Response], writes: bool) -> httpx2.Response:
        refused = False
        try:
            response = ask(self._clients[permit.credential])
            response.extensions[_PERMIT] = permit
            if not response.is_success and self._is_throttled(answer := Answer.of(response)):
                refused = True
                self._budget.refused(permit, answer.retry_after)
        except (httpx2.UnsupportedProtocol, httpx2.InvalidURL) as error:
            raise Stop(f"{self._system} has no usable address: {error}. Correct its url.") from error
        except httpx2.RequestError as error:
            raise self._unanswered(error, writes) from error
        finally:
            self._budget.end(permit, refused=refused)
        return response

    def _check_turn(self, _request: httpx2.Request) -> None:
        """The last moment before it is sent."""
        if not self._budget.usable:
            text = f"This worker was held up before it asked {self._system}; nothing was sent."
            raise Retry(text, code="budget")

    def _is_throttled(self, answer: Answer) -> bool:
        # 503 with Retry-After is a busy server, too; without, it may be one that is broken or away.
        busy = answer.status == 503 and answer.retry_after is not None
        return answer.status == 429 or busy or answer.code in self._throttle_codes

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
