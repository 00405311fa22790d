from decimal import Decimal
from urllib.parse import unquote

import httpx2
import pytest

from schemas.errors import OutcomeUnknown, Reread, RereadReason, Retry, Skip, Stop
from systems.dataverse import Dataverse
from systems.interface import Create, Delete, Refused, Update, Write, WriteResult, Written
from tests.support.dataverse import ACCOUNTS, CONTACTS, ONE, TWO, account, batch_reply, part
from tests.support.web_service import Tokens, WebService, error_body, error_reply, json_reply

ROOT = "https://contoso.crm4.test/api/data/v9.2"


@pytest.fixture
def service() -> WebService:
    return WebService()


@pytest.fixture
def system(service: WebService) -> Dataverse:
    return Dataverse("https://contoso.crm4.test/", [Tokens()], transport=service.transport)


def refusal(result: WriteResult) -> Exception:
    assert isinstance(result, Refused)
    return result.error


def one_refusal(
    service: WebService, system: Dataverse, write: Write, status: int, code: str, text: str = "No."
) -> Exception:
    service.reply(batch_reply(part(status, error_body(code, text))))
    return refusal(system.write(ACCOUNTS, [write], tag="t")[0])


def test_every_write_is_a_conditional_request_of_one_batch(service: WebService, system: Dataverse) -> None:
    service.reply(batch_reply(part(201, account(ONE)), part(200, account(TWO)), part(204)))
    writes: list[Write] = [
        Create(ONE, {"name": "Ægir & Co", "creditlimit": Decimal("10.50")}),
        Update(TWO, 'W/"7"', {"name": None}),
        Delete(TWO, 'W/"8"'),
    ]
    results = system.write(ACCOUNTS, writes, tag="twinrow:1&2")
    assert all(isinstance(result, Written) for result in results)
    request = service.last
    assert str(request.url) == f"{ROOT}/$batch"
    assert request.headers["prefer"] == "odata.continue-on-error"
    assert request.headers["content-type"] == "multipart/mixed; boundary=batch_twinrow"
    assert request.content.count(b"\n") == request.content.count(b"\r\n")
    _, create, update, delete, end = request.content.split(b"--batch_twinrow")
    assert end == b"--\r\n"
    select = "$select=accountid,name,creditlimit,_primarycontactid_value,modifiedon"
    tag = "tag=twinrow%3A1%262"
    assert f"PATCH /api/data/v9.2/accounts({ONE})?{select}&{tag} HTTP/1.1\r\n".encode() in create
    assert b"\r\nIf-None-Match: *\r\n" in create
    assert b"\r\nPrefer: return=representation\r\n" in create
    assert create.endswith('\r\n\r\n{"name":"Ægir & Co","creditlimit":10.50}\r\n'.encode())
    assert f"PATCH /api/data/v9.2/accounts({TWO})?{select}&{tag} HTTP/1.1".encode() in update
    assert b'\r\nIf-Match: W/"7"\r\n' in update
    assert update.endswith(b'{"name":null}\r\n')
    assert f"DELETE /api/data/v9.2/accounts({TWO})?{tag} HTTP/1.1".encode() in delete
    assert b'\r\nIf-Match: W/"8"\r\n' in delete


def test_the_address_of_an_environment_on_premises_keeps_its_path(service: WebService) -> None:
    system = Dataverse("https://crm.test/contoso", [Tokens()], transport=service.transport)
    service.reply(batch_reply(part(204)))
    system.write(ACCOUNTS, [Delete(ONE, "e")], tag="t")
    assert str(service.last.url) == "https://crm.test/contoso/api/data/v9.2/$batch"
    assert b"DELETE /contoso/api/data/v9.2/accounts(" in service.last.content


