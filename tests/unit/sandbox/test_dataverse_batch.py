"""Multipart batches of Dataverse."""

import json
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from tests.unit.sandbox.clients import System

MISSING = "/api/data/v9.2/accounts(22222222-2222-2222-2222-222222222222)"
ACCOUNTS = "/api/data/v9.2/accounts"


@dataclass
class Operation:
    """One operation, written out."""

    method: str
    url: str
    body: Any = None
    headers: str = ""
    content_id: str = ""

    def text(self) -> str:
        lines = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
        if self.content_id:
            lines.append(f"Content-ID: {self.content_id}")
        lines += ["", f"{self.method} {self.url} HTTP/1.1", "Content-Type: application/json"]
        lines += [line for line in self.headers.splitlines() if line]
        return "\r\n".join([*lines, "", "" if self.body is None else json.dumps(self.body)])


def multipart(parts: list[str], boundary: str) -> str:
    return "".join(f"--{boundary}\r\n{part}\r\n" for part in parts) + f"--{boundary}--\r\n"


def change_set(*operations: Operation) -> str:
    inner = multipart([operation.text() for operation in operations], "changeset_1")
    return f"Content-Type: multipart/mixed; boundary=changeset_1\r\n\r\n{inner}"


def send(dv: System, *parts: Operation | str, line_end: str = "\r\n", **headers: str) -> httpx2.Response:
    texts = [part if isinstance(part, str) else part.text() for part in parts]
    content = multipart(texts, "batch_1").replace("\r\n", line_end).encode()
    sent = {"content-type": 'multipart/mixed; boundary="batch_1"'} | headers
    return dv.request("POST", "$batch", content=content, headers=sent)


def statuses(answer: httpx2.Response) -> list[int]:
    """Status lines inside the answer, in order."""
    lines = answer.text.split("\r\n")
    return [int(line.split(" ")[1]) for line in lines if line.startswith("HTTP/1.1 ")]


def creating(name: str = "Nord AS", content_id: str = "") -> Operation:
    return Operation("POST", ACCOUNTS, {"name": name}, content_id=content_id)


def found(dv: System, name: str) -> int:
    return len(dv.value(f"accounts?$filter=name eq '{name}'"))


def test_operations_are_answered_in_order(dv: System) -> None:
    answer = send(dv, creating("Batch One"), Operation("GET", f"{ACCOUNTS}?$top=1&$select=name"))
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("multipart/mixed; boundary=batchresponse_")
    assert statuses(answer) == [204, 200]
    assert "OData-EntityId: http" in answer.text
    assert found(dv, "Batch One") == 1


def test_without_continue_on_error_the_outer_status_is_the_first_failure(dv: System) -> None:
    answer = send(dv, creating(), Operation("GET", MISSING), creating("Never"))
    assert answer.status_code == 404
    assert statuses(answer) == [204, 404]
    assert "0x80040217" in answer.text
    assert found(dv, "Never") == 0


def test_with_continue_on_error_everything_is_carried_out(dv: System) -> None:
    answer = send(dv, Operation("GET", MISSING), creating("Later"), prefer="odata.continue-on-error")
    assert answer.status_code == 200
    assert statuses(answer) == [404, 204]
    assert found(dv, "Later") == 1


def test_a_change_set_refers_to_what_it_has_made(dv: System) -> None:
    contact = {"lastname": "Batchson", "parentcustomerid_account@odata.bind": "$1"}
    answer = send(
        dv,
        change_set(
            creating("Parent", content_id="1"),
            Operation("POST", "/api/data/v9.2/contacts", contact, content_id="2"),
            Operation("PATCH", "$1", {"telephone1": "1"}, content_id="3"),
        ),
    )
    assert statuses(answer) == [204, 204, 204]
    assert "changesetresponse_" in answer.text
    assert "Content-ID: 2" in answer.text
    parent = dv.value("accounts?$filter=name eq 'Parent'")[0]
    child = dv.value("contacts?$filter=lastname eq 'Batchson'")[0]
    assert child["_parentcustomerid_value"] == parent["accountid"]
    assert parent["telephone1"] == "1"


def test_a_failed_change_set_is_one_answer_and_no_change(dv: System) -> None:
    failing = change_set(creating("Undone", content_id="1"), Operation("PATCH", MISSING, {}, "If-Match: *", "2"))
    answer = send(dv, failing, creating("Besides"), prefer="odata.continue-on-error")
    assert statuses(answer) == [404, 204]
    assert (found(dv, "Undone"), found(dv, "Besides")) == (0, 1)


@pytest.mark.parametrize(
    "part",
    [change_set(Operation("GET", ACCOUNTS, content_id="1")), Operation("POST", "/api/data/v9.2/$batch", {})],
)
def test_what_a_batch_cannot_hold_is_refused(dv: System, part: Operation | str) -> None:
    assert send(dv, part).status_code == 400


def test_lines_must_end_with_carriage_return_and_line_feed(dv: System) -> None:
    answer = send(dv, creating("Unix"), line_end="\n")
    assert answer.status_code == 400
    assert found(dv, "Unix") == 0


def test_another_content_type_is_refused(dv: System) -> None:
    assert dv.post("$batch", {"requests": []}).status_code == 415


def test_more_than_a_thousand_operations_are_refused(dv: System) -> None:
    answer = send(dv, *[creating("Too many")] * 1001)
    assert answer.status_code == 400
    assert found(dv, "Too many") == 0


def test_addresses_may_be_relative_or_absolute(dv: System) -> None:
    answer = send(dv, Operation("GET", "WhoAmI"), Operation("GET", f"{dv.root}/WhoAmI"))
    assert statuses(answer) == [200, 200]


def test_a_tag_marks_an_operation_by_its_address(dv: System) -> None:
    assert statuses(send(dv, Operation("POST", f"{ACCOUNTS}?tag=mine", {"name": "Tagged"}))) == [204]
    assert found(dv, "Tagged") == 1
