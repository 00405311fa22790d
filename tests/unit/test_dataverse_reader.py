from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import httpx2
import pytest

from schemas.errors import OutcomeUnknown, Retry, Skip, Stop
from schemas.row import ColumnKind, Table, TableColumn
from systems.dataverse import Dataverse
from tests.support.dataverse import ACCOUNTS, CONTACTS, ONE, TWO, account, batch_reply, part
from tests.support.web_service import Tokens, WebService, error_body, error_reply, json_reply

ROOT = "https://contoso.crm4.test/api/data/v9.2"
ACCOUNT_SELECT = "$select=accountid,name,creditlimit,_primarycontactid_value,modifiedon"
METADATA = """<?xml version="1.0" encoding="utf-8"?>
<edmx:Edmx xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx" Version="4.0"><edmx:DataServices>
<Schema xmlns="http://docs.oasis-open.org/odata/ns/edm" Namespace="Microsoft.Dynamics.CRM" Alias="mscrm">
<EntityType Name="crmbaseentity" Abstract="true" />
<EntityType Name="contact" BaseType="mscrm.crmbaseentity"><Key><PropertyRef Name="contactid" /></Key>
<Property Name="contactid" Type="Edm.Guid" /><Property Name="lastname" Type="Edm.String" />
<Property Name="_parentcustomerid_value" Type="Edm.Guid" />
<NavigationProperty Name="parentcustomerid_account" Type="mscrm.account" /></EntityType>
</Schema></edmx:DataServices></edmx:Edmx>"""


@pytest.fixture
def service() -> WebService:
    return WebService(METADATA)


@pytest.fixture
def system(service: WebService) -> Dataverse:
    return Dataverse("https://contoso.crm4.test", [Tokens()], transport=service.transport)


def query(request: httpx2.Request) -> str:
    return unquote(request.url.query.decode())


def found(*rows: dict[str, Any], **more: Any) -> httpx2.Response:
    return json_reply({"value": list(rows), **more})


def test_rows_are_read_by_one_filter_on_the_key(service: WebService, system: Dataverse) -> None:
    contact = {"_primarycontactid_value": TWO.upper(), "_primarycontactid_value@x.formatted": "Berg"}
    service.reply(found(account(ONE, name="Nord", creditlimit=Decimal("1.5000000000"), **contact)))
    rows = system.read(ACCOUNTS, [ONE, TWO.upper()])
    assert query(service.last) == f"{ACCOUNT_SELECT}&$filter=accountid eq {ONE} or accountid eq {TWO}"
    assert service.last.headers["odata-version"] == service.last.headers["odata-maxversion"] == "4.0"
    assert service.last.headers["if-none-match"] == "null"
    assert "prefer" not in service.last.headers
    assert rows[ONE].version == 'W/"2"'
    assert rows[ONE].modified_at == datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert rows[ONE].values == {"name": "Nord", "creditlimit": Decimal("1.5"), "primarycontactid": TWO}
    assert str(rows[ONE].values["creditlimit"]) == "1.5000000000"
    assert TWO not in rows


def test_annotations_are_asked_for_only_where_the_type_of_a_lookup_is_wanted(
    service: WebService, system: Dataverse
) -> None:
    annotation = "_parentcustomerid_value@Microsoft.Dynamics.CRM.lookuplogicalname"
    service.reply(found({"contactid": ONE, "_parentcustomerid_value": TWO, annotation: "contact"}, {"contactid": TWO}))
    rows = system.read(CONTACTS, [ONE, TWO])
    assert service.last.headers["prefer"] == 'odata.include-annotations="Microsoft.Dynamics.CRM.lookuplogicalname"'
    assert "parentcustomeridtype" not in query(service.last)
    assert rows[ONE].values["parentcustomeridtype"] == "contact"
    assert rows[TWO].values == {"lastname": None, "parentcustomerid": None, "parentcustomeridtype": None}


def test_a_column_that_is_only_written_is_not_selected(service: WebService, system: Dataverse) -> None:
    secret = TableColumn("overriddencreatedon", readable=False)
    service.reply(found(account(ONE)))
    rows = system.read(Table("account", "accounts", "accountid", {"overriddencreatedon": secret}), [ONE])
    assert query(service.last).startswith("$select=accountid,modifiedon&")
    assert rows[ONE].values == {}


def test_criteria_are_looked_for_in_one_batch(service: WebService, system: Dataverse) -> None:
    service.reply(batch_reply(part(200, {"value": []}), part(200, {"value": [account(TWO), account(ONE)]})))
    rows = system.find(ACCOUNTS, [{"name": "O'Brien + Søn", "creditlimit": Decimal("1.50")}, {"primarycontactid": TWO}])
    assert [[row.id for row in candidates] for candidates in rows] == [[], [TWO, ONE]]
    lines = [unquote(line) for line in service.last.content.decode().splitlines() if line.startswith("GET ")]
    filters = ["name eq 'O''Brien + Søn' and creditlimit eq 1.50", f"_primarycontactid_value eq {TWO}"]
    assert lines == [
        f"GET /api/data/v9.2/accounts?{ACCOUNT_SELECT}&$filter={filter_}&$top=3 HTTP/1.1" for filter_ in filters
    ]
    assert b"%2B" in service.last.content