def test_lookups_are_bound_and_cleared_under_their_navigation(service: WebService, system: Dataverse) -> None:
    service.reply(batch_reply(part(200, {"contactid": ONE}), part(200, {"contactid": TWO})))
    writes = [
        Update(ONE, "e", {"parentcustomerid": TWO, "parentcustomeridtype": "account"}),
        Update(TWO, "e", {"parentcustomerid": None}),
    ]
    system.write(CONTACTS, writes, tag="t")
    assert f'{{"parentcustomerid_account@odata.bind":"/accounts({TWO})"}}\r\n'.encode() in service.last.content
    assert b'{"parentcustomerid_account@odata.bind":null}\r\n' in service.last.content


def test_the_type_of_a_polymorphic_lookup_comes_from_its_annotation(service: WebService, system: Dataverse) -> None:
    annotation = {"_parentcustomerid_value@Microsoft.Dynamics.CRM.lookuplogicalname": "account"}
    body = {"contactid": ONE, "lastname": "Berg", "_parentcustomerid_value": TWO.upper(), **annotation}
    service.reply(batch_reply(part(200, body)))
    result = system.write(CONTACTS, [Update(ONE, "e", {})], tag="t")[0]
    assert b'Prefer: return=representation,odata.include-annotations="Microsoft.Dynamics.CRM.' in service.last.content
    assert isinstance(result, Written)
    assert result.row is not None
    assert result.row.values == {
        "lastname": "Berg",
        "parentcustomerid": TWO,
        "parentcustomeridtype": "account",
    }


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (412, "0x80060882", RereadReason.CHANGED),
        (412, "", RereadReason.CHANGED),
        (404, "0x80040217", RereadReason.GONE),
        (404, "", RereadReason.GONE),
    ],
)
def test_a_failed_precondition_of_an_update_is_told_by_its_code(
    service: WebService, system: Dataverse, status: int, code: str, reason: RereadReason
) -> None:
    text = f"account With Id = {ONE} Does Not Exist"
    error = one_refusal(service, system, Update(ONE, "e", {}), status, code, text)
    assert isinstance(error, Reread)
    assert error.reason is reason
    assert ONE in error.text


@pytest.mark.parametrize("code", ["0x80040237", ""])
def test_an_id_that_is_taken_is_said_to_exist(service: WebService, system: Dataverse, code: str) -> None:
    error = one_refusal(service, system, Create(ONE, {}), 412, code)
    assert isinstance(error, Reread)
    assert error.reason is RereadReason.EXISTS


@pytest.mark.parametrize("code", ["0x80060892", "0x80073002", "0x80040333"])
def test_a_value_that_another_row_has_is_the_records_fault(service: WebService, system: Dataverse, code: str) -> None:
    assert isinstance(one_refusal(service, system, Create(ONE, {}), 412, code), Skip)
    assert isinstance(one_refusal(service, system, Update(ONE, "e", {}), 412, code), Skip)


def test_a_missing_target_of_a_lookup_is_not_a_missing_row(service: WebService, system: Dataverse) -> None:
    text = f"contact With Id = {TWO} Does Not Exist"
    assert isinstance(one_refusal(service, system, Update(ONE, "e", {}), 404, "0x80040217", text), Skip)
    assert isinstance(one_refusal(service, system, Create(ONE, {}), 404, "0x80040217", text), Skip)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "0x80040265", Skip),
        (400, "0x80044331", Skip),
        (400, "0x80048d19", Skip),
        (405, "", Skip),
        (403, "0x80040220", Stop),
        (401, "0x80040220", Stop),
        (400, "0x80040220", Stop),
        (403, "", Stop),
        (500, "", Retry),
        (503, "", Retry),
    ],
)
def test_other_refusals_are_told_by_code_and_status(
    service: WebService, system: Dataverse, status: int, code: str, kind: type[Exception]
) -> None:
    assert type(one_refusal(service, system, Update(ONE, "e", {}), status, code)) is kind


def test_a_throttled_request_inside_a_batch_says_how_long_to_wait(service: WebService, system: Dataverse) -> None:
    service.reply(batch_reply(part(429, error_body("0x80072322"), headers={"Retry-After": "9"})))
    error = refusal(system.write(ACCOUNTS, [Update(ONE, "e", {})], tag="t")[0])
    assert isinstance(error, Retry)
    assert error.throttled
    assert error.after == 9
    assert system._service.budget.usage()["worker"].refused == 1


