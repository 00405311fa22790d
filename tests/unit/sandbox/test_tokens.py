"""The token endpoint and the tokens it gives."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from systems.sandbox import Sandbox, SandboxSettings
from tests.unit.sandbox import clients
from tests.unit.sandbox.clients import System


def test_a_token_of_one_system_is_refused_by_the_other(bc: System, dv: System) -> None:
    borrowed = {"authorization": f"Bearer {dv.token}"}
    assert bc.request("GET", "customers", headers=borrowed).status_code == 401
    assert dv.request("GET", "accounts", headers={"authorization": f"Bearer {bc.token}"}).status_code == 401


def test_without_a_token_business_central_answers_with_its_own_code(bc: System) -> None:
    answer = bc.request("GET", "customers", headers={"authorization": ""})
    assert clients.error(answer) == (401, "Authentication_InvalidCredentials")


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"scope": "https://api.businesscentral.dynamics.com/user_impersonation"}, 400, "invalid_scope"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
def test_a_token_is_refused(sandbox: Sandbox, changed: dict[str, str], status: int, code: str) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_id": sandbox.client.client_id,
        "client_secret": sandbox.client.client_secret,
        "scope": "https://api.businesscentral.dynamics.com/.default",
    }
    answer = httpx2.post(sandbox.token_url, data=form | changed, trust_env=False)
    assert (answer.status_code, answer.json()["error"]) == (status, code)


def test_a_token_expires() -> None:
    now = [datetime(2026, 11, 22, 10, tzinfo=UTC)]
    settings = SandboxSettings(clock=lambda: now[0], token_lifetime=timedelta(minutes=10))
    with Sandbox(settings) as sandbox, clients.business_central(sandbox) as bc:
        assert bc.get("customers").status_code == 200
        now[0] += timedelta(minutes=11)
        assert bc.get("customers").status_code == 401


def test_a_revoked_token_is_refused_and_a_new_one_taken(sandbox: Sandbox) -> None:
    with clients.dataverse(sandbox) as before:
        sandbox.tokens.revoke_all()
        assert before.get("WhoAmI").status_code == 401
        with clients.dataverse(sandbox) as after:
            assert after.get("WhoAmI").status_code == 200


def test_the_client_decides_who_has_changed_a_row() -> None:
    known = SandboxSettings().clients[0]
    other = replace(
        known,
        client_id="00000000-0000-4000-8000-0000000000c2",
        user=replace(known.user, id="00000000-0000-4000-8000-0000000000a2"),
    )
    with (
        Sandbox(SandboxSettings(clients=(known, other))) as sandbox,
        clients.dataverse(sandbox, client=other) as dv,
    ):
        assert dv.get("WhoAmI").json()["UserId"] == other.user.id
        account = dv.post("accounts", {"name": "Nord AS"}, prefer="return=representation").json()
        assert account["_modifiedby_value"] == other.user.id


def test_a_secret_is_not_shown(sandbox: Sandbox) -> None:
    assert sandbox.client.client_secret not in repr(sandbox.settings)