def test_key_truth_and_blank_are_written_without_quotes(service: WebService, system: Dataverse) -> None:
    plain = Table("account", "accounts", "accountid", {"creditonhold": TableColumn("creditonhold")})
    service.reply(batch_reply(part(200, {"value": []})))
    system.find(plain, [{"accountid": ONE, "creditonhold": True, "fax": None}])
    assert f"accountid eq {ONE} and creditonhold eq true and fax eq null" in unquote(service.last.content.decode())


def test_a_refused_criterion_is_the_records_fault_alone(service: WebService, system: Dataverse) -> None:
    service.reply(batch_reply(part(400, error_body("0x80048d19", "Syntax error."))))
    with pytest.raises(Skip, match="Syntax error"):
        system.find(ACCOUNTS, [{"name": "x"}])


def test_a_criterion_without_an_answer_is_tried_again(service: WebService, system: Dataverse) -> None:
    service.reply(batch_reply(part(200, {"value": []})))
    with pytest.raises(Retry):
        system.find(ACCOUNTS, [{"name": "x"}, {"name": "y"}])


def test_a_scan_follows_the_link_to_the_next_page_verbatim(service: WebService, system: Dataverse) -> None:
    link = f"{ROOT}/accounts?$select=name&$skiptoken=%3Ccookie%20pagenumber=%222%22%20pagingcookie=%22%253c%22%20/%3E"
    service.reply(found(account(ONE), **{"@odata.nextLink": link}), found(account(TWO)))
    first = system.scan(ACCOUNTS, since=None, cursor=None, page_size=500)
    second = system.scan(ACCOUNTS, since=None, cursor=first.cursor, page_size=500)
    assert (first.cursor, second.cursor) == (link, None)
    assert service.last.url.raw_path.decode() == link.removeprefix("https://contoso.crm4.test")
    assert [request.headers["prefer"] for request in service.requests] == ["odata.maxpagesize=500"] * 2
    assert "$top" not in query(service.requests[0])


def test_a_scan_of_changes_begins_at_the_whole_second(service: WebService, system: Dataverse) -> None:
    service.reply(found())
    system.scan(ACCOUNTS, since=datetime(2026, 11, 22, 10, 0, 0, 999_999, UTC), cursor=None, page_size=10)
    assert query(service.last).endswith("$filter=modifiedon ge 2026-11-22T10:00:00Z&$orderby=modifiedon,accountid")


def test_a_cursor_that_is_no_longer_known_starts_the_scan_over(service: WebService, system: Dataverse) -> None:
    service.reply(error_reply(400, "0x80040203"), found(account(ONE)))
    page = system.scan(ACCOUNTS, since=None, cursor=f"{ROOT}/accounts?$skiptoken=old", page_size=10)
    assert [row.id for row in page.rows] == [ONE]


@pytest.mark.parametrize("lost", [httpx2.ReadTimeout("late"), httpx2.Response(504), httpx2.Response(200, content=b"x")])
def test_a_lost_answer_to_a_read_is_asked_for_again(
    service: WebService, system: Dataverse, lost: httpx2.Response | httpx2.TransportError
) -> None:
    service.reply(lost, lost)
    with pytest.raises(Retry) as raised:
        system.read(ACCOUNTS, [ONE])
    assert not isinstance(raised.value, OutcomeUnknown)
    with pytest.raises(Retry) as raised:
        system.find(ACCOUNTS, [{"name": "x"}])
    assert not isinstance(raised.value, OutcomeUnknown)


def test_a_refused_read_stops_and_says_what_to_check(service: WebService, system: Dataverse) -> None:
    service.reply(error_reply(400, "0x80060888", "Could not find a property named 'nam'."))
    with pytest.raises(Stop, match=r"Could not find a property named 'nam'.*columns of the mapping"):
        system.read(ACCOUNTS, [ONE])


def test_lookups_are_described_by_the_names_that_mappings_use(system: Dataverse) -> None:
    assert system.columns(CONTACTS) == {"contactid", "lastname", "parentcustomerid", "parentcustomeridtype"}


def test_an_unknown_table_is_said_to_be_unknown(system: Dataverse) -> None:
    unknown = Table("contakt", "contakts", "id", {"x": TableColumn("x", ColumnKind.LOOKUP)})
    with pytest.raises(Skip, match="no table contakt"):
        system.columns(unknown)


def test_a_description_that_is_a_gateways_page_is_asked_for_again(service: WebService, system: Dataverse) -> None:
    service.metadata = "<html><body>Sorry</html>"
    with pytest.raises(Retry):
        system.columns(CONTACTS)
    service.metadata = METADATA
    assert "lastname" in system.columns(CONTACTS)
