"""Asking both systems to tell of changes, as an administrator would."""

import httpx2

from console.composition import Composition
from producers.receiver import KEY_HEADER
from schemas.errors import Stop
from schemas.system import System
from systems.credentials import BearerAuth
from systems.sandbox import Sandbox
from systems.sandbox.dataverse.webhooks import Webhook


def subscribe_to_business_central(composition: Composition, receiver: str) -> None:
    """One webhook subscription a table; each is made once the receiver has repeated a token (*Working with webhooks*).

    Raises:
        Stop: Business Central refuses.
    """
    settings = composition.settings
    section = settings.business_central
    with httpx2.Client(trust_env=False, auth=BearerAuth(composition.principals[System.BUSINESS_CENTRAL][0])) as client:
        for table in _tables(composition, System.BUSINESS_CENTRAL):
            subscription = {
                "notificationUrl": f"{receiver}/business-central",
                "resource": f"api/v2.0/companies({section.company})/{table}",
                "clientState": settings.receiver.secret("client_state"),
            }
            answer = client.post(f"{section.url}/api/v2.0/subscriptions", json=subscription)
            if not answer.is_success:
                raise Stop(f"Business Central refuses a subscription to {table}: {answer.status_code} {answer.text}")


def register_with_dataverse(composition: Composition, sandbox: Sandbox, receiver: str) -> None:
    """One webhook for all tables."""
    key = composition.settings.receiver.secret("webhook_key") or ""
    tables = frozenset(_tables(composition, System.DATAVERSE))
    sandbox.dataverse.register(Webhook(f"{receiver}/dataverse", headers={KEY_HEADER: key}, tables=tables))


def _tables(composition: Composition, system: System) -> list[str]:
    return sorted({mapping.table_name(system) for mapping in composition.loaded.mappings.mappings})
