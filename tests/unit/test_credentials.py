import threading
from collections.abc import Callable
from typing import NoReturn
from urllib.parse import parse_qs

import httpx2
import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientSecretCredential

from schemas.errors import Retry, Stop, SyncError
from systems.credentials import BearerAuth, Token, TokenEndpoint
from systems.entra import EntraClientSecret

SECRET = "s3cr~t.value"
SCOPE = "https://contoso.crm4.test/.default"


class Source:
    """Gives tokens of ten minutes."""

    client_id = "worker"

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.fetched = 0

    def fetch(self) -> Token:
        self.fetched += 1
        return Token(f"t{self.fetched}", self._clock() + 600)


def endpoint(answer: httpx2.Response | httpx2.TransportError) -> tuple[TokenEndpoint, list[httpx2.Request]]:
    requests: list[httpx2.Request] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        requests.append(request)
        if isinstance(answer, httpx2.TransportError):
            raise answer
        return answer

    transport = httpx2.MockTransport(handler)
    return TokenEndpoint("https://login.test/token", "worker", SECRET, SCOPE, lambda: 1000.0, transport), requests


def client(source: Source, clock: Callable[[], float], accepted: Callable[[str], bool]) -> httpx2.Client:
    def handler(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200 if accepted(request.headers["authorization"]) else 401)

    return httpx2.Client(auth=BearerAuth(source, clock=clock), transport=httpx2.MockTransport(handler))


def test_a_token_is_asked_for_with_the_clients_credentials() -> None:
    source, requests = endpoint(httpx2.Response(200, json={"access_token": "abc", "expires_in": 3599}))
    token = source.fetch()
    assert (token.value, token.expires_at) == ("abc", 4599.0)
    form = parse_qs(requests[0].content.decode())
    assert form == {
        "grant_type": ["client_credentials"],
        "client_id": ["worker"],
        "client_secret": [SECRET],
        "scope": [SCOPE],
    }


@pytest.mark.parametrize("description", ["AADSTS7000215: Invalid client secret provided.", f"bad {SECRET}\nTrace: 1"])
def test_refused_credentials_stop_and_tell_what_to_check_but_not_the_secret(description: str) -> None:
    source, _ = endpoint(httpx2.Response(401, json={"error": "invalid_client", "error_description": description}))
    with pytest.raises(Stop) as raised:
        source.fetch()
    assert "worker" in raised.value.text
    assert "Check the client id" in raised.value.text
    assert SECRET not in raised.value.text
    assert "Trace" not in raised.value.text


@pytest.mark.parametrize(
    "answer", [httpx2.ConnectError("refused"), httpx2.ReadTimeout("late"), httpx2.Response(503), httpx2.Response(429)]
)
def test_an_issuer_out_of_reach_is_asked_again(answer: httpx2.Response | httpx2.TransportError) -> None:
    source, _ = endpoint(answer)
    with pytest.raises(Retry, match="worker"):
        source.fetch()


def test_an_answer_without_a_token_stops() -> None:
    source, _ = endpoint(httpx2.Response(200, content=b"<html>Sign in</html>"))
    with pytest.raises(Stop):
        source.fetch()


def test_an_address_that_is_none_stops() -> None:
    with pytest.raises(Stop, match="not an http address"):
        TokenEndpoint("ftp://login.test", "worker", SECRET, SCOPE).fetch()


def test_nothing_shows_the_secret_or_a_token() -> None:
    source, _ = endpoint(httpx2.Response(200))
    entra = EntraClientSecret("tenant", "worker", SECRET, SCOPE)
    shown = f"{source!r} {source} {entra!r} {entra} {Token('abc', 1.0)!r} {BearerAuth(entra)!r}"
    assert SECRET not in shown
    assert "abc" not in shown


def test_a_token_is_kept_until_shortly_before_it_expires() -> None:
    now = 0.0
    source = Source(lambda: now)
    with client(source, lambda: now, lambda _: True) as web:
        web.get("https://x.test")
        now = 500.0
        web.get("https://x.test")
        assert source.fetched == 1
        now = 541.0
        web.get("https://x.test")
        assert source.fetched == 2


def test_a_refused_token_is_replaced_once() -> None:
    source = Source(lambda: 0.0)
    with client(source, lambda: 0.0, lambda header: header == "Bearer t2") as web:
        assert web.get("https://x.test").status_code == 200
        assert web.get("https://x.test").status_code == 200
        assert source.fetched == 2
    refusing = Source(lambda: 0.0)
    with client(refusing, lambda: 0.0, lambda _: False) as web:
        assert web.get("https://x.test").status_code == 401
        assert refusing.fetched == 2


def test_many_threads_that_are_refused_fetch_one_new_token() -> None:
    source = Source(lambda: 0.0)
    together = threading.Barrier(8)
    with client(source, lambda: 0.0, lambda header: header == "Bearer t2") as web:

        def call() -> None:
            together.wait()
            statuses.append(web.get("https://x.test").status_code)

        statuses: list[int] = []
        threads = [threading.Thread(target=call) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert statuses == [200] * 8
    assert source.fetched == 2


def test_a_tenant_that_entra_cannot_have_stops() -> None:
    with pytest.raises(Stop, match="worker"):
        EntraClientSecret("not a tenant!", "worker", SECRET, SCOPE).fetch()


def test_entra_out_of_reach_is_asked_again() -> None:
    entra = EntraClientSecret("contoso", "worker", SECRET, SCOPE, authority="https://127.0.0.1:1")
    with pytest.raises(Retry, match="cannot be reached"):
        entra.fetch()


@pytest.mark.parametrize(
    ("status", "kind"), [(None, Stop), (400, Stop), (401, Stop), (429, Retry), (500, Retry), (503, Retry)]
)
def test_entra_refuses_a_client_only_where_it_says_so(
    monkeypatch: pytest.MonkeyPatch, status: int | None, kind: type[Exception]
) -> None:
    def get_token(_: ClientSecretCredential, scope: str) -> NoReturn:
        error = ClientAuthenticationError(message=f"AADSTS7000215: {SECRET} is wrong for {scope}.")
        error.status_code = status
        raise error

    monkeypatch.setattr(ClientSecretCredential, "get_token", get_token)
    with pytest.raises(SyncError) as raised:
        EntraClientSecret("contoso", "worker", SECRET, SCOPE).fetch()
    assert type(raised.value) is kind
    assert SECRET not in raised.value.text


def test_entras_token_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ClientSecretCredential, "get_token", lambda _, scope: AccessToken(scope, 4711))
    assert EntraClientSecret("contoso", "worker", SECRET, SCOPE).fetch() == Token(SCOPE, 4711)
