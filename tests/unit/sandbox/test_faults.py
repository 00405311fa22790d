"""Faults on command, limits, latency and the request log: what makes both systems troublesome on demand."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from systems.sandbox import BusinessCentralSettings, DataverseSettings, Sandbox, SandboxSettings
from systems.sandbox.business_central.quirks import Quirks
from systems.sandbox.faults import Fault
from systems.sandbox.latency import Delays, Latency
from systems.sandbox.limits import Limits
from tests.support.eventually import eventually
from tests.unit.sandbox import clients
from tests.unit.sandbox.clients import System, error

MISSING = "22222222-2222-2222-2222-222222222222"


@pytest.fixture(autouse=True)
def none_left(sandbox: Sandbox) -> None:
    sandbox.business_central.faults.clear()
    sandbox.dataverse.faults.clear()


def test_the_next_requests_that_match_fail(sandbox: Sandbox, bc: System) -> None:
    sandbox.business_central.fail(Fault(status=503, count=2, method="GET", path=r"/customers\b", retry_after=7))
    assert bc.get("vendors").status_code == 200
    first, second, third = (bc.get("customers") for _ in range(3))
    assert [first.status_code, second.status_code, third.status_code] == [503, 503, 200]
    assert first.headers["retry-after"] == "7"
    assert first.headers["content-type"] == "text/html"


def test_matching_requests_may_be_let_through_first(sandbox: Sandbox, dv: System) -> None:
    sandbox.dataverse.fail(Fault(status=500, skip=2))
    assert [dv.get("WhoAmI").status_code for _ in range(4)] == [200, 200, 500, 200]


def test_a_fault_before_the_work_leaves_nothing(sandbox: Sandbox, dv: System) -> None:
    before = sandbox.dataverse.count("accounts")
    sandbox.dataverse.fail(Fault(outcome="drop", method="POST"))
    with pytest.raises(httpx2.TransportError):
        dv.post("accounts", {"name": "Lost"})
    assert sandbox.dataverse.count("accounts") == before


@pytest.mark.parametrize("outcome", ["drop", "hang"])
def test_an_answer_is_lost_after_the_work(sandbox: Sandbox, dv: System, outcome: str) -> None:
    sandbox.dataverse.fail(Fault(outcome="drop" if outcome == "drop" else "hang", after=True, seconds=0.05))
    before = sandbox.dataverse.count("accounts")
    with pytest.raises(httpx2.TransportError):
        dv.post("accounts", {"name": "Done"})
    assert sandbox.dataverse.count("accounts") == before + 1
    assert sandbox.dataverse.requests.entries(method="POST")[-1].status == 0


def test_a_hanging_request_ends_when_the_client_leaves(sandbox: Sandbox, bc: System) -> None:
    sandbox.business_central.fail(Fault(outcome="hang"))
    count = sandbox.business_central.requests.count
    with httpx2.Client(trust_env=False) as http, pytest.raises(httpx2.ReadTimeout):
        http.get(f"{bc.root}/customers", headers={"authorization": f"Bearer {bc.token}"}, timeout=0.05)
    eventually(lambda: sandbox.business_central.requests.count > count)


def test_one_operation_inside_a_batch_fails(sandbox: Sandbox, bc: System, bc_root: System) -> None:
    sandbox.business_central.fail(Fault(status=429, part=True, method="POST", path="customers", skip=1))
    company = bc.root.rpartition("/")[2]
    operations = [
        {"id": name, "method": "POST", "url": f"{company}/customers", "body": {"displayName": name}} for name in "abc"
    ]
    answer = bc_root.post("$batch", {"requests": operations}, prefer="odata.continue-on-error")
    assert [part["status"] for part in answer.json()["responses"]] == [201, 429, 201]
    assert bc.value("customers?$filter=displayName eq 'b'") == []


def test_an_operation_inside_a_batch_can_only_fail_with_a_status() -> None:
    with pytest.raises(ValueError, match="status"):
        Fault(outcome="drop", part=True)


@pytest.fixture
def now() -> list[datetime]:
    return [datetime(2026, 11, 22, 10, tzinfo=UTC)]


def limited(
    now: list[datetime], limits: Limits, latency: Latency | None = None, quirks: Quirks | None = None
) -> SandboxSettings:
    slow = latency or Latency()
    return SandboxSettings(
        clock=lambda: now[0],
        token_lifetime=timedelta(days=1),
        business_central=BusinessCentralSettings(limits=limits, latency=slow, quirks=quirks or Quirks()),
        dataverse=DataverseSettings(limits=limits, latency=slow),
    )


def test_too_many_requests_in_a_window_are_refused_until_it_has_passed(now: list[datetime]) -> None:
    with (
        Sandbox(limited(now, Limits(requests=3))) as sandbox,
        clients.business_central(sandbox) as bc,
        clients.dataverse(sandbox) as dv,
    ):
        assert [bc.get("customers").status_code for _ in range(4)] == [200, 200, 200, 429]
        refused = bc.get("customers")
        assert error(refused) == (429, "Application_TooManyRequests")
        assert "retry-after" not in refused.headers
        left = [dv.get("WhoAmI").headers["x-ms-ratelimit-burst-remaining-xrm-requests"] for _ in range(3)]
        assert left == ["2", "1", "0"]
        now[0] += timedelta(minutes=1)
        refused = dv.get("WhoAmI")
        assert error(refused) == (429, "0x80072322")
        assert refused.headers["retry-after"] == "240"
        now[0] += timedelta(minutes=4)
        assert bc.get("customers").status_code == 200
        assert dv.get("WhoAmI").status_code == 200


def test_business_central_may_name_a_wait(now: list[datetime]) -> None:
    settings = limited(now, Limits(requests=0), quirks=Quirks(throttling_names_a_wait=True))
    with Sandbox(settings) as sandbox, clients.business_central(sandbox) as bc:
        assert int(bc.get("customers").headers["retry-after"]) > 0


def test_execution_time_is_limited(now: list[datetime]) -> None:
    settings = limited(now, Limits(execution_time=timedelta(milliseconds=1)), Latency(mean=0.01))
    with Sandbox(settings) as sandbox, clients.dataverse(sandbox) as dv:
        assert dv.get("WhoAmI").status_code == 200
        assert error(dv.get("WhoAmI")) == (429, "0x80072321")


def at_once(count: int, call: Callable[[], httpx2.Response]) -> list[int]:
    start = threading.Barrier(count)

    def one(_: int) -> int:
        start.wait()
        return call().status_code

    with ThreadPoolExecutor(count) as pool:
        return sorted(pool.map(one, range(count)))


def test_concurrent_requests_are_refused_or_queued(now: list[datetime]) -> None:
    with (
        Sandbox(limited(now, Limits(concurrent=2, queued=1), Latency(mean=0.3))) as sandbox,
        clients.dataverse(sandbox) as dv,
    ):
        started = time.monotonic()
        assert at_once(4, lambda: dv.get("WhoAmI")) == [200, 200, 200, 429]
        assert time.monotonic() - started > 0.55
        sandbox.dataverse.set_limits(Limits())
        assert at_once(4, lambda: dv.get("WhoAmI")) == [200, 200, 200, 200]


def test_delays_are_the_same_for_the_same_seed() -> None:
    def first(seed: int) -> list[float]:
        delays = Delays(Latency(mean=0.1, jitter=0.1, seed=seed))
        return [delays.next() for _ in range(50)]

    assert first(1) == first(1)
    assert first(1) != first(2)
    assert min(first(1)) >= 0
    assert 0.05 < sum(first(1)) / 50 < 0.2


def test_the_log_shows_requests_and_what_was_inside_batches(sandbox: Sandbox, bc: System, bc_root: System) -> None:
    log = sandbox.business_central.requests
    log.clear()
    bc.get("customers?$top=1")
    company = bc.root.rpartition("/")[2]
    operations = [
        {"id": "a", "method": "GET", "url": f"{company}/vendors"},
        {"id": "b", "method": "GET", "url": f"{company}/customers({MISSING})"},
    ]
    bc_root.post("$batch", {"requests": operations})
    assert log.count == 2
    single, batch = log.entries()
    assert (single.method, single.status, single.user) == ("GET", 200, sandbox.client.user.id)
    assert single.path.endswith("/customers?$top=1")
    assert batch.size > 100
    assert [part.status for part in batch.parts] == [200, 404]
    assert [part.url.rpartition("/")[2] for part in log.operations(method="GET")] == [
        "customers?$top=1",
        "vendors",
        f"customers({MISSING})",
    ]
    assert [entry.path for entry in log.entries(method="POST")] == [batch.path]


def test_an_unauthorized_request_is_logged_without_a_user(sandbox: Sandbox, dv: System) -> None:
    dv.request("GET", "WhoAmI", headers={"authorization": "Bearer nonsense"})
    last = sandbox.dataverse.requests.entries()[-1]
    assert (last.user, last.status) == ("", 401)
