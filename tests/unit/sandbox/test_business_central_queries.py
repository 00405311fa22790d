"""Filters, orders and pages of Business Central."""

import pytest

from tests.unit.sandbox.clients import System, error


@pytest.fixture(scope="module")
def terms() -> list[str]:
    return [f"T{number:02}" for number in range(25)]


@pytest.fixture(autouse=True)
def filled(bc: System, terms: list[str]) -> None:
    if not bc.value("paymentTerms"):
        for number, code in enumerate(terms):
            row = {"code": code, "displayName": f"Term {number}", "discountPercent": number % 5}
            assert bc.post("paymentTerms", row).status_code == 201


def codes(bc: System, query: str) -> list[str]:
    return [row["code"] for row in bc.value(f"paymentTerms?{query}")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("code eq 'T03'", ["T03"]),
        ("code eq 'T03' or code eq 'T07'", ["T03", "T07"]),
        ("discountPercent gt 3 and code lt 'T10'", ["T04", "T09"]),
        ("discountPercent ge 4 and (code eq 'T04' or code eq 'T05')", ["T04"]),
        ("startswith(code,'T2')", ["T20", "T21", "T22", "T23", "T24"]),
        ("endswith(displayName,'m 7')", ["T07"]),
        ("contains(displayName,'24')", ["T24"]),
        ("tolower(displayName) eq 'term 11'", ["T11"]),
        ("displayName eq 'TERM 11'", []),
        ("not startswith(code,'T')", []),
        ("code eq 'O''Neill'", []),
    ],
)
def test_a_filter_finds(bc: System, text: str, expected: list[str]) -> None:
    assert codes(bc, f"$filter={text}") == expected


@pytest.mark.parametrize(
    "text",
    [
        "code eq 'T01' or displayName eq 'Term 2'",
        "nonsense eq 1",
        "code eq 5",
        "code eq",
        "(code eq 'T01'",
        "code+eq+'T01'",
        "length(code) eq 3",
    ],
)
def test_a_filter_that_the_server_cannot_do_is_refused(bc: System, text: str) -> None:
    assert error(bc.get(f"paymentTerms?$filter={text}".replace(" ", "%20"))) == (400, "BadRequest")


def test_a_filter_on_an_option_is_refused(bc: System) -> None:
    assert error(bc.get("customers?$filter=blocked eq 'All'")) == (400, "BadRequest")


def test_rows_are_found_by_id_and_by_time(bc: System) -> None:
    first = bc.value("paymentTerms?$filter=code eq 'T03'")[0]
    assert codes(bc, f"$filter=id eq {first['id']}") == ["T03"]
    assert "T03" in codes(bc, f"$filter=lastModifiedDateTime ge {first['lastModifiedDateTime']}")
    assert "T02" not in codes(bc, f"$filter=lastModifiedDateTime gt {first['lastModifiedDateTime']}")


def test_orders_both_ways_and_over_two_columns(bc: System) -> None:
    assert codes(bc, "$orderby=code desc&$top=2") == ["T24", "T23"]
    mixed = bc.value("paymentTerms?$orderby=discountPercent desc,code&$top=6")
    assert [(row["discountPercent"], row["code"]) for row in mixed][:6] == [
        (4, "T04"),
        (4, "T09"),
        (4, "T14"),
        (4, "T19"),
        (4, "T24"),
        (3, "T03"),
    ]


def test_pages_follow_each_other_without_gap_or_overlap(bc: System, terms: list[str]) -> None:
    pages = bc.pages("paymentTerms?$select=code", prefer="odata.maxpagesize=10")
    assert [len(page) for page in pages] == [10, 10, 5]
    assert [row["code"] for page in pages for row in page] == terms


@pytest.mark.parametrize("order", ["code desc", "discountPercent desc,code", "lastModifiedDateTime,id"])
def test_pages_work_in_every_order_and_with_a_filter(bc: System, order: str) -> None:
    pages = bc.pages(f"paymentTerms?$filter=code ge 'T05'&$orderby={order}", prefer="odata.maxpagesize=7")
    paged = [row["code"] for page in pages for row in page]
    assert paged == codes(bc, f"$filter=code ge 'T05'&$orderby={order}")
    assert len(paged) == 20


def test_a_page_is_stable_while_rows_before_it_go(bc: System) -> None:
    for code in ("U1", "U2", "U3"):
        bc.post("shipmentMethods", {"code": code})
    first = bc.get("shipmentMethods", prefer="odata.maxpagesize=2").json()
    bc.delete(f"shipmentMethods({first['value'][1]['id']})")
    rest = bc.value(first["@odata.nextLink"], prefer="odata.maxpagesize=2")
    assert [row["code"] for row in rest] == ["U3"]


def test_top_and_skip_give_no_next_link(bc: System) -> None:
    document = bc.get("paymentTerms?$top=3&$skip=2", prefer="odata.maxpagesize=2").json()
    assert "@odata.nextLink" not in document
    document = bc.get("paymentTerms?$top=3&$skip=2").json()
    assert [row["code"] for row in document["value"]] == ["T02", "T03", "T04"]


def test_count_counts_what_the_filter_leaves(bc: System) -> None:
    assert bc.get("paymentTerms?$count=true&$top=1&$filter=code lt 'T05'").json()["@odata.count"] == 5


def test_a_page_beyond_the_limit_is_refused(bc: System) -> None:
    assert bc.get("paymentTerms", prefer="odata.maxpagesize=20001").status_code == 413


def test_an_unknown_column_is_refused(bc: System) -> None:
    for query in ("$select=nonsense", "$orderby=nonsense", "$expand=nonsense", "$skiptoken=nonsense", "$nonsense=1"):
        assert bc.get(f"paymentTerms?{query}").status_code == 400


def test_select_leaves_the_etag(bc: System) -> None:
    assert bc.value("paymentTerms?$select=code&$top=1")[0].keys() == {"@odata.etag", "code"}


def test_an_address_that_is_too_long_is_refused(bc: System) -> None:
    assert bc.get(f"paymentTerms?$filter=code eq '{'x' * 9000}'").status_code == 414
