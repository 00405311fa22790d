"""A sandbox and clients of it."""

from collections.abc import Iterator

import pytest

from systems.sandbox import BusinessCentralSettings, DataverseSettings, Sandbox, SandboxSettings
from systems.sandbox.business_central.subscriptions import WebhookSettings
from systems.sandbox.dataverse.webhooks import EventSettings
from tests.unit.sandbox import clients
from tests.unit.sandbox.clients import System
from tests.unit.sandbox.receiver import Receiver, receiving

SOON = 0.02


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """With the real behaviour, except that it delivers at once."""
    settings = SandboxSettings(
        business_central=BusinessCentralSettings(webhooks=WebhookSettings(delay=SOON, retry_factor=0.0005)),
        dataverse=DataverseSettings(events=EventSettings(delay=SOON, retry_delay=SOON)),
    )
    with Sandbox(settings) as running:
        yield running


@pytest.fixture
def bc(sandbox: Sandbox) -> Iterator[System]:
    with clients.business_central(sandbox) as system:
        yield system


@pytest.fixture
def bc_root(sandbox: Sandbox) -> Iterator[System]:
    with clients.business_central(sandbox, company=False) as system:
        yield system


@pytest.fixture
def cards(sandbox: Sandbox) -> Iterator[System]:
    """The custom API."""
    with clients.business_central(sandbox, "contoso/crm/v1.0") as system:
        yield system


@pytest.fixture
def dv(sandbox: Sandbox) -> Iterator[System]:
    with clients.dataverse(sandbox) as system:
        yield system


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running
