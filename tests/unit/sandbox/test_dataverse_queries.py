"""Filters, orders, pages and counts of Dataverse."""

import pytest

from systems.sandbox import Sandbox
from tests.unit.sandbox.clients import System, error


@pytest.fixture(autouse=True)
def filled(sandbox: Sandbox) -> None:
    if not sandbox.dataverse.count("accounts"):
        for number in range(25):
            row = {
                "name": f"Firm {number:02}",
                "customertypecode": 3 if number % 2 else 11,
                "creditonhold": number > 20,
            }
            sandbox.dataverse.insert("accounts", row)


def names(dv: System, query: str) -> list[str]:
    return [row["name"] for row in dv.value(f"accounts?{query}")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name eq 'FIRM 03'", ["Firm 03"]),
        ("name eq 'Firm 03' or customertypecode eq 3 and name lt 'Firm 02'", ["Firm 01", "Firm 03"]),
        ("contains(name,'M 2')", ["Firm 20", "Firm 21", "Firm 22", "Firm 23", "Firm 24"]),
        ("creditonhold eq true and customertypecode eq 11", ["Firm 22", "Firm 24"]),
        ("telephone1 ne null", []),
        (
            "startswith(name,'Firm 0') and telephone1 eq null and not contains(name,'9')",
            [f"Firm 0{n}" for n in range(9)],
        ),
    ],
)
def test_a_filter_finds(dv: System, text: str, expected: list[str]) -> None:
    assert names(dv, f"$filter={text}&$orderby=name") == expected


def test_lookups_are_compared_with_ids(dv: System, sandbox: Sandbox) -> None:
    owner = dv.value("accounts?$top=1")[0]["_ownerid_value"]
    assert len(names(dv, f"$filter=_ownerid_value eq {owner}")) == 25
    assert names(dv, f"$filter=_ownerid_value eq {sandbox.dataverse.team_id}") == []


@pytest.mark.parametrize(
    "query",
    [
        "$filter=nonsense eq 1",
        "$filter=name eq 5",
        "$filter=name",
        "$skip=1",
        "$select=nonsense",
        "$orderby=nonsense",
        "$select=primarycontactid",
        "$expand=primarycontactid",
        "$top=x",
    ],
)
def test_a_query_is_refused(dv: System, query: str) -> None:
    assert error(dv.get(f"accounts?{query}")) == (400, "0x80060888")


def test_pages_follow_each_other_without_gap_or_overlap(dv: System) -> None:
    for query in ("$select=name", "$orderby=name desc", "$orderby=modifiedon,accountid", "$filter=name ge 'Firm'"):
        pages = dv.pages(f"accounts?{query}", prefer="odata.maxpagesize=10")
        assert [len(page) for page in pages] == [10, 10, 5]
        assert len({row["accountid"] for page in pages for row in page}) == 25


def test_a_next_link_holds_a_cookie_that_only_the_platform_reads(dv: System) -> None:
    link = dv.get("accounts?$select=name", prefer="odata.maxpagesize=10").json()["@odata.nextLink"]
    assert "$skiptoken=%3Ccookie%20pagenumber%3D%222%22" in link
    assert dv.get(link.replace("pagenumber", "page")).status_code == 400


def test_counts_stop_at_the_limit(dv: System) -> None:
    document = dv.get("accounts?$count=true&$top=1&$filter=customertypecode eq 3").json()
    assert document["@odata.count"] == 12
    assert document["@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"] is False
    assert dv.get("accounts/$count").text == "25"
