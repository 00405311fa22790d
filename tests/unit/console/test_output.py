"""What is printed: JSON that programs can read, tables that people can."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from console.output import cell, print_listing, print_record
from schemas import json_codec
from schemas.outcomes import Outcome
from schemas.system import Direction

NOON = datetime(2026, 3, 5, 12, 0, 0, 250_000, tzinfo=UTC)
RECORDS = [{"name": "[bold]A[/bold]", "at": NOON, "rate": Decimal("1.50"), "outcome": Outcome.FAILED, "none": None}]


def test_json_keeps_digits_and_tells_times_in_utc(capsys: pytest.CaptureFixture[str]) -> None:
    print_listing(RECORDS, {"Name": "name"}, as_json=True, empty="Nothing.")

    out, err = capsys.readouterr()
    assert err == ""
    assert '"rate": 1.50' in out
    assert json_codec.decode(out) == [
        {
            "name": "[bold]A[/bold]",
            "at": "2026-03-05T12:00:00.250000Z",
            "rate": Decimal("1.50"),
            "outcome": "Failed",
            "none": None,
        }
    ]


def test_a_table_shows_the_named_columns_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    print_listing(RECORDS, {"Name": "name", "At": "at"}, as_json=False, empty="Nothing.")

    out = capsys.readouterr().out
    assert "[bold]A[/bold]" in out
    assert f"{NOON.astimezone():%Y-%m-%d %H:%M:%S}" in out
    assert "Failed" not in out


def test_lines_are_not_broken_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    print_listing([{"text": "word " * 100}], {"Text": "text"}, as_json=False, empty="Nothing.")

    assert "word " * 99 in capsys.readouterr().out


def test_nothing_is_a_sentence_for_people_and_an_empty_array_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    print_listing([], {"Name": "name"}, as_json=False, empty="Nothing.")
    assert capsys.readouterr() == ("", "Nothing.\n")

    print_listing([], {"Name": "name"}, as_json=True, empty="Nothing.")
    assert capsys.readouterr() == ("[]\n", "")


def test_a_record_leaves_out_what_has_no_value(capsys: pytest.CaptureFixture[str]) -> None:
    print_record({"record_id": "abc", "waits_on": None, "detail": {}}, as_json=False)

    assert capsys.readouterr().out.split() == ["record", "id", "abc"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (True, "yes"),
        (3, "3"),
        (Direction.TO_DATAVERSE, "to Dataverse"),
        (["a", "b"], "a, b"),
        ({"a": Decimal("1.0")}, '{\n  "a": 1.0\n}'),
    ],
)
def test_a_cell_is_for_reading(value: object, shown: str) -> None:
    assert cell(value).plain == shown
