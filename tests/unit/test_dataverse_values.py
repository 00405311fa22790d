"""Values of a RemoteExecutionContext: each type as sent, and what people are shown."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from schemas import json_codec
from schemas.dataverse_values import SentColumn, columns, guid, moment, pairs, read
from tests.support.notifications import ACCOUNT, NO_GUID

FIXTURE = Path(__file__).parent / "fixtures" / "dataverse_context.json"


@pytest.fixture(scope="module")
def sent() -> dict[str, SentColumn]:
    document = json_codec.decode(FIXTURE.read_bytes())
    return {column.name: column for column in columns(pairs(document["InputParameters"])["Target"])}


@pytest.mark.parametrize(
    ("name", "type_", "value"),
    [
        ("fab_shipmentid", "Guid", "0b6c2d1e-4f58-4a39-b7c0-9d8e7f6a5b41"),
        ("fab_title", "string", 'Ærlig talt: \x81 "ok"'),
        ("fab_note", "null", None),
        ("fab_fragile", "boolean", True),
        ("fab_parcels", "integer", 3),
        ("fab_weight", "decimal", Decimal("12.500")),
        ("fab_value", "Money", Decimal(250)),
        ("fab_fee", "Money", Decimal("19.90")),
        ("fab_duty", "Money", None),
        ("fab_state", "OptionSetValue", 7),
        ("fab_tags", "OptionSetValueCollection", [30, 10]),
        ("fab_account", "EntityReference", "account(3e9f5a4b-7c8b-4d66-8ef3-c0b1ac9d8e74)"),
        ("fab_carrier", "EntityReference", "fab_carrier(fab_code=DHL)"),
        ("fab_lines", "EntityCollection", [{"fab_quantity": 2}]),
        ("fab_customizable", "BooleanManagedProperty", False),
        ("fab_ownername", "AliasedValue", "Kari"),
        ("fab_wrappedid", "Guid", "4fa06b5c-8d9c-4e75-9fa4-d1c2bdae9f85"),
        ("fab_wrappedon", "DateTime", "2026-03-05T06:07:08Z"),
        ("modifiedon", "DateTime", "2026-03-05T06:07:08Z"),
        ("fab_bornon", "DateTime", "1969-12-31T00:00:00Z"),
        ("fab_dueon", "DateTime", "2026-03-05T06:07:08.250Z"),
        ("fab_neveron", "string", "/Date(99999999999999999)/"),
        ("fab_picture", "array", [137, 80]),
        ("fab_future", "Novelty", {"Left": 1, "Right": "2"}),
    ],
)
def test_a_column_is_read_by_its_type(sent: dict[str, SentColumn], name: str, type_: str, value: Any) -> None:
    column = sent[name]
    assert (column.type, column.value) == (type_, value)
    assert type(column.value) is type(value)


def test_trailing_zeros_survive(sent: dict[str, SentColumn]) -> None:
    assert str(sent["fab_rate"].value) == "1.0000000000"


def test_a_column_that_was_not_sent_is_absent_and_a_cleared_one_is_null(sent: dict[str, SentColumn]) -> None:
    assert "fab_unheardof" not in sent
    assert sent["fab_note"].value is None


def test_every_column_can_be_written_as_json(sent: dict[str, SentColumn]) -> None:
    values = {name: column.value for name, column in sent.items()}
    assert json_codec.decode(json_codec.encode(values)) == values


@pytest.mark.parametrize(
    ("value", "type_", "plain"),
    [
        ({"Id": ACCOUNT, "LogicalName": "account"}, "EntityReference", f"account({ACCOUNT})"),
        ({"Attributes": [{"key": "name", "value": "A"}]}, "Entity", {"name": "A"}),
        ({"Entities": []}, "EntityCollection", []),
        ({"AttributeLogicalName": "name", "Value": "A"}, "AliasedValue", "A"),
        ({"CanBeChanged": False, "Value": True}, "BooleanManagedProperty", True),
        ({"Value": 3}, "object", 3),
        ({"left": {"Value": 3}}, "object", {"left": 3}),
        ([], "array", []),
        (["a", {"Value": 1}], "array", ["a", 1]),
    ],
)
def test_values_without_a_type_are_told_by_their_members(value: Any, type_: str, plain: Any) -> None:
    assert read(value) == (type_, plain)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (ACCOUNT.upper(), ACCOUNT),
        (f"{{{ACCOUNT}}}", ACCOUNT),
        ({"__type": "Guid:#System", "__value": ACCOUNT}, ACCOUNT),
        (NO_GUID, None),
        ("10000", None),
        (None, None),
        (7, None),
    ],
)
def test_a_guid_is_lower_case_and_the_zero_guid_is_none(value: Any, expected: str | None) -> None:
    assert guid(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("/Date(0)/", datetime(1970, 1, 1, tzinfo=UTC)),
        ("/Date(-1)/", datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)),
        ("/Date(-62135596800000)/", datetime(1, 1, 1, tzinfo=UTC)),
        ("/Date(0+0530)/", datetime(1970, 1, 1, tzinfo=UTC)),
        ("2026-03-05T06:07:08.1234567Z", datetime(2026, 3, 5, 6, 7, 8, 123456, tzinfo=UTC)),
        ("2026-03-05T06:07:08", datetime(2026, 3, 5, 6, 7, 8, tzinfo=UTC)),
        ("0001-01-01T00:00:00+02:00", None),
        ("2026-03-05", None),
        ("/Date(soon)/", None),
        (1772690828000, None),
        (None, None),
    ],
)
def test_milliseconds_are_utc_whatever_offset_is_shown(value: Any, expected: datetime | None) -> None:
    assert moment(value) == expected


@pytest.mark.parametrize(
    ("offset", "hour", "minute"), [("-0700", 17, 0), ("+0530", 5, 30), ("+0000", 0, 0), ("", 0, 0)]
)
def test_local_milliseconds_are_mended_by_their_offset(offset: str, hour: int, minute: int) -> None:
    mended = moment(f"/Date(0{offset})/", add_offset=True)
    assert mended is not None
    assert (mended.hour, mended.minute) == (hour, minute)
