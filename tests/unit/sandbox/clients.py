"""Plain HTTP clients of the sandbox's two systems, with a token."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx2

from systems.sandbox import Sandbox
from systems.sandbox.tokens import Client
from systems.tls import tls_context


class System:
    """Requests to one system, relative to a root."""

    def __init__(self, http: httpx2.Client, origin: str, root: str, token: str) -> None:
        self._http = http
        self.origin = origin
        self.root = root
        self.token = token

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        """``path`` is relative to the root, or absolute."""
        url = path if path.startswith("http") else f"{self.root}/{path}".rstrip("/")
        sent = {"authorization": f"Bearer {self.token}", **(headers or {})}
        return self._http.request(method, url, json=json, content=content, headers=sent, timeout=10.0)

    def get(self, path: str, **headers: str) -> httpx2.Response:
        return self.request("GET", path, headers=_named(headers))

    def post(self, path: str, json: Any, **headers: str) -> httpx2.Response:
        return self.request("POST", path, json=json, headers=_named(headers))

    def patch(self, path: str, json: Any, **headers: str) -> httpx2.Response:
        return self.request("PATCH", path, json=json, headers=_named(headers))

    def delete(self, path: str, **headers: str) -> httpx2.Response:
        return self.request("DELETE", path, headers=_named(headers))

    def value(self, path: str, **headers: str) -> list[dict[str, Any]]:
        """The rows of a set."""
        answer = self.get(path, **headers)
        assert answer.status_code == 200, answer.text
        rows: list[dict[str, Any]] = answer.json()["value"]
        return rows

    def pages(self, path: str, **headers: str) -> list[list[dict[str, Any]]]:
        """The rows of a set, page by page."""
        found = []
        link: str | None = path
        while link is not None:
            document = self.get(link, **headers).json()
            found.append(document["value"])
            link = document.get("@odata.nextLink")
        return found


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def token(http: httpx2.Client, sandbox: Sandbox, resource: str, client: Client | None = None) -> str:
    known = client or sandbox.client
    form = {
        "grant_type": "client_credentials",
        "client_id": known.client_id,
        "client_secret": known.client_secret,
        "scope": f"{resource}/.default",
    }
    answer = http.post(sandbox.token_url, data=form)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


@contextmanager
def business_central(
    sandbox: Sandbox, api: str = "v2.0", *, client: Client | None = None, company: bool = True
) -> Iterator[System]:
    """A client below the company of one API, or at the API's root."""
    system = sandbox.business_central
    inner = f"/companies({system.company_id})" if company else ""
    with httpx2.Client(trust_env=False, verify=tls_context()) as http:
        root = f"{system.url}/api/{api}{inner}"
        yield System(http, system.origin, root, token(http, sandbox, system.resource, client))


@contextmanager
def dataverse(sandbox: Sandbox, *, client: Client | None = None) -> Iterator[System]:
    system = sandbox.dataverse
    with httpx2.Client(trust_env=False, verify=tls_context()) as http:
        root = f"{system.url}/api/data/v9.2"
        yield System(http, system.origin, root, token(http, sandbox, system.resource, client))


def error(answer: httpx2.Response) -> tuple[int, str]:
    """Status and error code."""
    return answer.status_code, str(answer.json()["error"]["code"])
