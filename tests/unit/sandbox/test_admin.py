"""Commanding a sandbox from outside, over ``/_sandbox/``."""

from collections.abc import Iterator

import httpx2
import pytest

from systems.sandbox import Sandbox
from tests.support.eventually import eventually
from tests.unit.sandbox.clients import System
from tests.unit.sandbox.receiver import Receiver


@pytest.fixture
def admin(sandbox: Sandbox) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=f"{sandbox.dataverse.origin}/_sandbox/", trust_env=False, verify=False) as client:
        yield client
        client.delete("faults")
        client.delete("webhooks")
        client.put("limits", json={})


def test_rows_are_changed_as_a_user_does(admin: httpx2.Client, sandbox: Sandbox) -> None:
    row = admin.post("rows/accounts", json={"name": "Nord AS"}).json()
    path = f"rows/accounts/{row['accountid']}"
    assert admin.patch(path, json={"name": "Sør AS"}).json()["name"] == "Sør AS"
    assert admin.get(path).json()["_modifiedby_value"] != sandbox.client.user.id
    assert row["accountid"] in [found["accountid"] for found in admin.get("rows/accounts").json()["value"]]
    assert admin.delete(path).status_code == 204
    assert admin.get(path).status_code == 404


def test_faults_are_ordered_and_listed(admin: httpx2.Client, dv: System) -> None:
    assert admin.post("faults", json={"status": 500, "count": 2, "path": "WhoAmI"}).status_code == 204
    assert dv.get("WhoAmI").status_code == 500
    assert [fault["count"] for fault in admin.get("faults").json()] == [1]
    admin.delete("faults")
    assert dv.get("WhoAmI").status_code == 200


def test_the_log_is_read_and_cleared(admin: httpx2.Client, dv: System) -> None:
    admin.delete("requests")
    dv.get("WhoAmI")
    assert [entry["path"] for entry in admin.get("requests").json()] == ["/api/data/v9.2/WhoAmI"]


def test_limits_and_latency_are_set(admin: httpx2.Client, dv: System) -> None:
    assert admin.put("limits", json={"requests": 1, "window": 60}).status_code == 204
    assert admin.put("latency", json={"mean": 0.001}).status_code == 204
    assert [dv.get("WhoAmI").status_code for _ in range(2)] == [200, 429]


def test_webhooks_are_registered(admin: httpx2.Client, sandbox: Sandbox, receiver: Receiver) -> None:
    webhook = {"url": f"{receiver.url}?code=s3cret", "tables": ["account"]}
    assert admin.post("webhooks", json=webhook).status_code == 204
    assert [known["url"] for known in admin.get("webhooks").json()] == [webhook["url"]]
    sandbox.dataverse.insert("accounts", {"name": "Nord AS"})
    admin.post("deliveries")
    eventually(lambda: receiver.received)
    assert receiver.received[0].query == "code=s3cret"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "nonsense", None, 404),
        ("GET", "rows/nonsense", None, 404),
        ("POST", "rows/accounts", {"nonsense": 1}, 400),
        ("POST", "rows/accounts", [], 400),
        ("POST", "faults", {"status": "many"}, 400),
        ("POST", "faults", {"path": "("}, 400),
    ],
)
def test_what_cannot_be_done_is_said(admin: httpx2.Client, method: str, path: str, body: object, status: int) -> None:
    assert admin.request(method, path, json=body).status_code == status
