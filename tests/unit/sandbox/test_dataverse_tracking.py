"""Change tracking of Dataverse."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from systems.sandbox import Sandbox, SandboxSettings
from tests.unit.sandbox import clients
from tests.unit.sandbox.clients import System, error

TRACK = "odata.track-changes"


@dataclass
class Tracked:
    """A fresh organization, with a clock to turn."""

    dv: System
    sandbox: Sandbox
    now: list[datetime]

    def read(self, path: str, **headers: str) -> tuple[list[dict[str, Any]], str]:
        """All entries of all pages, and the delta link."""
        entries: list[dict[str, Any]] = []
        link = path
        while True:
            document = self.dv.get(link, **headers).json()
            entries += document["value"]
            if "@odata.deltaLink" in document:
                return entries, document["@odata.deltaLink"]
            link = document["@odata.nextLink"]

    def account(self, name: str) -> str:
        return str(self.sandbox.dataverse.insert("accounts", {"name": name})["accountid"])


@pytest.fixture
def tracked() -> Iterator[Tracked]:
    now = [datetime(2026, 11, 22, 10, tzinfo=UTC)]
    with Sandbox(SandboxSettings(clock=lambda: now[0])) as sandbox, clients.dataverse(sandbox) as dv:
        yield Tracked(dv, sandbox, now)


def test_first_everything_then_what_has_changed(tracked: Tracked) -> None:
    kept, changed, gone = (tracked.account(name) for name in ("kept", "changed", "gone"))
    first, delta = tracked.read("accounts?$select=name", prefer=TRACK)
    assert {row["accountid"] for row in first} == {kept, changed, gone}
    tracked.sandbox.dataverse.delete("accounts", gone)
    tracked.sandbox.dataverse.update("accounts", changed, {"name": "once"})
    tracked.sandbox.dataverse.update("accounts", changed, {"name": "twice"})
    new = tracked.account("new")
    entries, delta = tracked.read(delta)
    assert [entry.get("name") for entry in entries] == ["twice", "new", None]
    assert entries[1]["accountid"] == new
    assert entries[2]["@odata.context"].endswith("$metadata#accounts/$deletedEntity")
    assert (entries[2]["id"], entries[2]["reason"]) == (gone, "deleted")
    assert tracked.read(delta)[0] == []


def test_only_the_last_page_has_a_delta_link(tracked: Tracked) -> None:
    for number in range(7):
        tracked.account(f"firm {number}")
    answer = tracked.dv.get("accounts?$select=name", prefer=f"{TRACK},odata.maxpagesize=3")
    assert answer.headers["preference-applied"] == TRACK
    assert "@odata.deltaLink" not in answer.json()
    entries, delta = tracked.read("accounts?$select=name", prefer=f"{TRACK},odata.maxpagesize=3")
    assert len(entries) == 7
    for entry in entries[:5]:
        tracked.sandbox.dataverse.delete("accounts", entry["accountid"])
    tracked.sandbox.dataverse.update("accounts", entries[6]["accountid"], {"name": "changed"})
    changes, _ = tracked.read(delta, prefer="odata.maxpagesize=2")
    assert [change.get("id", change.get("name")) for change in changes] == [
        "changed",
        *(entry["accountid"] for entry in entries[:5]),
    ]


def test_what_changes_while_pages_are_read_comes_with_the_next_delta(tracked: Tracked) -> None:
    ids = [tracked.account(f"firm {number}") for number in range(4)]
    first = tracked.dv.get("accounts?$select=name", prefer=f"{TRACK},odata.maxpagesize=2").json()
    tracked.sandbox.dataverse.update("accounts", ids[0], {"name": "changed"})
    tracked.sandbox.dataverse.delete("accounts", ids[1])
    last = tracked.dv.get(first["@odata.nextLink"], prefer=f"{TRACK},odata.maxpagesize=2").json()
    changes, _ = tracked.read(last["@odata.deltaLink"])
    assert [change.get("name", change.get("id")) for change in changes] == ["changed", ids[1]]


def test_a_row_that_came_and_went_shows_as_deleted(tracked: Tracked) -> None:
    _, delta = tracked.read("accounts", prefer=TRACK)
    passing = tracked.account("passing")
    tracked.sandbox.dataverse.delete("accounts", passing)
    assert [entry["id"] for entry in tracked.read(delta)[0]] == [passing]


def test_a_restored_row_is_not_deleted(tracked: Tracked) -> None:
    account = tracked.account("restored")
    _, delta = tracked.read("accounts?$select=name", prefer=TRACK)
    tracked.sandbox.dataverse.delete("accounts", account)
    tracked.sandbox.dataverse.insert("accounts", {"accountid": account, "name": "again"})
    assert [entry.get("name") for entry in tracked.read(delta)[0]] == ["again"]


def test_a_token_expires_after_a_week(tracked: Tracked) -> None:
    _, delta = tracked.read("accounts", prefer=TRACK)
    tracked.now[0] += timedelta(days=8)
    with clients.dataverse(tracked.sandbox) as dv:
        assert error(dv.get(delta)) == (400, "0x80044352")


@pytest.mark.parametrize("option", ["$filter=name eq 'x'", "$orderby=name", "$top=1"])
def test_options_that_do_not_go_with_tracking_are_refused(tracked: Tracked, option: str) -> None:
    answer = tracked.dv.get(f"accounts?{option}", prefer=TRACK)
    assert answer.status_code == 400
    assert "isn't supported when Change Tracking is enabled" in answer.json()["error"]["message"]
