"""The doubtful points of both systems, each in its other setting."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

from systems.sandbox import BusinessCentralSettings, DataverseSettings, Sandbox, SandboxSettings
from systems.sandbox.business_central.quirks import Quirks
from systems.sandbox.dataverse import quirks as dataverse_quirks
from systems.sandbox.dataverse.webhooks import Webhook
from tests.unit.sandbox import clients
from tests.unit.sandbox.clients import System, error

CHOSEN = "22222222-2222-4222-8222-222222222222"


@contextmanager
def other(quirks: Quirks) -> Iterator[tuple[Sandbox, System]]:
    settings = SandboxSettings(business_central=BusinessCentralSettings(quirks=quirks))
    with Sandbox(settings) as sandbox, clients.business_central(sandbox) as bc:
        yield sandbox, bc


def test_business_central_in_every_other_setting() -> None:
    quirks = Quirks(
        duplicate_key_status=409,
        missing_row_status=400,
        missing_row_code="Internal_RecordNotFound",
        stale_etag_status=412,
        client_ids=True,
        encoded_options=False,
        option_filters=True,
        delete_needs_etag=True,
        balance_changes_etag=False,
    )
    with other(quirks) as (sandbox, bc):
        row = bc.post("customers", {"id": CHOSEN, "number": "A", "displayName": "Nord AS"}).json()
        address = f"customers({CHOSEN})"
        assert row["id"] == CHOSEN
        assert row["blocked"] == " "
        twice = bc.post("customers", {"number": "A", "displayName": "Nord AS"})
        assert error(twice) == (409, "Internal_EntityWithSameKeyExists")
        same_id = bc.post("customers", {"id": CHOSEN, "displayName": "Nord AS"})
        assert error(same_id) == (409, "Internal_EntityWithSameKeyExists")
        assert bc.value("customers?$filter=blocked eq ' '")[0]["id"] == CHOSEN
        sandbox.business_central.post_entry(CHOSEN, Decimal(5))
        assert bc.get(address).headers["etag"] == row["@odata.etag"]
        assert error(bc.delete(address)) == (400, "BadRequest_InvalidToken")
        bc.patch(address, {"city": "Oslo"}, if_match="*")
        assert error(bc.delete(address, if_match=row["@odata.etag"])) == (412, "Request_EntityChanged")
        assert bc.delete(address, if_match="*").status_code == 204
        assert error(bc.get(address)) == (400, "Internal_RecordNotFound")


def test_old_dataverse_servers_leave_the_code_empty() -> None:
    quirks = dataverse_quirks.Quirks(error_codes=False)
    with (
        Sandbox(SandboxSettings(dataverse=DataverseSettings(quirks=quirks))) as sandbox,
        clients.dataverse(sandbox) as dv,
    ):
        assert error(dv.get(f"accounts({CHOSEN})")) == (404, "")


def test_counts_and_slashes_of_dataverse_in_another_setting() -> None:
    bodies: list[bytes] = []
    quirks = dataverse_quirks.Quirks(total_count_limit=2, escaped_slashes=False, offset_in_operation_time=False)
    settings = SandboxSettings(dataverse=DataverseSettings(quirks=quirks))
    with Sandbox(settings) as sandbox, clients.dataverse(sandbox) as dv:
        sandbox.dataverse.register(Webhook(), lambda body, _: bodies.append(body))
        for _ in range(3):
            dv.post("accounts", {"name": "Nord AS"})
        document = dv.get("accounts?$count=true").json()
        assert document["@odata.count"] == 2
        assert document["@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"] is True
        sandbox.dataverse.deliver_now()
        assert sandbox.dataverse.wait_until_delivered(5.0)
    assert b"\\/" not in bodies[0]
    assert b"+0000" not in bodies[0]
