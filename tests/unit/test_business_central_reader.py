from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import httpx2
import pytest

from schemas.errors import OutcomeUnknown, Retry, Skip, Stop
from schemas.json_codec import encode
from schemas.row import Table, TableColumn, Value
from systems.business_central import BusinessCentral
from tests.support.business_central import COMPANY, METADATA, ONE, RELATED, TWO, customer, table
from tests.support.web_service import Tokens, WebService, error_body, error_reply, json_of, json_reply

ROOT = "https://bc.test/env/api/v2.0"
CUSTOMERS = table("displayName", "creditLimit", "type", "currencyId")


@pytest.fixture
def service() -> WebService:
    return WebService(METADATA)


@pytest.fixture
def system(service: WebService) -> BusinessCentral:
    return BusinessCentral("https://bc.test/env", COMPANY, [Tokens()], transport=service.transport)


def query(request: httpx2.Request) -> str:
    return unquote(request.url.query.decode())


def found(*rows: dict[str, Any], **more: Any) -> httpx2.Response:
    return json_reply({"value": list(rows), **more})


def test_rows_are_read_by_one_filter_on_the_key(service: WebService, system: BusinessCentral) -> None:
    service.reply(found(customer(ONE, displayName="Nord", creditLimit=Decimal("1.50"), extra="never asked for")))
    rows = system.read(CUSTOMERS, [ONE, TWO.upper()])
    assert query(service.last) == (
        f"$select=id,displayName,creditLimit,type,currencyId,lastModifiedDateTime&$filter=id eq {ONE} or id eq {TWO}"
    )
    assert b"+" not in service.last.url.raw_path
    row = rows[ONE]
    assert list(rows) == [ONE]
    assert row.version == 'W/"2"'
    assert row.modified_at == datetime(2026, 11, 22, 10, 0, 0, 100_000, UTC)
    assert row.values == {"displayName": "Nord", "creditLimit": Decimal("1.50"), "type": None, "currencyId": None}
    assert encode(row.values["creditLimit"]) == b"1.50"


def test_a_hundred_ids_are_one_request_that_fits_an_address(service: WebService, system: BusinessCentral) -> None:
    service.reply(found(), found())
    system.read(CUSTOMERS, [ONE] * 101)
    assert len(service.requests) == 2
    assert len(str(service.requests[0].url)) < 8192
    assert str(service.requests[0].url).count(ONE) == 100


def test_a_table_of_many_columns_is_read_in_smaller_batches(service: WebService, system: BusinessCentral) -> None:
    wide = table(*(f"column{number:03}" for number in range(500)))
    service.reply(found(), found())
    system.read(wide, [ONE] * 100)
    assert len(service.requests) == 2
    assert all(len(str(request.url)) < 8192 for request in service.requests)


def test_an_answer_in_several_pages_is_read_to_its_end(service: WebService, system: BusinessCentral) -> None:
    service.reply(found(customer(ONE), **{"@odata.nextLink": f"{ROOT}/next?$skiptoken=a%20b"}), found(customer(TWO)))
    assert set(system.read(CUSTOMERS, [ONE, TWO])) == {ONE, TWO}
    assert str(service.last.url) == f"{ROOT}/next?$skiptoken=a%20b"


def test_a_column_of_a_related_row_is_read_by_expanding(service: WebService, system: BusinessCentral) -> None:
    people = [
        {"contactType": "Person", "contactNumber": "C1"},
        {"contactType": "Company", "contactNumber": "C2"},
        {"contactType": "Company", "contactNumber": "C3"},
    ]
    service.reply(found(customer(ONE, contactsInformation=people), customer(TWO, contactsInformation=[])))
    rows = system.read(table("displayName", RELATED), [ONE, TWO])
    assert query(service.last).startswith(
        "$select=id,displayName,lastModifiedDateTime&$expand=contactsInformation&$filter="
    )
    assert rows[ONE].values[RELATED] == "C2"
    assert rows[TWO].values[RELATED] is None


def test_criteria_are_looked_for_in_one_batch_each_value_as_its_column_has_it(
    service: WebService, system: BusinessCentral
) -> None:
    answers = [{"id": "1", "status": 200, "body": {"value": [customer(TWO), customer(ONE)]}}]
    answers.append({"id": "0", "status": 200, "body": {"value": []}})
    service.reply(json_reply({"responses": answers}))
    criteria: list[dict[str, Value]] = [
        {"displayName": "O'Brien & SØN+", "creditLimit": Decimal("1.50")},
        {"type": "Company", "currencyId": ONE, "displayName": None},
    ]
    rows = system.find(CUSTOMERS, criteria)
    assert [[row.id for row in candidates] for candidates in rows] == [[], [TWO, ONE]]
    first, second = (request["url"] for request in json_of(service.last)["requests"])
    assert first.startswith(f"companies({COMPANY})/customers?$select=")
    assert "$top=3" in first
    assert "%20" in first
    assert "+" not in first
    assert unquote(first).endswith("$filter=tolower(displayName) eq 'o''brien & søn+' and creditLimit eq 1.50")
    assert unquote(second).endswith(f"$filter=type eq 'Company' and currencyId eq {ONE} and tolower(displayName) eq ''")


def test_a_related_column_is_never_looked_for_because_the_filter_would_be_ignored(system: BusinessCentral) -> None:
    with pytest.raises(Stop, match="Match by a column of the table itself"):
        system.find(table(RELATED), [{RELATED: "C1"}])


