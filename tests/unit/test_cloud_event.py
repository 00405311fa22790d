"""CloudEvents: what a change event looks like on a topic, and that nothing of it is lost there."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import cloud_event, json_codec
from schemas.change_event import ChangeEvent, ChangeKind
from schemas.errors import DeadLetter
from schemas.system import System

RECORD = "3d0f8a52-7c41-4b1e-9a66-0c5b2d7e1f90"
COMPANY = "5b7a1c9e-2f60-4d38-8e11-a4c9d0b3f275"
ENVELOPE: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e-1",
    "source": f"/business_central/{COMPANY}",
    "type": "twinrow.modified",
    "subject": f"customers/{RECORD}",
    "time": "2026-03-05T06:07:08.123Z",
}

_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
_some_text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
_moments = st.datetimes(timezones=st.just(UTC))


@st.composite
def change_events(draw: st.DrawFn) -> ChangeEvent:
    kind = draw(st.sampled_from(ChangeKind))
    whole_table = kind is ChangeKind.COLLECTION
    return ChangeEvent(
        id=draw(_text),
        system=draw(st.sampled_from(System)),
        table=draw(st.from_regex(r"[A-Za-z_]\w{0,20}", fullmatch=True)),
        record_id=None if whole_table else draw(_text),
        kind=kind,
        time=draw(_moments),
        since=draw(st.none() | _moments) if whole_table else None,
        company=draw(st.none() | _some_text),
        run_id=draw(st.none() | _text),
        origin=draw(st.none() | _text),
        actor=draw(st.none() | _text),
        traceparent=draw(st.none() | _text),
        tracestate=draw(st.none() | _text),
    )


@given(change_events())
def test_an_event_comes_back_from_its_message_unchanged(event: ChangeEvent) -> None:
    assert cloud_event.decode(json_codec.decode(cloud_event.encode(event).body)) == event


def test_a_record_event_is_written_with_the_attributes_of_cloud_events() -> None:
    event = ChangeEvent(
        id="e-1",
        system=System.BUSINESS_CENTRAL,
        table="customers",
        record_id=RECORD,
        kind=ChangeKind.SYNC_ALL,
        time=datetime(2026, 3, 5, 8, 7, 8, tzinfo=timezone(timedelta(hours=2))),
        company=COMPANY,
        run_id="run-7",
    )
    message = cloud_event.encode(event)
    assert json_codec.decode(message.body) == {
        "specversion": "1.0",
        "id": "e-1",
        "source": f"/business_central/{COMPANY}",
        "type": "twinrow.sync_all",
        "subject": f"customers/{RECORD}",
        "time": "2026-03-05T06:07:08Z",
        "runid": "run-7",
    }
    assert message.key == f"business_central:customers:{RECORD}"
    assert message.headers == {"content-type": "application/cloudevents+json; charset=utf-8"}


def test_a_collection_carries_its_lower_bound_as_data() -> None:
    event = ChangeEvent(
        id="e-2",
        system=System.BUSINESS_CENTRAL,
        table="vendors",
        record_id=None,
        kind=ChangeKind.COLLECTION,
        time=datetime(2026, 3, 5, tzinfo=UTC),
        since=datetime(2026, 3, 4, 23, tzinfo=UTC),
    )
    message = cloud_event.encode(event)
    document = json_codec.decode(message.body)
    assert (document["subject"], document["datacontenttype"]) == ("vendors", "application/json")
    assert document["data"] == {"since": "2026-03-04T23:00:00Z"}
    assert message.key == "business_central:vendors:"


def test_a_trace_goes_into_the_headers_too() -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    event = cloud_event.decode(ENVELOPE | {"traceparent": trace})
    assert cloud_event.encode(event).headers["traceparent"] == trace


def test_a_slash_in_a_record_id_belongs_to_the_record_id() -> None:
    assert cloud_event.decode(ENVELOPE | {"subject": "items/A/B 01"}).record_id == "A/B 01"


def test_times_of_other_zones_are_read_as_utc() -> None:
    event = cloud_event.decode(ENVELOPE | {"time": "2026-03-05T08:07:08+02:00"})
    assert event.time == datetime(2026, 3, 5, 6, 7, 8, tzinfo=UTC)
    assert event.time.tzinfo is UTC


def test_unknown_attributes_are_ignored() -> None:
    assert cloud_event.decode(ENVELOPE | {"partitionkey": 7}) == cloud_event.decode(ENVELOPE)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"specversion": "0.3"}, "specversion"),
        ({"id": 7}, "id"),
        ({"type": "com.example.created"}, "com.example.created"),
        ({"source": "/elsewhere"}, "/elsewhere"),
        ({"source": "business_central"}, "business_central"),
        ({"subject": "customers"}, "customers"),
        ({"subject": f"/{RECORD}"}, RECORD),
        ({"type": "twinrow.collection"}, "twinrow.collection"),
        ({"time": "yesterday"}, "time"),
        ({"time": "2026-03-05T06:07:08"}, "time"),
        ({"time": "0001-01-01T00:00:00+05:00"}, "date value out of range"),
        ({"data": {"since": "then"}}, "since"),
    ],
)
def test_a_faulty_envelope_is_refused_by_the_name_of_its_fault(change: dict[str, Any], told: str) -> None:
    with pytest.raises(DeadLetter, match=told) as refused:
        cloud_event.decode(ENVELOPE | change)
    assert refused.value.code == "bad_cloud_event"


@pytest.mark.parametrize("attribute", sorted(ENVELOPE))
def test_no_required_attribute_may_be_missing(attribute: str) -> None:
    with pytest.raises(DeadLetter, match=attribute):
        cloud_event.decode({name: value for name, value in ENVELOPE.items() if name != attribute})
