from decimal import Decimal
from typing import Any

import httpx2
import pytest

from schemas.errors import OutcomeUnknown, Reread, RereadReason, Retry, Skip, Stop
from systems.business_central import BusinessCentral
from systems.interface import Create, Delete, Refused, Update, Write, WriteResult, Written
from tests.support.business_central import COMPANY, METADATA, ONE, RELATED, TWO, customer, table
from tests.support.web_service import Tokens, WebService, error_body, error_reply, json_of, json_reply

CUSTOMERS = table("displayName", "creditLimit")


@pytest.fixture
def service() -> WebService:
    return WebService(METADATA)


@pytest.fixture
def system(service: WebService) -> BusinessCentral:
    return BusinessCentral("https://bc.test/env/", COMPANY.upper(), [Tokens()], transport=service.transport)


def batch_reply(*responses: dict[str, Any]) -> httpx2.Response:
    return json_reply({"responses": list(responses)})


def part(place: int, status: int, body: Any = None, **headers: str) -> dict[str, Any]:
    return {"id": str(place), "status": status, "headers": headers, "body": body}


def refusal(result: WriteResult) -> Exception:
    assert isinstance(result, Refused)
    return result.error


def test_every_write_is_an_operation_of_one_batch(service: WebService, system: BusinessCentral) -> None:
    service.reply(batch_reply(part(0, 201, customer(ONE)), part(1, 200, customer(TWO)), part(2, 204)))
    writes: list[Write] = [
        Create(None, {"displayName": "Nord", "creditLimit": Decimal("10.50")}),
        Update(TWO.upper(), 'W/"etag"', {"displayName": None}),
        Delete(TWO, 'W/"etag"'),
    ]
    results = system.write(CUSTOMERS, writes, tag="ignored")
    assert [isinstance(result, Written) for result in results] == [True, True, True]
    assert str(service.last.url) == "https://bc.test/env/api/v2.0/$batch"
    assert service.last.headers["prefer"] == "odata.continue-on-error"
    assert b'"creditLimit":10.50' in service.last.content
    create, update, delete = json_of(service.last)["requests"]
    assert (create["method"], create["url"]) == ("POST", f"companies({COMPANY})/customers")
    assert (update["method"], update["url"]) == ("PATCH", f"companies({COMPANY})/customers({TWO})")
    assert update["headers"]["if-match"] == 'W/"etag"'
    assert update["body"] == {"displayName": None}
    assert (delete["method"], delete["url"]) == ("DELETE", f"companies({COMPANY})/customers({TWO})")
    assert delete["headers"] == {"if-match": 'W/"etag"'}
    assert all(name == name.lower() for request in (create, update, delete) for name in request["headers"])


def test_answers_are_told_apart_by_id_and_not_by_order(service: WebService, system: BusinessCentral) -> None:
    service.reply(batch_reply(part(1, 201, customer(TWO)), part(0, 201, customer(ONE))))
    results = system.write(CUSTOMERS, [Create(None, {}), Create(None, {})], tag="")
    assert [result.row.id for result in results if isinstance(result, Written) and result.row] == [ONE, TWO]


def test_an_operation_without_an_answer_was_not_carried_out(service: WebService, system: BusinessCentral) -> None:
    service.reply(batch_reply(part(0, 400, error_body("Application_DialogException"))))
    first, second = system.write(CUSTOMERS, [Create(None, {}), Create(None, {})], tag="")
    assert isinstance(refusal(first), Skip)
    assert isinstance(refusal(second), Retry)
    assert not isinstance(refusal(second), OutcomeUnknown)


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (409, "Request_EntityChanged", RereadReason.CHANGED),
        (412, "Request_EntityChanged", RereadReason.CHANGED),
        (412, "", RereadReason.CHANGED),
        (404, "Internal_RecordNotFound", RereadReason.GONE),
        (400, "Internal_RecordNotFound", RereadReason.GONE),
        (404, "BadRequest_ResourceNotFound", RereadReason.GONE),
        (404, "BadRequest_NotFound", RereadReason.GONE),
    ],
)
def test_a_failed_precondition_is_told_by_its_code(
    service: WebService, system: BusinessCentral, status: int, code: str, reason: RereadReason
) -> None:
    service.reply(batch_reply(part(0, status, error_body(code))))
    error = refusal(system.write(CUSTOMERS, [Update(ONE, "e", {})], tag="")[0])
    assert isinstance(error, Reread)
    assert error.reason is reason
    assert ONE in error.text


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "Internal_EntityWithSameKeyExists", Skip),
        (409, "Internal_EntityWithSameKeyExists", Skip),
        (500, "Internal_EntityWithSameKeyExists", Skip),
        (400, "Application_StringExceededLength", Skip),
        (500, "Application_DialogException", Skip),
        (400, "Internal_InvalidTableRelation", Skip),
        (400, "Unknown", Skip),
        (404, "", Skip),
        (401, "Authentication_InvalidCredentials", Stop),
        (403, "Authorization_RequestDenied", Stop),
        (404, "Internal_CompanyNotFound", Stop),
        (500, "", Retry),
        (400, "Internal_ServerError", Retry),
        (503, "", Retry),
        (408, "", Retry),
    ],
)
def test_a_refusal_is_told_by_its_code_before_its_status(
    service: WebService, system: BusinessCentral, status: int, code: str, kind: type[Exception]
) -> None:
    service.reply(batch_reply(part(0, status, error_body(code))))
    error = refusal(system.write(CUSTOMERS, [Create(None, {})], tag="")[0])
    assert type(error) is kind