def test_a_refused_criterion_is_the_records_fault_alone(service: WebService, system: BusinessCentral) -> None:
    body = error_body("Application_FilterErrorException", "The filter is not valid.")
    service.reply(json_reply({"responses": [{"id": "0", "status": 400, "body": body}]}))
    with pytest.raises(Skip, match="The filter is not valid"):
        system.find(CUSTOMERS, [{"displayName": "x"}])


def test_a_criterion_that_was_not_got_to_is_tried_again(service: WebService, system: BusinessCentral) -> None:
    service.reply(json_reply({"responses": []}))
    with pytest.raises(Retry):
        system.find(CUSTOMERS, [{"displayName": "x"}])


def test_a_scan_follows_the_link_to_the_next_page_with_the_same_preference(
    service: WebService, system: BusinessCentral
) -> None:
    link = f"{ROOT}/companies({COMPANY})/customers?aid=FIN&$skiptoken=%3Cx%3E%2Bq"
    service.reply(found(customer(ONE), **{"@odata.nextLink": link}), found(customer(TWO)))
    first = system.scan(CUSTOMERS, since=None, cursor=None, page_size=300)
    second = system.scan(CUSTOMERS, since=None, cursor=first.cursor, page_size=300)
    assert (first.cursor, second.cursor) == (link, None)
    assert service.last.url.raw_path.decode().endswith("$skiptoken=%3Cx%3E%2Bq")
    assert [request.headers["prefer"] for request in service.requests] == ["odata.maxpagesize=300"] * 2


def test_a_relative_link_is_resolved_against_the_context(service: WebService, system: BusinessCentral) -> None:
    context = f"{ROOT}/$metadata#companies({COMPANY})/customers"
    service.reply(found(**{"@odata.context": context, "@odata.nextLink": "customers?$skiptoken=1"}))
    page = system.scan(CUSTOMERS, since=None, cursor=None, page_size=10)
    assert page.cursor == f"{ROOT}/customers?$skiptoken=1"


def test_a_scan_of_changes_is_ordered_by_their_time(service: WebService, system: BusinessCentral) -> None:
    service.reply(found())
    since = datetime(2026, 11, 22, 10, 0, 0, 123_999, UTC)
    system.scan(CUSTOMERS, since=since, cursor=None, page_size=10)
    assert query(service.last).endswith(
        "$filter=lastModifiedDateTime ge 2026-11-22T10:00:00.123Z&$orderby=lastModifiedDateTime,id"
    )


def test_a_table_without_a_time_of_change_is_given_whole(service: WebService) -> None:
    service.metadata = METADATA.replace("lastModifiedDateTime", "somethingElse")
    system = BusinessCentral("https://bc.test/env", COMPANY, [Tokens()], transport=service.transport)
    service.reply(found(customer(ONE)))
    page = system.scan(table("displayName"), since=datetime(2026, 1, 1, tzinfo=UTC), cursor=None, page_size=10)
    assert query(service.last) == "$select=id,displayName"
    assert page.rows[0].modified_at is None


def test_a_cursor_that_is_no_longer_known_starts_the_scan_over(service: WebService, system: BusinessCentral) -> None:
    service.reply(error_reply(400, "SkipTokenIsNoLongerValid"), found(customer(ONE)))
    page = system.scan(CUSTOMERS, since=None, cursor=f"{ROOT}/customers?$skiptoken=old", page_size=10)
    assert [row.id for row in page.rows] == [ONE]
    assert "skiptoken" not in str(service.last.url)


@pytest.mark.parametrize(
    "lost",
    [httpx2.ReadTimeout("late"), httpx2.Response(502, content=b"<html/>"), httpx2.Response(200, content=b"<html/>")],
)
def test_a_lost_answer_to_a_read_is_asked_for_again(
    service: WebService, system: BusinessCentral, lost: httpx2.Response | httpx2.TransportError
) -> None:
    service.reply(lost)
    with pytest.raises(Retry) as raised:
        system.read(CUSTOMERS, [ONE])
    assert not isinstance(raised.value, OutcomeUnknown)


def test_a_refused_read_stops_and_says_what_to_check(service: WebService, system: BusinessCentral) -> None:
    service.reply(error_reply(400, "BadRequest_InvalidRequestUrl", "Could not find a property named 'x'."))
    with pytest.raises(Stop, match=r"Could not find a property named 'x'.*columns of the mapping"):
        system.read(CUSTOMERS, [ONE])


def test_columns_are_those_of_the_description_and_related_ones_through_their_navigation(
    system: BusinessCentral,
) -> None:
    wrong = RELATED.replace("contactNumber", "nothing")
    columns = system.columns(table("displayName", RELATED, wrong))
    assert {"displayName", "creditLimit", "lastModifiedDateTime", RELATED} <= columns
    assert wrong not in columns


def test_an_unknown_table_is_said_to_be_unknown(system: BusinessCentral) -> None:
    unknown = Table("custmers", "api/v2.0", "id", {"number": TableColumn("number")})
    with pytest.raises(Skip, match="no table custmers"):
        system.columns(unknown)
    with pytest.raises(Stop, match="no table custmers"):
        system.read(unknown, [ONE])


def test_events_carry_no_user(system: BusinessCentral) -> None:
    assert system.user_id() == ""
