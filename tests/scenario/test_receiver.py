"""What is posted to the receiver: known senders and strangers, sense and nonsense, single changes and whole tables."""

from pathlib import Path
from typing import Any

import httpx2
import pytest

from schemas import json_codec
from systems.tls import tls_context
from tests.support.command_line import CommandLine
from tests.support.mapping_files import standard_mappings
from tests.support.stack import CLIENT_STATE, WEBHOOK_KEY, Arrangement, Stack
from tests.support.steps import customer_pair

_THRESHOLD = 5


@pytest.fixture(scope="module")
def arrangement(tmp_path_factory: pytest.TempPathFactory) -> Arrangement:
    """A few changes at once are notified as a whole table's."""
    mappings = standard_mappings(tmp_path_factory.mktemp("mappings"), {"CUSTOMER": {"deletion_conflict": "delete"}})
    return Arrangement((mappings,), collection_threshold=_THRESHOLD)


@pytest.mark.parametrize("path", ["/business-central", f"/dataverse?code={WEBHOOK_KEY}"])
def test_garbage_becomes_a_dead_letter_and_can_be_tried_again(own_stack: Stack, path: str, tmp_path: Path) -> None:
    stack = own_stack
    assert _post(stack, path, b"\xff not JSON").status_code == 202
    stack.settle()
    (letter,) = stack.dead_letters()
    assert letter.body == b"\xff not JSON"
    assert letter.text

    answer = _command_line(stack, tmp_path)("dead-letters", "retry", letter.id)
    assert answer.code == 0, answer.stderr
    stack.settle()
    (again,) = stack.dead_letters()
    assert (again.body, again.reason) == (letter.body, letter.reason)
    assert again.offset > letter.offset or again.partition != letter.partition


def test_one_bad_entry_of_a_notification_does_not_lose_the_others(own_stack: Stack) -> None:
    stack = own_stack
    customer, account = customer_pair(stack, "Adatum")
    stack.bc.forget_subscriptions()
    stack.bc.update("customers", customer, {"city": "Basel"})
    good = {
        "clientState": CLIENT_STATE,
        "resource": f"api/v2.0/companies({stack.bc.company_id})/customers({customer})",
        "changeType": "updated",
        "lastModifiedDateTime": "2026-11-22T10:00:00Z",
        "subscriptionId": "1",
    }
    bad = good | {"changeType": "vanished"}
    _post(stack, "/business-central", json_codec.encode({"value": [bad, good]}))
    stack.settle()
    assert stack.dv.row("accounts", account)["address1_city"] == "Basel"
    (letter,) = stack.dead_letters()
    assert "vanished" in letter.text
    assert CLIENT_STATE.encode() not in letter.body


def test_strangers_are_not_listened_to(stack: Stack) -> None:
    before = stack.dead_letters()
    entry = {"clientState": "wrong", "resource": "api/v2.0/companies(1)/customers(2)", "changeType": "updated"}
    assert _post(stack, "/business-central", json_codec.encode({"value": [entry]})).status_code == 202
    assert _post(stack, "/dataverse", b"{}").status_code == 401
    assert _post(stack, "/dataverse?code=wrong", b"{}").status_code == 401
    stack.settle()
    assert stack.requests() == 0
    assert stack.dead_letters() == before


def test_many_changes_at_once_arrive_by_a_sweep_of_the_table(stack: Stack) -> None:
    names = [f"Swept {number}" for number in range(_THRESHOLD * 4)]
    with stack.bc.store.transaction():
        for name in names:
            stack.bc.insert("customers", {"displayName": name})
    stack.settle()
    for name in names:
        assert len(stack.dv.rows("accounts", name=name)) == 1
    assert stack.bc.requests.entries(method="GET", path="lastModifiedDateTime"), "nothing was swept"


def test_many_deletions_at_once_arrive_by_a_sweep_of_the_table(stack: Stack) -> None:
    names = [f"Doomed {number}" for number in range(_THRESHOLD + 1)]
    customers = [stack.bc.insert("customers", {"displayName": name})["id"] for name in names]
    survivor, _ = customer_pair(stack, "Survivor")
    stack.settle()
    with stack.bc.store.transaction():
        for customer in customers:
            stack.bc.delete("customers", customer)
        stack.bc.update("customers", survivor, {"city": "Basel"})
    stack.settle()
    for name in names:
        assert not stack.dv.rows("accounts", name=name)
    assert stack.dv.rows("accounts", name="Survivor")[0]["address1_city"] == "Basel"


def test_a_change_that_is_told_of_many_times_is_made_once(stack: Stack) -> None:
    customer, account = customer_pair(stack, "Told Often")
    stack.forget_requests()
    stack.bc.update("customers", customer, {"city": "Basel"})
    entry = {
        "clientState": CLIENT_STATE,
        "resource": f"api/v2.0/companies({stack.bc.company_id})/customers({customer})",
        "changeType": "updated",
        "lastModifiedDateTime": "2026-11-22T10:00:00Z",
        "subscriptionId": "1",
    }
    for _ in range(5):
        _post(stack, "/business-central", json_codec.encode({"value": [entry] * 10}))
    stack.settle()
    assert stack.dv.row("accounts", account)["address1_city"] == "Basel"
    assert len(stack.writes("/accounts")) == 1


def _post(stack: Stack, path: str, body: bytes) -> httpx2.Response:
    with httpx2.Client(trust_env=False, verify=tls_context()) as http:
        return http.post(stack.receiver_url + path, content=body, headers={"content-type": "application/json"})


def _command_line(stack: Stack, folder: Path) -> CommandLine:
    """Commands over the stack's ledger."""
    command_line = CommandLine(folder, stack.sandbox)
    changes: dict[str, Any] = {"database": {"url": stack.settings.database.url}}
    password = stack.settings.database.secret("password")
    if password is not None:
        (folder / "password").write_text(password)
        changes["database"]["password_file"] = str(folder / "password")
    command_line.write(**changes)
    return command_line
