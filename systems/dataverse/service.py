"""Addresses of the Dataverse Web API, requests to it, and its own description of its tables."""

import threading
from collections.abc import Sequence
from urllib.parse import urlsplit

import httpx2

from schemas.budget import Allowance
from schemas.errors import OutcomeUnknown, Retry
from systems.budget import Budget
from systems.credentials import TokenSource
from systems.dataverse.errors import NAME, batch_refusal, read_refusal
from systems.dataverse.multipart import CONTENT_TYPE, Part, batch_answers, encode_batch, is_batch
from systems.edm import Model, NotMetadata, read_model
from systems.http import Answer, HttpPool

API = "/api/data/v9.2"
LIMIT = Allowance(at_once=52, per_window=6000)
"""Of one user: service protection limits."""

_HEADERS = {
    "Accept": "application/json",
    "OData-Version": "4.0",
    "OData-MaxVersion": "4.0",
    "If-None-Match": "null",  # nothing from caches on the way
}


class Service:
    """One environment. Thread-safe."""

    def __init__(
        self,
        url: str,
        credentials: Sequence[TokenSource],
        *,
        budget: Budget | None,
        connect_timeout: float,
        read_timeout: float,
        transport: httpx2.BaseTransport | None,
    ) -> None:
        self._url = url.rstrip("/")
        self._prefix = urlsplit(self._url).path
        self.budget = budget or Budget(NAME, [one.client_id for one in credentials], LIMIT)
        self._pool = HttpPool(
            NAME,
            credentials,
            budget=self.budget,
            headers=_HEADERS,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            transport=transport,
        )
        self._model: Model | None = None
        self._model_lock = threading.Lock()

    def url(self, path: str) -> str:
        """The address of a path below the API's root."""
        return f"{self._url}{API}/{path}"

    def path(self, path: str) -> str:
        """The same without scheme and host, as parts of a batch have it."""
        return f"{self._prefix}{API}/{path}"

    def get(self, url: str, *, prefer: Sequence[str] = (), credential: int | None = None) -> Answer:
        """The answer to a GET."""
        headers = {"Prefer": ",".join(prefer)} if prefer else {}
        return Answer.of(self._pool.send("GET", url, headers=headers, credential=credential))

    def post(self, path: str, body: bytes) -> Answer:
        """The answer to an action that writes."""
        headers = {"Content-Type": "application/json"}
        return Answer.of(self._pool.send("POST", self.url(path), headers=headers, content=body, writes=True))

    def batch(self, parts: Sequence[Part], *, writes: bool) -> dict[int, Answer]:
        """The answers to the parts of a batch, by place; each is carried out whatever becomes of the others.

        Raises:
            Retry: nothing was carried out, or (unless the batch ``writes``) not answered.
            OutcomeUnknown: the batch ``writes`` and was not answered as a batch.
            Stop: the batch is refused for good.
        """
        headers = {"Content-Type": CONTENT_TYPE, "Prefer": "odata.continue-on-error"}
        content = encode_batch(parts)
        response = self._pool.send("POST", self.url("$batch"), headers=headers, content=content, writes=writes)
        content_type = response.headers.get("content-type", "")
        if is_batch(content_type):
            answers = batch_answers(content_type, response.content)
            self._pool.heard(response, answers.values())
            return answers
        answer = Answer.of(response)
        if not answer.ok:
            raise batch_refusal(answer) if writes else read_refusal(answer, "a batch")
        text = f"{NAME} answered a batch with something else ({content_type or 'no content type'})."
        raise OutcomeUnknown(text, code="no_batch_answer") if writes else Retry(text, code="no_batch_answer")

    def model(self) -> Model:
        """What ``$metadata`` says. Read once, under the lock: it is large and slow to make."""
        with self._model_lock:
            if self._model is None:
                self._model = self._read_model()
            return self._model

    def close(self) -> None:
        """Close all connections. Idempotent."""
        self._pool.close()

    def _read_model(self) -> Model:
        response = self._pool.send("GET", self.url("$metadata"), headers={"Accept": "application/xml"})
        if not response.is_success:
            raise read_refusal(Answer.of(response), "$metadata")
        try:
            return read_model(response.content)
        except NotMetadata as error:
            raise Retry(f"{NAME} answered $metadata with something else ({error}).") from error
