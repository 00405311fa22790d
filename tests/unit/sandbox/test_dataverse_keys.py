"""Alternate keys of Dataverse."""

from collections.abc import Iterator

import pytest

from systems.sandbox import DataverseSettings, Sandbox, SandboxSettings
from systems.sandbox.dataverse.quirks import Quirks
from tests.unit.sandbox import clients
from tests.unit.sandbox.clients import System, error

WHOLE = "return=representation"


@pytest.fixture(scope="module")
def keyed() -> Iterator[System]:
    quirks = Quirks(alternate_keys={"account": (("accountnumber",),), "contact": (("parentcustomerid", "lastname"),)})
    with (
        Sandbox(SandboxSettings(dataverse=DataverseSettings(quirks=quirks))) as sandbox,
        clients.dataverse(sandbox) as dv,
    ):
        yield dv


def test_a_key_creates_first_and_updates_then(keyed: System) -> None:
    first = keyed.patch("accounts(accountnumber='A1')", {"name": "Nord AS"}, prefer=WHOLE)
    assert (first.status_code, first.json()["accountnumber"]) == (201, "A1")
    second = keyed.patch("accounts(accountnumber='a1')", {"name": "Sør AS", "accountnumber": "ignored"}, prefer=WHOLE)
    assert (second.status_code, second.json()["accountnumber"]) == (200, "A1")
    assert second.json()["accountid"] == first.json()["accountid"]


def test_a_key_binds(keyed: System) -> None:
    account = keyed.post("accounts", {"name": "Nord AS", "accountnumber": "It's"}, prefer=WHOLE).json()
    bound = {"lastname": "Berg", "parentcustomerid_account@odata.bind": "/accounts(accountnumber='It''s')"}
    contact = keyed.post("contacts", bound, prefer=WHOLE).json()
    assert contact["_parentcustomerid_value"] == account["accountid"]
    several = f"contacts(_parentcustomerid_value={account['accountid']},lastname='Berg')"
    assert keyed.get(several).json()["contactid"] == contact["contactid"]


def test_a_key_is_unique_and_nothing_is_not_a_value(keyed: System) -> None:
    assert keyed.post("accounts", {"name": "Nord AS", "accountnumber": "B1"}).status_code == 204
    assert error(keyed.post("accounts", {"name": "Nord AS", "accountnumber": "B1"})) == (412, "0x80060892")
    for _ in range(2):
        assert keyed.post("accounts", {"name": "Nord AS"}).status_code == 204


def test_a_column_that_is_no_key_is_refused(keyed: System) -> None:
    assert error(keyed.get("accounts(name='Nord AS')")) == (400, "0x80060888")
    assert keyed.get("accounts(accountnumber='missing')").status_code == 404
