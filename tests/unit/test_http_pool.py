import threading
from collections.abc import Iterator

import httpx2
import pytest

from schemas.budget import Allowance
from schemas.errors import OutcomeUnknown, Retry, Stop
from systems.budget import Budget
from systems.http import Answer, HttpPool, whole_refusal
from tests.support.web_service import Tokens, WebService


@pytest.fixture
def service() -> WebService:
    return WebService()


@pytest.fixture
def pool(service: WebService) -> Iterator[HttpPool]:
    made = open_pool(service.transport, Tokens("one"), Tokens("two"))
    yield made
    made.close()


def open_pool(transport: httpx2.BaseTransport, *credentials: Tokens, concurrency: int = 5) -> HttpPool:
    return HttpPool(
        "Dataverse",
        credentials,
        budget=Budget("Dataverse", [one.client_id for one in credentials], Allowance(concurrency, 6000)),
        headers={"Accept": "application/json"},
        connect_timeout=1,
        read_timeout=1,
        transport=transport,
    )


def answer(status: int, headers: dict[str, str] | None = None) -> Answer:
    return Answer.of(httpx2.Response(status, headers=headers))


def test_credentials_take_turns(service: WebService) -> None:
    one, two = Tokens("one"), Tokens("two")
    pool = open_pool(service.transport, one, two)
    service.reply(*(httpx2.Response(200) for _ in range(3)))
    pool.send("GET", "https://x.test")
    assert (one.fetched, two.fetched) == (1, 0)
    pool.send("GET", "https://x.test")
    assert (one.fetched, two.fetched) == (1, 1)
    pool.send("GET", "https://x.test")
    assert (one.fetched, two.fetched) == (1, 1)
    pool.close()


def test_a_system_without_credentials_is_refused_at_once(service: WebService) -> None:
    with pytest.raises(ValueError, match="Dataverse needs at least one credential"):
        open_pool(service.transport)


@pytest.mark.parametrize("error", [httpx2.ConnectError("refused"), httpx2.ConnectTimeout("late")])
def test_a_write_that_was_never_sent_is_tried_again(
    service: WebService, pool: HttpPool, error: httpx2.TransportError
) -> None:
    service.reply(error)
    with pytest.raises(Retry, match="Dataverse cannot be reached") as raised:
        pool.send("POST", "https://x.test", writes=True)
    assert not isinstance(raised.value, OutcomeUnknown)


@pytest.mark.parametrize(
    "error", [httpx2.ReadTimeout("late"), httpx2.ReadError("reset"), httpx2.RemoteProtocolError("closed")]
)
def test_only_a_write_without_an_answer_has_an_unknown_outcome(
    service: WebService, pool: HttpPool, error: httpx2.TransportError
) -> None:
    service.reply(error, error)
    with pytest.raises(OutcomeUnknown, match="did not answer"):
        pool.send("POST", "https://x.test", writes=True)
    with pytest.raises(Retry) as raised:
        pool.send("GET", "https://x.test")
    assert not isinstance(raised.value, OutcomeUnknown)


def test_an_address_that_is_none_stops() -> None:
    pool = open_pool(httpx2.HTTPTransport(), Tokens())
    with pytest.raises(Stop, match="Correct its url"):
        pool.send("GET", "ftp://x.test")
    pool.close()


def test_a_credential_never_has_more_requests_at_once_than_it_may() -> None:
    at_once = 0
    most = 0
    lock = threading.Lock()
    second_waits = threading.Event()

    def handler(_: httpx2.Request) -> httpx2.Response:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        second_waits.wait(0.02)
        with lock:
            at_once -= 1
        return httpx2.Response(200)

    pool = open_pool(httpx2.MockTransport(handler), Tokens(), concurrency=2)
    threads = [threading.Thread(target=pool.send, args=("GET", "https://x.test")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pool.close()
    assert most == 2


def test_no_cookie_pins_requests_to_one_server(service: WebService, pool: HttpPool) -> None:
    sticky = httpx2.Response(200, headers={"Set-Cookie": "ARRAffinity=abc; Path=/; Domain=x.test"})
    service.reply(sticky, httpx2.Response(200))
    pool.send("GET", "https://x.test", credential=0)
    pool.send("GET", "https://x.test", credential=0)
    assert "cookie" not in service.last.headers


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "17"}, 17),
        ({"Retry-After": "Sun, 22 Nov 2026 10:00:30 GMT", "Date": "Sun, 22 Nov 2026 10:00:00 GMT"}, 30),
        ({"Retry-After": "Sun, 22 Nov 2026 10:00:00 GMT", "Date": "Sun, 22 Nov 2026 10:00:30 GMT"}, 0),
        ({"Retry-After": "Sun, 22 Nov 2026 10:00:30 GMT"}, None),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
def test_the_wait_that_a_system_asks_for_is_read(headers: dict[str, str], seconds: float | None) -> None:
    assert answer(429, headers).retry_after == seconds


@pytest.mark.parametrize(
    ("status", "headers", "writes", "kind"),
    [
        (429, {}, True, Retry),
        (503, {"Retry-After": "5"}, True, Retry),
        (503, {}, True, OutcomeUnknown),
        (503, {}, False, Retry),
        (500, {}, True, OutcomeUnknown),
        (504, {"Retry-After": "5"}, True, OutcomeUnknown),
        (408, {}, True, OutcomeUnknown),
        (408, {}, False, Retry),
        (401, {}, True, Stop),
        (403, {}, False, Stop),
    ],
)
def test_a_refusal_that_concerns_no_row_is_told_by_its_status(
    status: int, headers: dict[str, str], writes: bool, kind: type[Exception]
) -> None:
    assert type(whole_refusal(answer(status, headers), "Dataverse", writes=writes)) is kind


def test_a_refusal_that_concerns_a_row_is_left_to_the_adapter() -> None:
    assert whole_refusal(answer(400), "Dataverse", writes=True) is None
