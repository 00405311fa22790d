from datetime import UTC, datetime
from decimal import Decimal

import pytest

from schemas.row import Value
from systems.odata import address, any_of, bare_literal, id_batches, next_page, parse_time, text_literal

ID = "22222222-2222-2222-2222-222222222222"


def test_a_query_is_escaped_and_a_blank_is_never_a_plus() -> None:
    made = address("accounts", select="name,_x_value", filter="name eq 'A+B & 50% #1 søn?'", top="")
    assert made == ("accounts?$select=name,_x_value&$filter=name%20eq%20'A%2BB%20%26%2050%25%20%231%20s%C3%B8n%3F'")
    assert address("accounts", filter="") == "accounts"


def test_quotes_inside_text_are_doubled() -> None:
    assert text_literal("O'Brien's") == "'O''Brien''s'"


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (Decimal("1E+3"), "1000"),
        ("2026-11-22", "2026-11-22"),
    ],
)
def test_other_values_stand_without_quotes(value: Value, literal: str) -> None:
    assert bare_literal(value) == literal


def test_ids_are_batched_so_that_the_longest_address_fits() -> None:
    fixed = "https://x.test/accounts?" + "x" * 4000
    batches = list(id_batches([ID] * 150, "accountid", fixed, 100))
    assert sum(map(len, batches)) == 150
    lengths = [len(address(fixed, filter=any_of("accountid", batch))) for batch in batches]
    assert max(lengths) <= 8050
    assert min(lengths[:-1]) > 7900


def test_an_address_too_long_by_itself_still_takes_one_id_at_a_time() -> None:
    assert [len(batch) for batch in id_batches([ID] * 2, "id", "x" * 9000, 100)] == [1, 1]


@pytest.mark.parametrize(
    ("link", "context", "absolute"),
    [
        ("https://a.test/b?$skiptoken=%3C1%3E", "https://z.test/$metadata#x", "https://a.test/b?$skiptoken=%3C1%3E"),
        ("accounts?$skiptoken=1", "https://a.test/api/$metadata#accounts", "https://a.test/api/accounts?$skiptoken=1"),
        ("/api/accounts?$skiptoken=1", "https://a.test/x/$metadata", "https://a.test/api/accounts?$skiptoken=1"),
        ("?$skiptoken=1", None, "https://asked.test/api/accounts?$skiptoken=1"),
        ("contacts?$skiptoken=1", "$metadata#contacts", "https://asked.test/api/contacts?$skiptoken=1"),
    ],
)
def test_the_next_page_has_an_absolute_address(link: str, context: str | None, absolute: str) -> None:
    document = {"@odata.nextLink": link} | ({"@odata.context": context} if context else {})
    assert next_page(document, "https://asked.test/api/accounts?$top=3") == absolute


def test_the_last_page_has_none_behind_it() -> None:
    assert next_page({"value": []}, "https://asked.test") is None


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2025-02-02T18:26:25.61Z", datetime(2025, 2, 2, 18, 26, 25, 610_000, UTC)),
        ("2026-11-22T10:00:00.1234567Z", datetime(2026, 11, 22, 10, 0, 0, 123_456, UTC)),
        ("2026-11-22T10:00:00+02:00", datetime(2026, 11, 22, 8, tzinfo=UTC)),
        ("2021-06-01", datetime(2021, 6, 1, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", None),
        ("0001-01-01", None),
        ("", None),
        (None, None),
    ],
)
def test_times_are_read_in_every_form_that_servers_give(text: str | None, time: datetime | None) -> None:
    assert parse_time(text) == time
