"""Creating, reading, changing and deleting rows of Dataverse."""

import uuid
from typing import Any

import pytest

from systems.sandbox import DataverseSettings, Sandbox, SandboxSettings
from systems.sandbox.dataverse.quirks import Quirks
from tests.unit.sandbox import clients
from tests.unit.sandbox.clients import System, error

WHOLE = "return=representation"


def made(dv: System, entity_set: str, **values: Any) -> dict[str, Any]:
    answer = dv.post(entity_set, values, prefer=WHOLE)
    assert answer.status_code == 201, answer.text
    row: dict[str, Any] = answer.json()
    return row


def address(entity_set: str, row: dict[str, Any]) -> str:
    return f"{entity_set}({row[entity_set.removesuffix('s') + 'id']})"


def test_a_new_row_is_answered_with_its_address_only(dv: System) -> None:
    answer = dv.post("accounts", {"name": "Nord AS"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert dv.get(answer.headers["odata-entityid"]).json()["name"] == "Nord AS"


def test_on_demand_a_write_is_answered_with_the_row(dv: System) -> None:
    row = made(dv, "accounts", name="Nord AS", creditlimit=500)
    changed = dv.patch(address("accounts", row), {"telephone1": "1"}, prefer=WHOLE)
    assert changed.status_code == 200
    assert changed.headers["preference-applied"] == WHOLE
    assert (changed.json()["name"], changed.json()["telephone1"]) == ("Nord AS", "1")
    chosen = dv.patch(f"{address('accounts', row)}?$select=creditlimit", {"telephone1": "2"}, prefer=WHOLE).json()
    assert chosen.keys() - {"@odata.context", "@odata.etag"} == {
        "creditlimit",
        "_transactioncurrencyid_value",
        "accountid",
    }


def test_the_etag_is_the_version_number(dv: System) -> None:
    row = made(dv, "accounts", name="Nord AS")
    assert row["@odata.etag"] == f'W/"{row["versionnumber"]}"'


def test_the_caller_chooses_an_id_and_not_twice(dv: System) -> None:
    chosen = str(uuid.uuid4())
    assert made(dv, "accounts", accountid=chosen, name="Nord AS")["accountid"] == chosen
    assert error(dv.post("accounts", {"accountid": chosen, "name": "Nord AS"})) == (412, "0x80040237")


@pytest.mark.parametrize(
    ("condition", "on_existing", "on_missing"),
    [
        ({}, 204, 204),
        ({"if_match": "*"}, 204, (404, "0x80040217")),
        ({"if_none_match": "*"}, (412, "0x80040237"), 204),
        ({"if_match": 'W/"1"'}, (412, "0x80060882"), (404, "0x80040217")),
    ],
)
def test_conditions_decide_between_creating_and_updating(
    dv: System, condition: dict[str, str], on_existing: Any, on_missing: Any
) -> None:
    row = made(dv, "accounts", name="Nord AS")
    for target, expected in ((address("accounts", row), on_existing), (f"accounts({uuid.uuid4()})", on_missing)):
        answer = dv.patch(target, {"telephone1": "1"}, **condition)
        assert (answer.status_code if answer.status_code == 204 else error(answer)) == expected


def test_a_bare_patch_brings_a_deleted_row_back(dv: System) -> None:
    row = made(dv, "accounts", name="Nord AS", telephone1="1")
    dv.delete(address("accounts", row))
    answer = dv.patch(address("accounts", row), {"name": "Nord AS"}, prefer=WHOLE)
    assert answer.status_code == 201
    assert answer.json()["telephone1"] is None


def test_the_present_version_may_be_changed_and_deleted(dv: System) -> None:
    row = made(dv, "accounts", name="Nord AS")
    changed = dv.patch(address("accounts", row), {"name": "Sør AS"}, if_match=row["@odata.etag"], prefer=WHOLE).json()
    assert error(dv.delete(address("accounts", row), if_match=row["@odata.etag"])) == (412, "0x80060882")
    assert dv.delete(address("accounts", row), if_match=changed["@odata.etag"]).status_code == 204
    assert error(dv.delete(address("accounts", row))) == (404, "0x80040217")


def test_an_unchanged_row_is_not_sent_again(dv: System) -> None:
    row = made(dv, "accounts", name="Nord AS")
    assert dv.get(address("accounts", row), if_none_match=row["@odata.etag"]).status_code == 304
    assert dv.get(address("accounts", row), if_none_match='W/"1"').status_code == 200


def test_writing_the_same_value_counts_as_a_change(dv: System) -> None:
    row = made(dv, "accounts", name="Nord AS")
    again = dv.patch(address("accounts", row), {"name": "Nord AS"}, prefer=WHOLE).json()
    assert again["versionnumber"] > row["versionnumber"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"name": "x" * 161}, (400, "0x80044331")),
        ({"nonsense": 1}, (400, "0x80048d19")),
        ({"name": 5}, (400, "0x80048d19")),
        ({"creditlimit": "5"}, (400, "0x80048d19")),
        ({"customertypecode": 99}, (400, "0x80044330")),
        ({"PrimaryContactId@odata.bind": None}, (400, "0x80048d19")),
        ({"_primarycontactid_value": str(uuid.uuid4())}, (400, "0x80048d19")),
        ({"primarycontactid@odata.bind": "/accounts(22222222-2222-2222-2222-222222222222)"}, (400, "0x80048d19")),
        ({"primarycontactid@odata.bind": "/contacts(22222222-2222-2222-2222-222222222222)"}, (404, "0x80040217")),
        ({"statecode": 0, "statuscode": 2}, (400, "0x80048408")),
    ],
)
def test_a_payload_is_refused(dv: System, values: dict[str, Any], expected: tuple[int, str]) -> None:
    assert error(dv.post("accounts", {"name": "Nord AS", **values})) == expected


