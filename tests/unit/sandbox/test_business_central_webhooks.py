"""Subscriptions and notifications of Business Central."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from systems.sandbox import BusinessCentralSettings, Sandbox, SandboxSettings
from systems.sandbox.business_central.quirks import Quirks
from systems.sandbox.business_central.subscriptions import WebhookSettings
from tests.support.eventually import eventually
from tests.unit.sandbox import clients
from tests.unit.sandbox.clients import System, error
from tests.unit.sandbox.receiver import Receiver

IN_TIME = 5.0


@pytest.fixture(autouse=True)
def none_left(sandbox: Sandbox) -> Iterator[None]:
    yield
    sandbox.business_central.forget_subscriptions()


def wanted(sandbox: Sandbox, receiver: Receiver, entity_set: str = "customers", api: str = "v2.0") -> dict[str, str]:
    resource = f"/api/{api}/companies({sandbox.business_central.company_id})/{entity_set}"
    return {"notificationUrl": receiver.url, "resource": resource, "clientState": "s3cret"}


def subscribed(bc_root: System, sandbox: Sandbox, receiver: Receiver, entity_set: str = "customers") -> dict[str, Any]:
    answer = bc_root.post("subscriptions", wanted(sandbox, receiver, entity_set))
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


@contextmanager
def started(
    webhooks: WebhookSettings, quirks: Quirks | None = None, clock: Callable[[], datetime] | None = None
) -> Iterator[tuple[Sandbox, System]]:
    business_central = BusinessCentralSettings(webhooks=webhooks, quirks=quirks or Quirks())
    settings = SandboxSettings(business_central=business_central)
    if clock is not None:
        settings = SandboxSettings(business_central=business_central, clock=clock)
    with Sandbox(settings) as sandbox, clients.business_central(sandbox, company=False) as bc_root:
        yield sandbox, bc_root


def seen(receiver: Receiver, count: int) -> list[tuple[str, str]]:
    """Kind and id of so many entries, once they have come."""
    eventually(lambda: len(receiver.entries()) >= count, within=IN_TIME)
    return [(entry["changeType"], entry["resource"][-37:-1]) for entry in receiver.entries()]


def test_a_subscription_is_made_after_a_handshake(bc_root: System, sandbox: Sandbox, receiver: Receiver) -> None:
    made = subscribed(bc_root, sandbox, receiver)
    assert receiver.handshakes == ["POST"]
    assert len(made["subscriptionId"]) == 32
    assert made["clientState"] == "s3cret"
    assert bc_root.value("subscriptions") == [{name: value for name, value in made.items() if name != "@odata.context"}]


def test_without_the_token_in_the_answer_there_is_no_subscription(
    bc_root: System, sandbox: Sandbox, receiver: Receiver
) -> None:
    receiver.echoes = False
    assert error(bc_root.post("subscriptions", wanted(sandbox, receiver))) == (400, "BadRequest")
    assert sandbox.business_central.subscriptions == []


def test_a_receiver_that_cannot_be_reached_is_refused(bc_root: System, sandbox: Sandbox, receiver: Receiver) -> None:
    body = wanted(sandbox, receiver) | {"notificationUrl": "http://127.0.0.1:1/hook"}
    assert bc_root.post("subscriptions", body).status_code == 400


@pytest.mark.parametrize(
    "changed",
    [
        {"resource": "/api/v2.0/companies(11111111-1111-4111-8111-111111111111)/nonsense"},
        {"resource": "/api/contoso/crm/v1.0/companies(11111111-1111-4111-8111-111111111111)/customerCards"},
        {"resource": "/api/v2.0/customers"},
        {"notificationUrl": "ftp://example.com"},
        {"clientState": "x" * 2049},
        {"unknown": "x"},
    ],
)
def test_a_subscription_is_refused(
    bc_root: System, sandbox: Sandbox, receiver: Receiver, changed: dict[str, str]
) -> None:
    assert bc_root.post("subscriptions", wanted(sandbox, receiver) | changed).status_code == 400


def test_a_pair_of_address_and_resource_is_unique(bc_root: System, sandbox: Sandbox, receiver: Receiver) -> None:
    subscribed(bc_root, sandbox, receiver)
    again = bc_root.post("subscriptions", wanted(sandbox, receiver))
    assert error(again) == (400, "Internal_EntityWithSameKeyExists")


def test_custom_pages_are_subscribed_under_their_own_root(sandbox: Sandbox, receiver: Receiver) -> None:
    with clients.business_central(sandbox, "contoso/crm/v1.0", company=False) as custom:
        body = wanted(sandbox, receiver, "customerCards", "contoso/crm/v1.0")
        assert custom.post("subscriptions", body).status_code == 201
        customer = sandbox.business_central.insert("customers", {"displayName": "Nord AS"})
        assert seen(receiver, 1) == [("created", customer["id"])]
        assert "/contoso/crm/v1.0/" in receiver.entries()[0]["resource"]


def test_renewing_shakes_hands_again_and_needs_the_etag(receiver: Receiver) -> None:
    now = [datetime(2026, 11, 22, 10, tzinfo=UTC)]
    with started(WebhookSettings(), clock=lambda: now[0]) as (sandbox, bc_root):
        made = subscribed(bc_root, sandbox, receiver)
        assert made["expirationDateTime"] == "2026-11-25T10:00:00Z"
        now[0] += timedelta(minutes=30)
        address = f"subscriptions('{made['subscriptionId']}')"
        assert error(bc_root.patch(address, {})) == (400, "BadRequest_InvalidToken")
        renewed = bc_root.patch(address, {}, if_match=made["@odata.etag"])
        assert renewed.json()["expirationDateTime"] == "2026-11-25T10:30:00Z"
        assert len(receiver.handshakes) == 2
        assert error(bc_root.delete(address, if_match=made["@odata.etag"])) == (409, "Request_EntityChanged")
        assert bc_root.delete(address, if_match="*").status_code == 204
        assert bc_root.get(address).status_code == 404


def test_a_subscription_ends_after_three_days(receiver: Receiver) -> None:
    now = [datetime(2026, 11, 22, 10, tzinfo=UTC)]
    with started(WebhookSettings(), clock=lambda: now[0]) as (sandbox, bc_root):
        subscribed(bc_root, sandbox, receiver)
        now[0] += timedelta(days=3)
        assert sandbox.business_central.subscriptions == []


def test_changes_of_all_subscriptions_of_a_receiver_come_in_one_post(
    bc_root: System, sandbox: Sandbox, receiver: Receiver
) -> None:
    for entity_set in ("customers", "vendors"):
        subscribed(bc_root, sandbox, receiver, entity_set)
    system = sandbox.business_central
    with system.store.transaction():
        customer = system.insert("customers", {"displayName": "Nord AS"})["id"]
        vendor = system.insert("vendors", {"displayName": "Sør AS"})["id"]
        system.update("customers", customer, {"city": "Oslo"})
        system.update("customers", customer, {"city": "Bergen"})
        system.delete("vendors", vendor)
    assert sorted(seen(receiver, 4)) == sorted(
        [("created", customer), ("updated", customer), ("created", vendor), ("deleted", vendor)]
    )
    assert len(receiver.received) == 1
    post = receiver.received[0]
    assert post.headers["clientrequestid"] == post.headers["x-ms-correlation-id"]
    entry = receiver.entries()[0]
    assert entry["clientState"] == "s3cret"
    assert entry["resource"].startswith("/api/v2.0/companies(")
    assert entry.keys().isdisjoint({"userId", "initiatingAadUserId"})


def test_a_change_through_the_api_is_told_too(
    bc_root: System, bc: System, sandbox: Sandbox, receiver: Receiver
) -> None:
    subscribed(bc_root, sandbox, receiver)
    row = bc.post("customers", {"displayName": "Nord AS"}).json()
    assert seen(receiver, 1) == [("created", row["id"])]
    told = receiver.entries()[0]["lastModifiedDateTime"]
    assert told < row["lastModifiedDateTime"]


def test_a_patch_without_effect_tells_nobody(bc_root: System, bc: System, sandbox: Sandbox, receiver: Receiver) -> None:
    row = bc.post("customers", {"displayName": "Nord AS"}).json()
    subscribed(bc_root, sandbox, receiver)
    bc.patch(f"customers({row['id']})", {"displayName": "Nord AS"}, if_match="*")
    other = bc.post("customers", {"displayName": "Marker AS"}).json()
    assert seen(receiver, 1) == [("created", other["id"])]


def test_what_was_rolled_back_is_not_told(bc_root: System, bc: System, sandbox: Sandbox, receiver: Receiver) -> None:
    subscribed(bc_root, sandbox, receiver)
    company = bc.root.rpartition("/")[2]
    operations = [
        {"id": "a", "method": "POST", "url": f"{company}/customers", "body": {"displayName": "Undone AS"}},
        {"id": "b", "method": "GET", "url": f"{company}/customers(22222222-2222-2222-2222-222222222222)"},
    ]
    bc_root.post("$batch", {"requests": operations}, isolation="snapshot")
    marker = bc.post("customers", {"displayName": "Marker AS"}).json()
    assert seen(receiver, 1) == [("created", marker["id"])]


@pytest.mark.parametrize("with_delete", [False, True])
def test_too_many_changes_become_one_collection(receiver: Receiver, with_delete: bool) -> None:
    with started(WebhookSettings(delay=30.0, collection_threshold=3)) as (sandbox, bc_root):
        subscribed(bc_root, sandbox, receiver)
        system = sandbox.business_central
        ids = [system.insert("customers", {"displayName": f"Firm {number}"})["id"] for number in range(4)]
        if with_delete:
            system.delete("customers", ids[0])
        assert receiver.received == []
        system.deliver_now()
        entries = eventually(receiver.entries, within=IN_TIME)
        assert [entry["changeType"] for entry in entries] == ["collection"]
        resource, _, query = entries[0]["resource"].partition("?")
        assert resource.endswith("/customers")
        assert query.startswith("$filter=lastModifiedDateTime%20gt%202") is not with_delete
        if not with_delete:
            found = bc_root.value(f"{bc_root.root}/companies({system.company_id})/customers?{query}")
            assert len(found) == 4


@pytest.mark.parametrize("status", [500, 503, 408, 429])
def test_a_notification_is_tried_again_after_a_passing_failure(
    bc_root: System, sandbox: Sandbox, receiver: Receiver, status: int
) -> None:
    subscribed(bc_root, sandbox, receiver)
    receiver.statuses = [status, status]
    sandbox.business_central.insert("customers", {"displayName": "Nord AS"})
    eventually(lambda: len(receiver.received) == 3, within=IN_TIME)
    assert len({post.body for post in receiver.received}) == 1
    assert len(sandbox.business_central.subscriptions) == 1


@pytest.mark.parametrize("status", [400, 401, 404, 413])
def test_any_other_failure_deletes_the_subscription(
    bc_root: System, sandbox: Sandbox, receiver: Receiver, status: int
) -> None:
    subscribed(bc_root, sandbox, receiver)
    receiver.statuses = [status]
    sandbox.business_central.insert("customers", {"displayName": "Nord AS"})
    eventually(lambda: not sandbox.business_central.subscriptions, within=IN_TIME)
    assert len(receiver.received) == 1


def test_the_sixth_failed_attempt_deletes_the_subscription(receiver: Receiver) -> None:
    with started(WebhookSettings(delay=0.0, retry_factor=0.0)) as (sandbox, bc_root):
        subscribed(bc_root, sandbox, receiver)
        receiver.statuses = [503] * 10
        sandbox.business_central.insert("customers", {"displayName": "Nord AS"})
        eventually(lambda: not sandbox.business_central.subscriptions, within=IN_TIME)
        assert len(receiver.received) == 6


def test_a_rename_may_be_told_as_deletion_and_creation(receiver: Receiver) -> None:
    quirks = Quirks(rename_is_delete_and_create=True)
    with started(WebhookSettings(delay=0.05), quirks) as (sandbox, bc_root):
        row = sandbox.business_central.insert("customers", {"displayName": "Nord AS"})
        subscribed(bc_root, sandbox, receiver)
        sandbox.business_central.update("customers", row["id"], {"number": "NEW"})
        assert seen(receiver, 2) == [("deleted", row["id"]), ("created", row["id"])]


def test_what_can_be_subscribed_to_is_listed(sandbox: Sandbox) -> None:
    with clients.business_central(sandbox, "microsoft/runtime/beta") as runtime:
        listed = [row["resource"] for row in runtime.value("webhookSupportedResources?$filter=resource eq 'v2.0*'")]
        assert "v2.0/contacts" in listed
        assert all(resource.startswith("v2.0/") for resource in listed)


def test_tables_that_documentation_leaves_out_may_not_be_subscribed_to(receiver: Receiver) -> None:
    with started(WebhookSettings(), Quirks(undocumented_webhooks=False)) as (sandbox, bc_root):
        assert bc_root.post("subscriptions", wanted(sandbox, receiver, "contacts")).status_code == 400
        assert bc_root.post("subscriptions", wanted(sandbox, receiver, "customers")).status_code == 201


def test_the_handshake_may_be_a_get(receiver: Receiver) -> None:
    with started(WebhookSettings(), Quirks(handshake_method="GET")) as (sandbox, bc_root):
        subscribed(bc_root, sandbox, receiver)
        assert receiver.handshakes == ["GET"]