def test_a_throttled_operation_says_how_long_to_wait(service: WebService, system: BusinessCentral) -> None:
    body = error_body("Application_TooManyRequests")
    service.reply(batch_reply(part(0, 429, body, **{"Retry-After": "17"})))
    error = refusal(system.write(CUSTOMERS, [Create(None, {})], tag="")[0])
    assert isinstance(error, Retry)
    assert error.throttled
    assert error.after == 17
    assert system._service.budget.usage()["worker"].refused == 1


@pytest.mark.parametrize(
    "lost",
    [
        httpx2.ReadTimeout("late"),
        httpx2.RemoteProtocolError("Server disconnected"),
        httpx2.WriteError("broken"),
        httpx2.Response(502, content=b"<html>Bad gateway</html>"),
        httpx2.Response(504),
        httpx2.Response(503),
        httpx2.Response(200, content=b"<html>hello</html>"),
    ],
)
def test_a_lost_answer_leaves_every_outcome_unknown(
    service: WebService, system: BusinessCentral, lost: httpx2.Response | httpx2.TransportError
) -> None:
    service.reply(lost)
    results = system.write(CUSTOMERS, [Create(None, {}), Update(ONE, "e", {})], tag="")
    assert [type(refusal(result)) for result in results] == [OutcomeUnknown, OutcomeUnknown]


@pytest.mark.parametrize(
    "declined",
    [httpx2.ConnectError("refused"), httpx2.Response(429), httpx2.Response(503, headers={"Retry-After": "5"})],
)
def test_a_batch_that_was_never_begun_is_to_be_tried_again(
    service: WebService, system: BusinessCentral, declined: httpx2.Response | httpx2.TransportError
) -> None:
    service.reply(declined)
    with pytest.raises(Retry) as raised:
        system.write(CUSTOMERS, [Create(None, {})], tag="")
    assert not isinstance(raised.value, OutcomeUnknown)


def test_a_wrong_address_stops_and_is_never_taken_for_a_deleted_row(
    service: WebService, system: BusinessCentral
) -> None:
    service.reply(error_reply(404, "BadRequest_ResourceNotFound"))
    with pytest.raises(Stop, match="Check url"):
        system.write(CUSTOMERS, [Delete(ONE, "e")], tag="")


def test_a_batch_refused_for_one_of_its_writes_is_followed_by_small_ones(
    service: WebService, system: BusinessCentral
) -> None:
    duplicate = error_reply(400, "Internal_EntityWithSameKeyExists")
    service.reply(duplicate)
    results = system.write(CUSTOMERS, [Create(None, {}), Create(None, {})], tag="")
    assert [type(refusal(result)) for result in results] == [OutcomeUnknown, OutcomeUnknown]
    service.reply(batch_reply(part(0, 201, customer(ONE))), duplicate)
    first, second = system.write(CUSTOMERS, [Create(None, {}), Create(None, {})], tag="")
    assert isinstance(first, Written)
    assert isinstance(refusal(second), Skip)


def test_behind_a_failed_batch_nothing_is_sent(service: WebService, system: BusinessCentral) -> None:
    service.reply(batch_reply(*(part(place, 204) for place in range(100))), httpx2.Response(429))
    results = system.write(CUSTOMERS, [Delete(ONE, "e")] * 201, tag="")
    assert len(service.requests) == 2
    assert all(isinstance(result, Written) for result in results[:100])
    assert {type(refusal(result)) for result in results[100:]} == {Retry}


def test_columns_of_related_rows_are_read_after_the_write_and_nothing_else_is(
    service: WebService, system: BusinessCentral
) -> None:
    service.reply(batch_reply(part(0, 201, customer(ONE, displayName="Nord"))))
    people = [{"contactType": "Person", "contactNumber": "C1"}, {"contactType": "Company", "contactNumber": "C2"}]
    edited = customer(ONE, displayName="a user's edit", contactsInformation=people) | {"@odata.etag": "later"}
    service.reply(json_reply({"value": [edited]}))
    results = system.write(
        table("displayName", RELATED), [Create(None, {"displayName": "Nord", RELATED: "C9"})], tag=""
    )
    assert isinstance(results[0], Written)
    assert results[0].row is not None
    assert results[0].row.values == {"displayName": "Nord", RELATED: "C2"}
    assert results[0].row.version == 'W/"2"'
    assert json_of(service.requests[0])["requests"][0]["body"] == {"displayName": "Nord"}


def test_a_row_that_was_written_and_cannot_be_read_again_is_to_be_looked_for(
    service: WebService, system: BusinessCentral
) -> None:
    service.reply(batch_reply(part(0, 201, customer(ONE))), httpx2.ReadTimeout("late"))
    results = system.write(table(RELATED), [Create(None, {})], tag="")
    assert isinstance(refusal(results[0]), OutcomeUnknown)
