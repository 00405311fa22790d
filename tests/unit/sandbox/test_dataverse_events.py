"""Events of Dataverse: what receivers of its webhooks get."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas import json_codec
from systems.sandbox import DataverseSettings, Sandbox, SandboxSettings
from systems.sandbox.dataverse.quirks import Quirks
from systems.sandbox.dataverse.webhooks import EventSettings, Webhook
from tests.support.eventually import eventually
from tests.unit.sandbox.clients import System
from tests.unit.sandbox.receiver import Receiver

IN_TIME = 5.0


@pytest.fixture(autouse=True)
def none_left(sandbox: Sandbox) -> Iterator[None]:
    yield
    sandbox.dataverse.remove_webhooks()


def events(receiver: Receiver, count: int) -> list[dict[str, Any]]:
    """The first contexts, once so many have come."""
    eventually(lambda: len(receiver.received) >= count, within=IN_TIME)
    return [post.json() for post in receiver.received]


def attributes(context: Mapping[str, Any]) -> dict[str, Any]:
    target = context["InputParameters"][0]["value"]
    return {attribute["key"]: attribute["value"] for attribute in target["Attributes"]}


def test_a_new_row_is_told_with_its_submitted_columns(dv: System, sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.dataverse.register(Webhook(receiver.url, {"x-key": "s3cret"}))
    row = dv.post(
        "accounts?tag=mine:1",
        {"name": "Nord AS", "creditlimit": 500, "customertypecode": 3},
        prefer="return=representation",
    ).json()
    context = events(receiver, 1)[0]
    assert context["MessageName"] == "Create"
    assert (context["PrimaryEntityName"], context["PrimaryEntityId"]) == ("account", row["accountid"])
    assert context["InitiatingUserId"] == context["UserId"] == sandbox.client.user.id
    assert {"key": "tag", "value": "mine:1"} in context["SharedVariables"]
    told = attributes(context)
    assert told["name"] == "Nord AS"
    assert told["creditlimit"]["Value"] == 500
    assert told["customertypecode"]["Value"] == 3
    assert told["modifiedby"]["LogicalName"] == "systemuser"
    assert "telephone1" not in told
    headers = receiver.received[0].headers
    assert headers["x-key"] == "s3cret"
    assert headers["x-ms-dynamics-entity-name"] == "account"
    assert headers["x-ms-dynamics-request-name"] == "Create"


def test_a_change_tells_the_submitted_columns_only(dv: System, sandbox: Sandbox, receiver: Receiver) -> None:
    account = sandbox.dataverse.insert("accounts", {"name": "Nord AS"})
    contact = sandbox.dataverse.insert("contacts", {"firstname": "Kari", "lastname": "Berg"})
    sandbox.dataverse.register(Webhook(receiver.url))
    parent = {"parentcustomerid_account@odata.bind": f"/accounts({account['accountid']})"}
    dv.patch(f"contacts({contact['contactid']})", {"firstname": "Ola", "telephone1": None, **parent})
    told = attributes(events(receiver, 1)[0])
    assert told.keys() == {
        "firstname",
        "telephone1",
        "parentcustomerid",
        "fullname",
        "modifiedon",
        "modifiedby",
        "contactid",
    }
    assert told["telephone1"] is None
    assert told["fullname"] == "Ola Berg"
    assert told["parentcustomerid"]["LogicalName"] == "account"
    assert told["parentcustomerid"]["Id"] == account["accountid"]


def test_a_deletion_tells_a_reference_only(dv: System, sandbox: Sandbox, receiver: Receiver) -> None:
    account = sandbox.dataverse.insert("accounts", {"name": "Nord AS"})
    sandbox.dataverse.register(Webhook(receiver.url))
    dv.delete(f"accounts({account['accountid']})?tag=mine")
    context = events(receiver, 1)[0]
    target = context["InputParameters"][0]["value"]
    assert target["__type"].startswith("EntityReference:")
    assert "Attributes" not in target
    assert target["Id"] == account["accountid"]


def test_a_person_is_told_from_the_integration_user(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.dataverse.register(Webhook(receiver.url))
    sandbox.dataverse.insert("accounts", {"name": "Nord AS"})
    context = events(receiver, 1)[0]
    assert context["InitiatingUserId"] != sandbox.client.user.id
    assert not [variable for variable in context["SharedVariables"] if variable["key"] == "tag"]


def test_dates_are_milliseconds_and_slashes_escaped(receiver: Receiver) -> None:
    now = datetime(2026, 11, 22, 10, 0, 0, 123_000, tzinfo=UTC)
    settings = SandboxSettings(clock=lambda: now, dataverse=DataverseSettings(events=EventSettings(delay=0.0)))
    with Sandbox(settings) as sandbox:
        sandbox.dataverse.register(Webhook(receiver.url))
        sandbox.dataverse.insert("accounts", {"name": "Nord AS"})
        context = events(receiver, 1)[0]
        assert attributes(context)["modifiedon"] == "/Date(1795341600000)/"
        assert context["OperationCreatedOn"] == "/Date(1795341600123+0000)/"
        body = receiver.received[0].body
        assert b'"\\/Date(1795341600000)\\/"' in body
        assert not re.search(rb"(?<!\\)/", body)


def test_a_step_concerns_tables_messages_and_columns(sandbox: Sandbox, receiver: Receiver) -> None:
    step = Webhook(
        receiver.url,
        tables=frozenset({"account"}),
        messages=frozenset({"Update"}),
        filtering_columns=frozenset({"name"}),
    )
    sandbox.dataverse.register(step)
    sandbox.dataverse.insert("contacts", {"lastname": "Berg"})
    account = sandbox.dataverse.insert("accounts", {"name": "Nord AS"})["accountid"]
    sandbox.dataverse.update("accounts", account, {"telephone1": "1"})
    sandbox.dataverse.update("accounts", account, {"name": "Sør AS"})
    assert sandbox.dataverse.wait_until_delivered(IN_TIME)
    assert [attributes(context)["name"] for context in events(receiver, 1)] == ["Sør AS"]


def test_a_write_may_mute_its_own_event(dv: System, sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.dataverse.register(Webhook(receiver.url))
    mute = {"MSCRM.BypassBusinessLogicExecution": "CustomSync,CustomAsync"}
    assert dv.request("POST", "accounts", json={"name": "Muted"}, headers=mute).status_code == 204
    dv.post("accounts", {"name": "Loud"})
    assert sandbox.dataverse.wait_until_delivered(IN_TIME)
    assert [attributes(context)["name"] for context in events(receiver, 1)] == ["Loud"]


def test_what_was_undone_tells_nothing(dv: System, sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.dataverse.register(Webhook(receiver.url))
    with sandbox.dataverse.store.transaction() as transaction:
        sandbox.dataverse.insert("accounts", {"name": "Undone"})
        transaction.undone = True
    dv.post("accounts", {"name": "Done"})
    assert sandbox.dataverse.wait_until_delivered(IN_TIME)
    assert [attributes(context)["name"] for context in events(receiver, 1)] == ["Done"]


@pytest.mark.parametrize(("statuses", "attempts"), [([503, 503, 503], 2), ([502], 2), ([500], 1), ([404], 1)])
def test_only_gateway_failures_are_tried_again_and_once(
    sandbox: Sandbox, receiver: Receiver, statuses: list[int], attempts: int
) -> None:
    sandbox.dataverse.register(Webhook(receiver.url))
    receiver.statuses = statuses
    sandbox.dataverse.insert("accounts", {"name": "Nord AS"})
    assert sandbox.dataverse.wait_until_delivered(IN_TIME)
    assert len(receiver.received) == attempts
    assert len({post.json()["OperationId"] for post in receiver.received}) == 1


def test_a_message_that_is_too_large_loses_its_values(receiver: Receiver) -> None:
    settings = SandboxSettings(dataverse=DataverseSettings(events=EventSettings(delay=0.0, largest_body=2500)))
    with Sandbox(settings) as sandbox:
        sandbox.dataverse.register(Webhook(receiver.url, messages=frozenset({"Create"})))
        row = sandbox.dataverse.insert("accounts", {"name": "Nord AS", "description": "x" * 2000})
        context = events(receiver, 1)[0]
        assert "InputParameters" not in context
        assert context["PrimaryEntityId"] == row["accountid"]
        assert receiver.received[0].headers["x-ms-dynamics-msg-size-exceeded"] == "true"


def order_of(unordered: bool, within: Callable[[Sandbox], bool]) -> list[str]:
    told: list[str] = []
    quirks = Quirks(unordered_events=unordered)
    events = EventSettings(delay=0.05, jitter=0.05)
    settings = SandboxSettings(dataverse=DataverseSettings(quirks=quirks, events=events))
    with Sandbox(settings) as sandbox:
        sandbox.dataverse.register(Webhook(), lambda body, _: told.append(attributes(json_codec.decode(body))["name"]))
        for number in range(20):
            sandbox.dataverse.insert("accounts", {"name": f"{number:02}"})
        assert within(sandbox)
    return told


def test_events_come_in_order_unless_they_are_asked_not_to() -> None:
    expected = [f"{number:02}" for number in range(20)]
    assert order_of(False, lambda sandbox: sandbox.dataverse.wait_until_delivered(IN_TIME)) == expected
    shuffled = order_of(True, lambda sandbox: sandbox.dataverse.wait_until_delivered(IN_TIME))
    assert shuffled != expected
    assert sorted(shuffled) == expected
