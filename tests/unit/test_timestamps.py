"""Moments as text."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import timestamps


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_moment_comes_back_from_its_text(moment: datetime) -> None:
    assert timestamps.parse(timestamps.text(moment)) == moment


@pytest.mark.parametrize(
    ("microsecond", "written"),
    [(0, "2026-03-05T06:07:08Z"), (120000, "2026-03-05T06:07:08.120Z"), (120001, "2026-03-05T06:07:08.120001Z")],
)
def test_text_has_no_more_digits_than_needed_and_is_in_utc(microsecond: int, written: str) -> None:
    local = datetime(2026, 3, 5, 8, 7, 8, microsecond, tzinfo=timezone(timedelta(hours=2)))
    assert timestamps.text(local) == written


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-05T06:07:08Z", datetime(2026, 3, 5, 6, 7, 8, tzinfo=UTC)),
        ("2026-03-05T06:07:08.05Z", datetime(2026, 3, 5, 6, 7, 8, 50000, tzinfo=UTC)),
        ("2026-03-05T06:07:08.1234567Z", datetime(2026, 3, 5, 6, 7, 8, 123456, tzinfo=UTC)),
        ("2026-03-05T06:07:08-02:30", datetime(2026, 3, 5, 8, 37, 8, tzinfo=UTC)),
        ("2026-03-05T06:07:08", datetime(2026, 3, 5, 6, 7, 8, tzinfo=UTC)),
    ],
)
def test_both_systems_spellings_are_read(text: str, expected: datetime) -> None:
    moment = timestamps.parse(text)
    assert moment == expected
    assert moment.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    ["", "2026-03-05", "2026-03-05 06:07:08Z", "20260305T060708Z", "2026-13-05T06:07:08Z", "0001-01-01T00:00:00+05:00"],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        timestamps.parse(text)
