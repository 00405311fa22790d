"""JSON batches of Business Central."""

from typing import Any

import httpx2
import pytest

from systems.sandbox import BusinessCentralSettings, Sandbox, SandboxSettings
from systems.sandbox.business_central.quirks import Quirks
from tests.unit.sandbox import clients
from tests.unit.sandbox.clients import System, error

JSON = {"Content-Type": "application/json"}
GO_ON = "odata.continue-on-error"
MISSING = "customers(22222222-2222-2222-2222-222222222222)"


def operation(bc: System, identity: str, method: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
    company = bc.root.rpartition("/")[2]
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"id": identity, "method": method, "url": f"{company}/{path}", "headers": JSON | named, "body": body}


def creating(bc: System, identity: str, name: str = "Nord AS", **values: Any) -> dict[str, Any]:
    return operation(bc, identity, "POST", "customers", {"displayName": name, **values})


def send(bc: System, operations: list[dict[str, Any]], **headers: str) -> httpx2.Response:
    return bc.post(f"{bc.root.rpartition('/')[0]}/$batch", {"requests": operations}, **headers)


def statuses(answer: httpx2.Response) -> dict[str, int]:
    assert answer.status_code == 200, answer.text
    return {part["id"]: part["status"] for part in answer.json()["responses"]}


def test_every_operation_is_answered_by_id(bc: System) -> None:
    answer = send(bc, [creating(bc, "a"), operation(bc, "b", "GET", "customers?$top=1&$select=number")])
    assert statuses(answer) == {"a": 201, "b": 200}
    parts = answer.json()["responses"]
    assert parts[0]["body"]["displayName"] == "Nord AS"
    assert parts[0]["headers"]["odata-version"] == "4.0"
    assert bc.get(f"customers({parts[0]['body']['id']})").status_code == 200


def test_without_continue_on_error_the_first_failure_is_the_last_answer(bc: System) -> None:
    operations = [creating(bc, "a"), operation(bc, "b", "GET", MISSING), creating(bc, "c", "Never AS")]
    assert statuses(send(bc, operations)) == {"a": 201, "b": 404}
    assert bc.value("customers?$filter=displayName eq 'Never AS'") == []


def test_with_continue_on_error_every_operation_is_carried_out(bc: System) -> None:
    operations = [operation(bc, "a", "GET", MISSING), creating(bc, "b"), creating(bc, "c", "")]
    assert statuses(send(bc, operations, prefer=GO_ON)) == {"a": 404, "b": 201, "c": 400}


def test_conditions_hold_for_each_operation(bc: System) -> None:
    row = bc.post("customers", {"displayName": "Nord AS"}).json()
    path = f"customers({row['id']})"
    operations = [
        operation(bc, "current", "PATCH", path, {"city": "Oslo"}, if_match=row["@odata.etag"]),
        operation(bc, "stale", "PATCH", path, {"city": "Bergen"}, if_match=row["@odata.etag"]),
        operation(bc, "none", "PATCH", path, {"city": "Bergen"}),
    ]
    assert statuses(send(bc, operations, prefer=GO_ON)) == {"current": 200, "stale": 409, "none": 400}


def test_a_snapshot_batch_undoes_everything_and_still_claims_success(bc: System) -> None:
    operations = [creating(bc, "a", "Undone AS"), operation(bc, "b", "GET", MISSING)]
    answer = send(bc, operations, isolation="snapshot")
    assert statuses(answer) == {"a": 201, "b": 404}
    assert bc.get(f"customers({answer.json()['responses'][0]['body']['id']})").status_code == 404
    assert bc.value("contacts?$filter=displayName eq 'Undone AS'") == []


def test_a_snapshot_batch_that_works_stays(bc: System) -> None:
    answer = send(bc, [creating(bc, "a"), creating(bc, "b")], isolation="snapshot")
    assert statuses(answer) == {"a": 201, "b": 201}
    assert bc.get(f"customers({answer.json()['responses'][1]['body']['id']})").status_code == 200


def test_more_than_a_hundred_operations_are_a_server_error(bc: System) -> None:
    answer = send(bc, [creating(bc, str(number)) for number in range(101)])
    assert answer.status_code == 500
    assert "'100'" in answer.json()["error"]["message"]
    assert len(statuses(send(bc, [creating(bc, str(number)) for number in range(100)]))) == 100


def test_an_address_with_a_leading_slash_is_refused(bc: System) -> None:
    bad = {"id": "a", "method": "GET", "url": "/companies", "headers": {}}
    assert error(send(bc, [bad])) == (400, "BadRequest_InvalidRequestUrl")


def test_an_operation_without_id_is_answered_with_null(bc: System) -> None:
    bare = {"method": "GET", "url": "companies"}
    answer = send(bc, [bare])
    assert [(part["id"], part["status"]) for part in answer.json()["responses"]] == [(None, 200)]


def test_a_company_header_names_the_company_of_operations(bc: System, sandbox: Sandbox) -> None:
    flat = {"id": "a", "method": "GET", "url": "customers?$top=1", "headers": {}}
    named = flat | {"id": "b", "headers": {"Company": "Nowhere"}}
    answer = send(bc, [flat, named], prefer=GO_ON, company=sandbox.business_central.company_id)
    assert statuses(answer) == {"a": 200, "b": 404}


@pytest.mark.parametrize(
    ("quirks", "expected"),
    [
        (Quirks(batch_answers_all=True), {"a": 201, "b": 404, "c": 201}),
        (Quirks(batch_headers_in_lower_case=True), {"a": 201, "b": 404}),
    ],
)
def test_a_batch_under_doubtful_rules(quirks: Quirks, expected: dict[str, int]) -> None:
    settings = SandboxSettings(business_central=BusinessCentralSettings(quirks=quirks))
    with Sandbox(settings) as sandbox, clients.business_central(sandbox) as bc:
        operations = [creating(bc, "a"), operation(bc, "b", "GET", MISSING), creating(bc, "c")]
        assert statuses(send(bc, operations)) == expected
        row = bc.post("customers", {"displayName": "Nord AS"}).json()
        capital = operation(bc, "d", "PATCH", f"customers({row['id']})", {"city": "Oslo"}, If_Match="*")
        lower = operation(bc, "d", "PATCH", f"customers({row['id']})", {"city": "Bergen"}, if_match="*")
        seen = not quirks.batch_headers_in_lower_case
        assert statuses(send(bc, [capital])) == {"d": 200 if seen else 400}
        assert statuses(send(bc, [lower])) == {"d": 200}


def test_a_duplicate_key_may_fail_the_whole_batch() -> None:
    quirks = Quirks(duplicate_key_fails_batch=True, duplicate_key_status=409)
    settings = SandboxSettings(business_central=BusinessCentralSettings(quirks=quirks))
    with Sandbox(settings) as sandbox, clients.business_central(sandbox) as bc:
        operations = [creating(bc, "a", number="SAME"), creating(bc, "b", number="SAME")]
        assert error(send(bc, operations, prefer=GO_ON)) == (409, "Internal_EntityWithSameKeyExists")
        assert len(bc.value("customers?$filter=number eq 'SAME'")) == 1