def test_lookups_are_bound_read_and_cleared(dv: System) -> None:
    account, other = made(dv, "accounts", name="Nord AS"), made(dv, "accounts", name="Sør AS")
    bound = {"parentcustomerid_account@odata.bind": f"/accounts({account['accountid']})"}
    contact = made(dv, "contacts", firstname="Kari", lastname="Nordmann", **bound)
    assert contact["_parentcustomerid_value"] == account["accountid"]
    assert contact["fullname"] == "Kari Nordmann"
    target = address("contacts", contact)
    parent = {"parentcustomerid_contact@odata.bind": f"{dv.root}/{target}"}
    assert dv.patch(target, parent, prefer=WHOLE).json()["_parentcustomerid_value"] == contact["contactid"]
    reference = {"@odata.id": f"accounts({other['accountid']})"}
    assert dv.request("PUT", f"{target}/parentcustomerid_account/$ref", json=reference).status_code == 204
    assert dv.get(target).json()["_parentcustomerid_value"] == other["accountid"]
    assert dv.delete(f"{target}/parentcustomerid_account/$ref").status_code == 204
    assert dv.get(target).json()["_parentcustomerid_value"] is None
    assert dv.patch(target, {"parentcustomerid_account@odata.bind": None}).status_code == 204


def test_annotations_tell_which_table_a_lookup_points_to(dv: System, sandbox: Sandbox) -> None:
    account = made(dv, "accounts", name="Nord AS", **{"ownerid@odata.bind": f"/teams({sandbox.dataverse.team_id})"})
    columns = "$select=_ownerid_value,customertypecode"
    row = dv.get(f"{address('accounts', account)}?{columns}", prefer='odata.include-annotations="*"').json()
    assert row["_ownerid_value@Microsoft.Dynamics.CRM.lookuplogicalname"] == "team"
    assert row["_ownerid_value@Microsoft.Dynamics.CRM.associatednavigationproperty"] == "ownerid"
    assert row["_ownerid_value@OData.Community.Display.V1.FormattedValue"].startswith("BCI")
    assert "customertypecode@OData.Community.Display.V1.FormattedValue" not in row
    one = 'odata.include-annotations="Microsoft.Dynamics.CRM.lookuplogicalname"'
    row = dv.get(f"{address('accounts', account)}?{columns}", prefer=one).json()
    assert [name for name in row if "@" in name[1:] and not name.startswith("@")] == [
        "_ownerid_value@Microsoft.Dynamics.CRM.lookuplogicalname"
    ]
    plain = dv.get(f"{address('accounts', account)}?{columns}").json()
    assert not [name for name in plain if "@Microsoft" in name]


def test_the_owner_decides_the_owning_team_or_user(dv: System, sandbox: Sandbox) -> None:
    row = made(dv, "accounts", name="Nord AS")
    assert row["_ownerid_value"] == row["_owninguser_value"] == sandbox.client.user.id
    team = {"ownerid@odata.bind": f"/teams({sandbox.dataverse.team_id})"}
    row = dv.patch(address("accounts", row), team, prefer=WHOLE).json()
    assert (row["_owningteam_value"], row["_owninguser_value"]) == (sandbox.dataverse.team_id, None)


def test_deactivating_sets_the_status_and_deletes_nothing(dv: System) -> None:
    row = made(dv, "accounts", name="Nord AS")
    row = dv.patch(address("accounts", row), {"statecode": 1}, prefer=WHOLE).json()
    assert (row["statecode"], row["statuscode"]) == (1, 2)


