"""Business Central's notifications: every form an address can take, and entries that do not spoil each other."""

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas import json_codec
from schemas.business_central_notification import entries, is_notification
from schemas.change_event import ChangeEvent, ChangeKind
from schemas.errors import DeadLetter
from schemas.system import System
from tests.support.notifications import COMPANY, CUSTOMER, NO_GUID, USER, entry, notification

CHANGED = datetime(2026, 3, 5, 6, 7, 8, 123000, tzinfo=UTC)


def read(**members: Any) -> ChangeEvent:
    result = entries(notification(entry(**members)))[0].result
    assert isinstance(result, ChangeEvent), result
    return result


def refused(**members: Any) -> DeadLetter:
    result = entries(notification(entry(**members)))[0].result
    assert isinstance(result, DeadLetter), result
    return result


def test_an_entry_becomes_an_event_of_its_record() -> None:
    event = read()
    assert (event.system, event.table, event.record_id) == (System.BUSINESS_CENTRAL, "customers", CUSTOMER)
    assert (event.kind, event.time, event.company) == (ChangeKind.MODIFIED, CHANGED, COMPANY)
    assert (event.since, event.actor, event.origin) == (None, None, None)


@pytest.mark.parametrize(
    ("change_type", "kind"),
    [("created", ChangeKind.MODIFIED), ("updated", ChangeKind.MODIFIED), ("deleted", ChangeKind.DELETED)],
)
def test_the_change_type_gives_the_kind(change_type: str, kind: ChangeKind) -> None:
    assert read(change_type=change_type).kind is kind


@pytest.mark.parametrize(
    "root",
    [
        "api/v2.0/",
        "/api/v2.0/",
        "/api/v1.0/",
        "api/beta/",
        "/api/fabrikam/sales/v1.3/",
        "api/fabrikam/sales/beta/",
        "https://api.businesscentral.dynamics.com/v2.0/fabrikam.com/Production/api/v2.0/",
        "https://api.businesscentral.dynamics.com/v2.0/7c1e/Api/api/fabrikam/sales/v1.0/",
        "https://erp.example.test:7048/BC/api/v2.0/",
    ],
)
def test_every_api_route_leads_to_the_same_record(root: str) -> None:
    event = read(resource=f"{root}companies({COMPANY})/customers({CUSTOMER})")
    assert (event.table, event.record_id, event.company) == ("customers", CUSTOMER, COMPANY)


@pytest.mark.parametrize(
    ("key", "record_id"),
    [
        (CUSTOMER.upper(), CUSTOMER),
        ("4711", "4711"),
        ("'NOK'", "NOK"),
        ("'O''NEIL'", "O'NEIL"),
        ("'O%27%27NEIL'", "O'NEIL"),
        ("%27A%27", "A"),
        ("'A%2FB (1)'", "A/B (1)"),
        ("'A/B (1)'", "A/B (1)"),
        ("'#1303?'", "#1303?"),
        ("'5%25 NET'", "5% NET"),
        ("''", ""),
    ],
)
def test_keys_are_guids_numbers_and_escaped_codes(key: str, record_id: str) -> None:
    assert read(resource=f"api/v2.0/companies({COMPANY})/currencies({key})").record_id == record_id


@pytest.mark.parametrize(
    ("resource", "company"),
    [
        (f"api/v2.0/companies({COMPANY.upper()})/customers({CUSTOMER})", COMPANY),
        (f"api/v2.0/customers({CUSTOMER})?company={COMPANY.upper()}", COMPANY),
        (f"api/v2.0/customers({CUSTOMER})?tenant=t&company=Fabrikam%20Norge", "Fabrikam Norge"),
        (f"api/v2.0/companies('Fabrikam Norge')/customers({CUSTOMER})", "Fabrikam Norge"),
        (f"api/v2.0/customers({CUSTOMER})", None),
    ],
)
def test_the_company_stands_in_the_path_or_in_the_query(resource: str, company: str | None) -> None:
    event = read(resource=resource)
    assert (event.company, event.record_id) == (company, CUSTOMER)


def test_the_innermost_table_of_a_nested_address_is_the_one_that_changed() -> None:
    resource = f"api/v2.0/companies({COMPANY})/salesOrders({NO_GUID})/salesOrderLines({CUSTOMER})"
    assert read(resource=resource).table == "salesOrderLines"


@pytest.mark.parametrize(
    "query",
    [
        "?$filter=lastModifiedDateTime%20gt%202026-03-05T06:06:00.05Z",
        "?$filter=lastDateTimeModified%20gt%202026-03-05T06:06:00.05Z",
        "?$filter=systemModifiedAt+gt+2026-03-05T06:06:00.05Z",
        "?company=x&$filter=lastModifiedDateTime gt 2026-03-05T07:06:00.05+01:00",
        "?%24filter=blocked%20eq%20'_x0020_'%20and%20lastModifiedDateTime%20ge%202026-03-05T06%3A06%3A00.05Z",
    ],
)
def test_a_collection_is_bounded_by_its_filter(query: str) -> None:
    event = read(resource=f"/api/v2.0/companies({COMPANY})/vendors{query}", change_type="collection")
    assert (event.kind, event.table, event.record_id) == (ChangeKind.COLLECTION, "vendors", None)
    assert event.since == datetime(2026, 3, 5, 6, 6, 0, 50000, tzinfo=UTC)


