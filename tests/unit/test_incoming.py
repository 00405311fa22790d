"""Messages on a topic: each format is recognised, each refusal tells what to do, and good parts survive bad ones."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import cloud_event, incoming, json_codec
from schemas.change_event import ChangeEvent, ChangeKind
from schemas.dataverse_values import SentColumn
from schemas.errors import DeadLetter
from schemas.system import System
from tests.support.notifications import ACCOUNT, CUSTOMER, context, entity, entry, notification, parameters, typed

EVENT = ChangeEvent("e-1", System.DATAVERSE, "account", ACCOUNT, ChangeKind.MODIFIED, datetime(2026, 3, 5, tzinfo=UTC))
CLOUD_EVENT = json_codec.decode(cloud_event.encode(EVENT).body)
ARRIVED = datetime(2026, 3, 6, tzinfo=UTC)


def body(document: Any) -> bytes:
    return json_codec.encode(document)


def refusal(raw: bytes) -> DeadLetter:
    with pytest.raises(DeadLetter) as error:
        incoming.events(raw)
    return error.value


def ids(found: list[ChangeEvent]) -> list[str | None]:
    return [event.record_id for event in found]


@pytest.mark.parametrize(
    ("document", "format_", "record_ids"),
    [
        (CLOUD_EVENT, incoming.CLOUD_EVENT, [ACCOUNT]),
        ([CLOUD_EVENT, CLOUD_EVENT], incoming.CLOUD_EVENT, [ACCOUNT, ACCOUNT]),
        (context(), incoming.CONTEXT, [ACCOUNT]),
        (notification(entry(), entry()), incoming.NOTIFICATION, [CUSTOMER, CUSTOMER]),
        (notification(), incoming.NOTIFICATION, []),
        ([], incoming.UNKNOWN, []),
    ],
)
def test_every_format_is_recognised(document: Any, format_: str, record_ids: list[str]) -> None:
    assert ids(incoming.events(body(document))) == record_ids
    assert {part.format for part in incoming.inspect(body(document))} <= {format_}


def test_a_byte_order_mark_is_no_obstacle() -> None:
    assert ids(incoming.events(b"\xef\xbb\xbf" + body(notification(entry())))) == [CUSTOMER]


@pytest.mark.parametrize(
    ("raw", "code", "told"),
    [
        (b'<?xml version="1.0"?><RemoteExecutionContext/>', "xml", "Message Format to JSON"),
        (b"\xef\xbb\xbf <RemoteExecutionContext/>", "xml", "Message Format to JSON"),
        (b"@\x16RemoteExecutionContext\x08\x3chttp://", "binary", "Message Format to JSON"),
        (b"", "not_json", "truncated"),
        (b'{"value": [', "not_json", "truncated"),
        (b"[" * 100_000, "not_json", "recursion"),
        (b"[1e99999999999999999999]", "not_json", "InvalidOperation"),
        (b'"\xff"', "not_json", "utf-8"),
        (b"7", "unknown_format", "a number"),
        (b"null", "unknown_format", "null"),
        (b"true", "unknown_format", "true or false"),
        (b'"text"', "unknown_format", "a text"),
        (b"[[]]", "unknown_format", "a list"),
        (b"{}", "unknown_format", "none"),
        (b'{"method": "POST", "query": {"validationToken": "t"}}', "unknown_format", "method, query"),
        (b'{"error": {"code": "0x80060882", "message": "..."}}', "api_answer", "0x80060882"),
        (b'{"error": {"code": "", "message": "..."}}', "api_answer", "without a code"),
        (b'{"@odata.context": "$metadata#customers", "value": [{"id": "1"}]}', "api_answer", "no change"),
        (b'[{"@odata.etag": "W/1", "id": "1"}]', "api_answer", "no change"),
        (b'{"id": "1", "code": "NOK", "lastModifiedDateTime": "2026-03-05T06:07:08Z"}', "api_answer", "no change"),
        (b'{"notificationUrl": "https://x.example.test", "resource": "api/v2.0/c"}', "subscription", "subscription"),
        (b'{"eventName": "Posted", "payload": {}, "clientState": "x"}', "business_event", "Posted"),
        (b'{"specversion": "1.0"}', "bad_cloud_event", "id"),
        (b'{"InputParameters": []}', "incomplete_context", "MessageName"),
        (b'{"ProviderName": "dyn365bc", "Request": "["}', "bad_notification", "Request"),
        (b'{"value": [{"changeType": "updated"}]}', "bad_notification_entry", "resource is missing"),
    ],
)
def test_what_is_no_change_is_refused_with_a_reason(raw: bytes, code: str, told: str) -> None:
    reason = refusal(raw)
    assert reason.code == code
    assert told in reason.text
    [part] = incoming.inspect(raw)
    assert isinstance(part.result, DeadLetter)
    assert (part.result.code, part.result.text, part.columns) == (code, reason.text, None)


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_whatever_comes_is_read_or_refused(raw: bytes) -> None:
    reading = incoming.read(raw)
    assert reading.events == []
    assert [part.body for part in reading.unreadable] in ([raw], [])


def test_a_bad_part_does_not_lose_the_good_ones() -> None:
    raw = body(notification(entry(), entry(resource="nonsense"), entry()))
    reading = incoming.read(raw)
    assert ids(reading.events) == [CUSTOMER, CUSTOMER]
    [refused] = reading.unreadable
    assert refused.reason.code == "bad_notification_entry"
    assert refusal(refused.body).text == refused.reason.text
    assert refusal(raw).text == refused.reason.text


def test_a_message_refused_as_a_whole_keeps_its_bytes() -> None:
    raw = b'{ "MessageName" : null }'
    [refused] = incoming.read(raw).unreadable
    assert refused.body == raw


def test_unreadable_parts_do_not_show_their_content() -> None:
    reading = incoming.read(body(notification(entry(), {"changeType": "updated", "resource": "x", "name": "private"})))
    assert "private" not in repr(reading)


def test_the_time_of_arrival_stands_in_for_a_missing_one() -> None:
    timeless = [context(OperationCreatedOn=None), notification(entry(lastModifiedDateTime=None))]
    assert [event.time for event in incoming.events(body(timeless), received=ARRIVED)] == [ARRIVED, ARRIVED]


def test_a_body_that_a_receiver_refused_is_not_read_again() -> None:
    headers = incoming.unreadable_header(DeadLetter("Nobody: vouched", code="not_a_notification"))
    with pytest.raises(DeadLetter, match=r"^Nobody: vouched$") as error:
        incoming.events(body(CLOUD_EVENT), headers=headers)
    assert error.value.code == "not_a_notification"


def test_the_header_of_a_refusal_is_short() -> None:
    [header] = incoming.unreadable_header(DeadLetter("x" * 100_000, code="c")).values()
    assert len(header) == 1000


def test_people_see_the_columns_of_a_context() -> None:
    target = entity("account", ACCOUNT, name="Fabrikam", creditlimit=typed("Money", Value=500), telephone1=None)
    [part] = incoming.inspect(body(context(InputParameters=parameters(Target=target))))
    assert isinstance(part.result, ChangeEvent)
    assert part.columns == [
        SentColumn("name", "string", "Fabrikam"),
        SentColumn("creditlimit", "Money", Decimal(500)),
        SentColumn("telephone1", "null", None),
    ]


@pytest.mark.parametrize(
    ("document", "columns"),
    [
        (notification(entry()), None),
        (CLOUD_EVENT, None),
        (context(InputParameters=None), None),
        (context("Delete", InputParameters=None), []),
        (context(InputParameters=parameters(Target=entity("account", ACCOUNT))), []),
    ],
)
def test_unknown_columns_are_told_from_none(document: Any, columns: list[SentColumn] | None) -> None:
    [part] = incoming.inspect(body(document))
    assert part.columns == columns


def test_a_file_may_hold_an_array_of_messages() -> None:
    parts = incoming.inspect(body([context(), notification(entry(), entry(resource="x")), CLOUD_EVENT, 7]))
    assert [(part.format, isinstance(part.result, ChangeEvent)) for part in parts] == [
        (incoming.CONTEXT, True),
        (incoming.NOTIFICATION, True),
        (incoming.NOTIFICATION, False),
        (incoming.CLOUD_EVENT, True),
        (incoming.UNKNOWN, False),
    ]


def test_a_file_may_hold_a_message_a_line() -> None:
    raw = b"\r\n".join([body(context()), b"", body(CLOUD_EVENT), b"{cut", body(notification(entry()))]) + b"\n"
    parts = incoming.inspect(raw)
    assert [part.format for part in parts] == [
        incoming.CONTEXT,
        incoming.CLOUD_EVENT,
        incoming.UNKNOWN,
        incoming.NOTIFICATION,
    ]
    assert isinstance(parts[2].result, DeadLetter)
    assert refusal(raw).code == "not_json"


def test_a_cut_document_of_many_lines_is_one_unreadable_document() -> None:
    [part] = incoming.inspect(b'{\n"value":\n[\n1\n,\n{}\n')
    assert isinstance(part.result, DeadLetter)
    assert part.result.code == "not_json"
