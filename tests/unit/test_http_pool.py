import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx2
import pytest

from schemas.budget import Allowance
from schemas.errors import OutcomeUnknown, Retry, Stop
from systems.budget import Budget
from systems.credentials import Token
from systems.http import Answer, HttpPool, whole_refusal
from tests.support.budgets import FakeTime
from tests.support.web_service import Tokens, WebService


@dataclass
class HeldUp(Tokens):
    """Its process is held up for a while as it fetches a token."""

    time: FakeTime = field(default_factory=FakeTime)

    def fetch(self) -> Token:
        self.time.advance(20.0)
        return super().fetch()


@pytest.fixture
def service() -> WebService:
    return WebService()


@pytest.fixture
def pool(service: WebService) -> Iterator[HttpPool]:
    made = open_pool(service.transport, Tokens("one"), Tokens("two"))
    yield made
    made.close()


def open_pool(
    transport: httpx2.BaseTransport, *credentials: Tokens, concurrency: int = 5, budget: Budget | None = None
) -> HttpPool:
    ids = [one.client_id for one in credentials]
    return HttpPool(
        "Dataverse",
        credentials,
        budget=budget or Budget("Dataverse", ids, Allowance(concurrency, 6000)),
        throttle_codes=["too_many"],
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


def test_a_request_that_is_held_up_after_its_turn_is_not_sent(service: WebService) -> None:
    """Others may have done the same since."""
    time = FakeTime()
    budget = Budget("Dataverse", ["one"], Allowance(5, 6000), monotonic=time.monotonic)
    pool = open_pool(service.transport, HeldUp("one", time=time), budget=budget)
    budget.grant({"one": Allowance(5, 6000)}, 8.0)
    time.advance(1.0)
    with pytest.raises(Retry, match="nothing was sent") as raised:
        pool.send("POST", "https://x.test", writes=True)
    assert not isinstance(raised.value, OutcomeUnknown)
    assert service.requests == []
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


def test_a_refused_request_is_sent_once_more_with_another_credential(service: WebService, pool: HttpPool) -> None:
    service.reply(httpx2.Response(429, headers={"Retry-After": "60"}), httpx2.Response(200), httpx2.Response(200))
    assert pool.send("POST", "https://x.test", writes=True).status_code == 200
    first, second = (request.headers["authorization"] for request in service.requests)
    assert first == second == "Bearer token 1"  # the first token of each
    assert pool.send("GET", "https://x.test").status_code == 200
    with pytest.raises(Retry, match="used up") as raised:
        pool.send("GET", "https://x.test", credential=0)
    assert raised.value.after is not None
    assert raised.value.after > 50


def test_a_request_that_every_credential_is_refused_is_answered_so(service: WebService, pool: HttpPool) -> None:
    service.reply(*(httpx2.Response(429, headers={"Retry-After": "60"}) for _ in range(2)))
    assert pool.send("GET", "https://x.test").status_code == 429
    assert len(service.requests) == 2


@pytest.mark.parametrize(
    ("status", "headers", "document", "refused"),
    [
        (429, {}, None, 1),
        (503, {"Retry-After": "5"}, None, 1),
        (503, {}, None, 0),
        (400, {}, {"error": {"code": "too_many"}}, 1),
        (400, {}, {"error": {"code": "other"}}, 0),
        (200, {}, {"error": {"code": "too_many"}}, 0),
    ],
)
def test_what_counts_as_too_many_requests(
    service: WebService, status: int, headers: dict[str, str], document: object, refused: int
) -> None:
    budget = Budget("Dataverse", ["one"], Allowance(5, 6000))
    pool = open_pool(service.transport, Tokens("one"), budget=budget)
    service.reply(httpx2.Response(status, headers=headers, json=document))
    pool.send("GET", "https://x.test")
    assert budget.usage()["one"].refused == refused
    assert budget.usage()["one"].at_once == 0
    pool.close()


def test_parts_of_a_batch_that_are_too_many_slow_down_its_credential(service: WebService) -> None:
    budget = Budget("Dataverse", ["one"], Allowance(5, 6000))
    pool = open_pool(service.transport, Tokens("one"), budget=budget)
    service.reply(httpx2.Response(200), httpx2.Response(200))
    fine = pool.send("POST", "https://x.test")
    pool.heard(fine, [answer(200), answer(412)])
    assert budget.usage()["one"].pace == 1.0
    some = pool.send("POST", "https://x.test")
    pool.heard(some, [answer(200), answer(429, {"Retry-After": "7"}), answer(429, {"Retry-After": "9"})])
    usage = budget.usage()["one"]
    assert (usage.refused, usage.paused > 8) == (1, True)
    pool.close()


def test_a_place_is_given_back_whatever_becomes_of_the_request(service: WebService) -> None:
    budget = Budget("Dataverse", ["one"], Allowance(5, 6000))
    pool = open_pool(service.transport, Tokens("one"), budget=budget)
    service.reply(httpx2.ConnectError("refused"), httpx2.ReadTimeout("late"))
    for kind in (Retry, OutcomeUnknown):
        with pytest.raises(kind):
            pool.send("POST", "https://x.test", writes=True)
    assert budget.usage()["one"].at_once == 0
    pool.close()