@pytest.mark.parametrize("query", ["", "/", "?", "?$filter=blocked eq ' '", "?$filter=lastModifiedDateTime gt 2026"])
def test_a_collection_without_a_readable_bound_means_any_row(query: str) -> None:
    event = read(resource=f"/api/v2.0/companies({COMPANY})/vendors{query}", change_type="collection")
    assert (event.table, event.since) == ("vendors", None)


def test_the_same_notification_again_has_the_same_id() -> None:
    assert read().id == read(clientState="rotated", expirationDateTime="2026-03-11T06:00:00Z").id


@pytest.mark.parametrize(
    "change",
    [
        {"subscriptionId": "another"},
        {"resource": f"api/v2.0/companies({COMPANY})/vendors({CUSTOMER})"},
        {"change_type": "deleted"},
        {"lastModifiedDateTime": "2026-03-05T06:07:08.124Z"},
    ],
)
def test_another_change_has_another_id(change: dict[str, Any]) -> None:
    assert read(**change).id != read().id


@pytest.mark.parametrize(("user", "actor"), [(USER.upper(), USER), ("", None), (NO_GUID, None), (None, None)])
def test_the_acting_user_is_told_where_there_is_one(user: str | None, actor: str | None) -> None:
    assert read(initiatingAadUserId=user).actor == actor


def test_subscriptions_of_virtual_tables_send_their_entries_as_text() -> None:
    request = json_codec.encode([entry(initiatingAadUserId=USER), entry(change_type="deleted")]).decode()
    document = {"ProviderName": "dyn365bc", "Request": request}
    assert is_notification(document)
    first, second = (item.result for item in entries(document))
    assert isinstance(first, ChangeEvent)
    assert isinstance(second, ChangeEvent)
    assert (first.actor, second.kind) == (USER, ChangeKind.DELETED)


@pytest.mark.parametrize("request_text", ["{", "7", '{"value": []}'])
def test_a_virtual_table_request_without_a_list_is_refused(request_text: str) -> None:
    with pytest.raises(DeadLetter) as error:
        entries({"ProviderName": "dyn365bc", "Request": request_text})
    assert error.value.code == "bad_notification"


def test_one_bad_entry_leaves_the_others_alone() -> None:
    read_entries = entries(notification(entry(), entry(change_type="renamed"), "nonsense", entry()))
    assert [isinstance(item.result, ChangeEvent) for item in read_entries] == [True, False, False, True]
    assert read_entries[1].alone == {"value": [{**_without_secret(entry(change_type="renamed"))}]}
    assert read_entries[2].alone == {"value": ["nonsense"]}


def _without_secret(raw: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in raw.items() if name != "clientState"}


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"change_type": "renamed"}, "renamed"),
        ({"changeType": None}, "changeType is missing"),
        ({"resource": f"companies({COMPANY})/customers({CUSTOMER})"}, "no API route"),
        ({"resource": "https://elsewhere.example.test/customers"}, "no API route"),
        ({"resource": "api/v2.0/"}, "cannot be read"),
        ({"resource": f"api/v2.0/customers({CUSTOMER})garbage"}, "cannot be read"),
        ({"resource": f"api/v2.0/companies({COMPANY})/customers"}, "needs the key"),
        ({"resource": "api/v2.0/lines(documentId='A',sequence=1)"}, "key"),
        ({"lastModifiedDateTime": None}, "lastModifiedDateTime"),
        ({"lastModifiedDateTime": "soon"}, "soon"),
    ],
)
def test_a_bad_entry_is_refused_by_the_name_of_its_fault(members: dict[str, Any], told: str) -> None:
    reason = refused(**members)
    assert reason.code == "bad_notification_entry"
    assert told in reason.text


@pytest.mark.parametrize("value", [None, "soon"])
def test_the_time_of_arrival_stands_in_for_a_missing_one(value: str | None) -> None:
    arrived = datetime(2026, 3, 5, 6, 8, tzinfo=UTC)
    [item] = entries(notification(entry(lastModifiedDateTime=value)), received=arrived)
    assert isinstance(item.result, ChangeEvent)
    assert item.result.time == arrived


def test_the_secret_is_given_but_never_shown() -> None:
    [item] = entries(notification(entry(clientState="s3cret")))
    assert item.client_state == "s3cret"
    assert "s3cret" not in repr(item)


@pytest.mark.parametrize("client_state", [None, 7])
def test_an_entry_without_a_secret_has_none(client_state: object) -> None:
    assert entries(notification(entry(clientState=client_state)))[0].client_state is None


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (notification(), True),
        (notification(entry()), True),
        (notification({"subscriptionId": "x"}), True),
        (notification({"id": CUSTOMER, "number": "10000"}), False),
        ({"@odata.context": "…/subscriptions", **notification(entry())}, False),
        ({"value": "x"}, False),
        ([], False),
    ],
)
def test_a_notification_is_told_from_answers_of_the_api(document: object, expected: bool) -> None:
    assert is_notification(document) is expected
