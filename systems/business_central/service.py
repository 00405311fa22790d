"""The addresses of one company's API pages, requests to them, and the service's own description of its tables."""

import threading
from collections.abc import Sequence
from typing import Any

import httpx2

from schemas.budget import Allowance
from schemas.errors import Retry, Stop
from schemas.row import Table
from systems.budget import Budget
from systems.business_central.columns import Columns
from systems.business_central.errors import NAME, TOO_MANY, read_refusal
from systems.business_central.json_batch import Part, batch_answers, encode_batch
from systems.credentials import TokenSource
from systems.edm import EntityType, Model, NotMetadata, read_model
from systems.http import Answer, HttpPool

LIMIT = Allowance(at_once=5, per_window=6000)
"""Of one user: operational limits, online."""


class Service:
    """One company of one environment. Thread-safe."""

    def __init__(
        self,
        url: str,
        company_id: str,
        credentials: Sequence[TokenSource],
        *,
        budget: Budget | None,
        connect_timeout: float,
        read_timeout: float,
        transport: httpx2.BaseTransport | None,
    ) -> None:
        self._url = url.rstrip("/")
        self._company = company_id.lower()
        self.budget = budget or Budget(NAME, [one.client_id for one in credentials], LIMIT)
        self._pool = HttpPool(
            NAME,
            credentials,
            budget=self.budget,
            throttle_codes=[TOO_MANY],
            headers={"Accept": "application/json"},
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            transport=transport,
        )
        self._models: dict[str, Model] = {}
        self._models_lock = threading.Lock()

    def rows_path(self, table: Table, row_id: str | None = None) -> str:
        """The address of a table's rows, or of one row, relative to the service root."""
        path = f"companies({self._company})/{table.name}"
        return path if row_id is None else f"{path}({row_id.lower()})"

    def rows_url(self, table: Table) -> str:
        """The address of a table's rows."""
        return f"{self._root(table)}/{self.rows_path(table)}"

    def get(self, url: str, *, prefer: str = "") -> Answer:
        """The answer to a GET."""
        headers = {"Prefer": prefer} if prefer else {}
        return Answer.of(self._pool.send("GET", url, headers=headers))

    def batch(self, table: Table, parts: Sequence[Part], *, writes: bool) -> Answer:
        """The answer to a batch; each part is carried out whatever becomes of the others."""
        headers = {"Content-Type": "application/json", "Prefer": "odata.continue-on-error"}
        url = f"{self._root(table)}/$batch"
        response = self._pool.send("POST", url, headers=headers, content=encode_batch(parts), writes=writes)
        answer = Answer.of(response)
        self._pool.heard(response, (batch_answers(answer.document) or {}).values())
        return answer

    def described(self, table: Table) -> EntityType | None:
        """What ``$metadata`` says of a table; ``None`` where it knows none of this name."""
        return self._model(table).type_of_set(table.name)

    def related_type(self, table: Table, navigation: str) -> EntityType | None:
        """What ``$metadata`` says of the rows that a navigation of the table leads to."""
        described = self.described(table)
        name = described.navigations.get(navigation, "") if described else ""
        return self._model(table).type_named(name)

    def columns(self, table: Table) -> Columns:
        """What to read of a table.

        Raises:
            Stop: the service does not know the table.
        """
        described = self.described(table)
        if described is None:
            raise Stop(f"{NAME} has no table {table.name} under {table.path}. Correct the mapping.", code="no_table")
        return Columns.of(table, described)

    def close(self) -> None:
        """Close all connections. Idempotent."""
        self._pool.close()

    def _root(self, table: Table) -> str:
        return f"{self._url}/{table.path}"

    def _model(self, table: Table) -> Model:
        # Read once for each API, under the lock: it is large and slow to make.
        with self._models_lock:
            model = self._models.get(table.path)
            if model is None:
                model = self._models[table.path] = self._read_model(table)
            return model

    def _read_model(self, table: Table) -> Model:
        response = self._pool.send("GET", f"{self._root(table)}/$metadata", headers={"Accept": "application/xml"})
        if not response.is_success:
            raise read_refusal(Answer.of(response), f"{table.path}/$metadata")
        try:
            return read_model(response.content)
        except NotMetadata as error:
            raise Retry(f"{NAME} answered {table.path}/$metadata with something else ({error}).") from error


def document_of(answer: Answer, what: str) -> Any:
    """The JSON object that was asked for.

    Raises:
        Retry: the answer is something else, such as a gateway's page.
    """
    if not isinstance(answer.document, dict):
        raise Retry(f"{NAME} answered {what} with something that is no JSON object.", code="no_json")
    return answer.document