def test_contacts_of_a_deleted_account_lose_their_parent(dv: System) -> None:
    account = made(dv, "accounts", name="Nord AS")
    bound = {"parentcustomerid_account@odata.bind": f"/accounts({account['accountid']})"}
    contact = made(dv, "contacts", lastname="Nordmann", **bound)
    dv.delete(address("accounts", account))
    after = dv.get(address("contacts", contact)).json()
    assert after["_parentcustomerid_value"] is None
    assert after["versionnumber"] > contact["versionnumber"]


def test_contacts_of_a_deleted_account_go_along_where_the_relationship_says_so() -> None:
    settings = SandboxSettings(dataverse=DataverseSettings(quirks=Quirks(contacts_of_deleted_account="deleted")))
    with Sandbox(settings) as sandbox, clients.dataverse(sandbox) as dv:
        account = made(dv, "accounts", name="Nord AS")
        bound = {"parentcustomerid_account@odata.bind": f"/accounts({account['accountid']})"}
        contact = made(dv, "contacts", lastname="Nordmann", **bound)
        dv.delete(address("accounts", account))
        assert dv.get(address("contacts", contact)).status_code == 404


def test_one_column_is_read_written_and_cleared_by_itself(dv: System) -> None:
    target = f"{address('accounts', made(dv, 'accounts', name='Nord AS'))}/telephone1"
    assert dv.request("PUT", target, json={"value": "1"}).status_code == 204
    assert dv.get(target).json()["value"] == "1"
    assert dv.delete(target).status_code == 204
    assert dv.get(target).json()["value"] is None


def test_modified_time_is_in_whole_seconds_and_versions_are_finer(dv: System) -> None:
    rows = [made(dv, "accounts", name="Nord AS") for _ in range(3)]
    assert all("." not in row["modifiedon"] and row["modifiedon"].endswith("Z") for row in rows)
    assert len({row["versionnumber"] for row in rows}) == 3


def test_read_only_columns_are_silently_left_alone(dv: System) -> None:
    row = made(dv, "accounts", name="Nord AS", modifiedon="2001-01-01T00:00:00Z", versionnumber=1)
    assert row["modifiedon"] > "2020"
    assert row["versionnumber"] > 1


def test_money_has_a_currency_and_a_base_amount(dv: System) -> None:
    rate = {"isocurrencycode": "NOK", "currencyname": "Krone", "currencysymbol": "kr", "exchangerate": 10}
    krone = made(dv, "transactioncurrencies", **rate)
    bound = {"transactioncurrencyid@odata.bind": f"/transactioncurrencies({krone['transactioncurrencyid']})"}
    assert made(dv, "accounts", name="Nord AS", creditlimit=500, **bound)["creditlimit_base"] == 50
    assert made(dv, "accounts", name="Nord AS", creditlimit=500)["creditlimit_base"] == 500
    again = dv.post("transactioncurrencies", rate)
    assert again.status_code == 400


def test_a_currency_needs_an_exchange_rate(dv: System) -> None:
    row = {"isocurrencycode": "SEK", "currencyname": "Krona", "currencysymbol": "kr"}
    assert error(dv.post("transactioncurrencies", row)) == (400, "0x80040203")


def test_who_am_i_says_who_writes(dv: System, sandbox: Sandbox) -> None:
    me = dv.get("WhoAmI").json()
    assert me["UserId"] == sandbox.client.user.id
    assert made(dv, "accounts", name="Nord AS")["_modifiedby_value"] == me["UserId"]
    assert dv.get(f"systemusers({me['UserId']})").json()["isintegrationuser"] is True


def test_errors_explain_themselves_on_demand(dv: System) -> None:
    answer = dv.get(f"accounts({uuid.uuid4()})", prefer='odata.include-annotations="*"').json()
    assert "@Microsoft.PowerApps.CDS.HelpLink" in answer["error"]


def test_what_is_not_there_is_not_found(dv: System) -> None:
    for path in ("nonsense", "accounts(22222222-2222-2222-2222-222222222222)/nonsense", "accounts/nonsense"):
        assert dv.get(path).status_code == 404
    assert dv.request("PUT", "accounts", json={}).status_code == 405


def test_metadata_lists_tables_and_navigation(dv: System) -> None:
    text = dv.get("$metadata").text
    assert '<NavigationProperty Name="parentcustomerid_account" Type="mscrm.account" Nullable="true">' in text
    assert '<Property Name="_parentcustomerid_value" Type="Edm.Guid" />' in text
    assert '<EntitySet Name="transactioncurrencies"' in text