def test_a_throttled_batch_is_answered_in_plain_json(service: WebService, system: Dataverse) -> None:
    service.reply(error_reply(429, "0x80072326", headers={"Retry-After": "30"}))
    with pytest.raises(Retry) as raised:
        system.write(ACCOUNTS, [Update(ONE, "e", {})], tag="t")
    assert raised.value.throttled
    assert raised.value.after == 30


def test_a_batch_answered_with_an_error_status_is_read_all_the_same(service: WebService, system: Dataverse) -> None:
    service.reply(batch_reply(part(200, account(ONE)), part(400, error_body("0x80040265")), status=400))
    first, second, third = system.write(ACCOUNTS, [Update(ONE, "e", {})] * 3, tag="t")
    assert isinstance(first, Written)
    assert isinstance(refusal(second), Skip)
    assert isinstance(refusal(third), OutcomeUnknown)


def test_answers_are_told_apart_by_content_id_where_there_is_one(service: WebService, system: Dataverse) -> None:
    service.reply(batch_reply(part(200, account(TWO), content_id=2), part(200, account(ONE), content_id=1)))
    results = system.write(ACCOUNTS, [Update(ONE, "e", {}), Update(TWO, "e", {})], tag="t")
    assert [result.row.id for result in results if isinstance(result, Written) and result.row] == [ONE, TWO]


def test_line_ends_may_be_bare(service: WebService, system: Dataverse) -> None:
    service.reply(batch_reply(part(200, account(ONE, name="Løv")), part(204), line_end=b"\n"))
    first, second = system.write(ACCOUNTS, [Update(ONE, "e", {}), Delete(ONE, "e")], tag="t")
    assert isinstance(first, Written)
    assert first.row is not None
    assert first.row.values["name"] == "Løv"
    assert second == Written(None)


def test_a_batch_answer_that_breaks_off_leaves_the_rest_unknown(service: WebService, system: Dataverse) -> None:
    whole = part(200, account(ONE))
    service.reply(batch_reply(whole, whole[: len(whole) - 20], closed=False))
    first, second = system.write(ACCOUNTS, [Update(ONE, "e", {}), Update(TWO, "e", {})], tag="t")
    assert isinstance(first, Written)
    assert isinstance(refusal(second), OutcomeUnknown)


@pytest.mark.parametrize(
    "lost", [httpx2.ReadTimeout("late"), httpx2.Response(502, content=b"<html/>"), httpx2.Response(200, content=b"ok")]
)
def test_a_lost_answer_leaves_every_outcome_unknown(
    service: WebService, system: Dataverse, lost: httpx2.Response | httpx2.TransportError
) -> None:
    service.reply(lost)
    results = system.write(ACCOUNTS, [Create(ONE, {}), Delete(TWO, "e")], tag="t")
    assert {type(refusal(result)) for result in results} == {OutcomeUnknown}


def test_a_wrong_address_stops_and_is_never_taken_for_a_deleted_row(service: WebService, system: Dataverse) -> None:
    service.reply(error_reply(404, "0x8006088a", "Resource not found for the segment '$batch'."))
    with pytest.raises(Stop, match="Check url"):
        system.write(ACCOUNTS, [Delete(ONE, "e")], tag="t")


def test_the_own_user_is_asked_for_once_and_by_the_first_credential(service: WebService) -> None:
    first, second = Tokens("first"), Tokens("second")
    system = Dataverse("https://contoso.crm4.test", [first, second], transport=service.transport)
    service.reply(json_reply({"BusinessUnitId": TWO, "UserId": ONE.upper(), "OrganizationId": TWO}))
    assert [system.user_id(), system.user_id()] == [ONE, ONE]
    assert [unquote(str(request.url)) for request in service.requests] == [f"{ROOT}/WhoAmI"]
    assert (first.fetched, second.fetched) == (1, 0)
