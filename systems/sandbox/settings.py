"""What a sandbox is started with."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from systems.sandbox.business_central.quirks import Quirks as BusinessCentralQuirks
from systems.sandbox.business_central.subscriptions import WebhookSettings
from systems.sandbox.dataverse.quirks import Quirks as DataverseQuirks
from systems.sandbox.dataverse.webhooks import EventSettings
from systems.sandbox.exchange import User
from systems.sandbox.latency import Latency
from systems.sandbox.limits import Limits
from systems.sandbox.tokens import Client

INTEGRATION_USER = User("00000000-0000-4000-8000-0000000000a1", "Integration")
PERSON = User("00000000-0000-4000-8000-0000000000b1", "Alex Person")

REAL_BUSINESS_CENTRAL_LIMITS = Limits(requests=6000, concurrent=5, queued=95)
REAL_DATAVERSE_LIMITS = Limits(requests=6000, execution_time=timedelta(minutes=20), concurrent=52)


def _integration_client() -> tuple[Client, ...]:
    return (Client("00000000-0000-4000-8000-0000000000c1", "sandbox-secret", INTEGRATION_USER),)


def _random_id() -> str:
    return str(uuid.uuid4())


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class BusinessCentralSettings:
    """The Business Central side; ``port`` 0 takes a free one."""

    port: int = 0
    environment: str = "sandbox"
    company_id: str = "11111111-1111-4111-8111-111111111111"
    company_name: str = "Fabrikam Trading"
    local_currency: str = "EUR"
    quirks: BusinessCentralQuirks = field(default_factory=BusinessCentralQuirks)
    webhooks: WebhookSettings = field(default_factory=WebhookSettings)
    limits: Limits = field(default_factory=Limits)
    latency: Latency = field(default_factory=Latency)
    longest_url: int = 8 * 1024


@dataclass(frozen=True, slots=True)
class DataverseSettings:
    """The Dataverse side; ``port`` 0 takes a free one."""

    port: int = 0
    organization: str = "sandboxorg"
    base_currency: str = "EUR"
    quirks: DataverseQuirks = field(default_factory=DataverseQuirks)
    events: EventSettings = field(default_factory=EventSettings)
    limits: Limits = field(default_factory=Limits)
    latency: Latency = field(default_factory=Latency)
    longest_url: int = 32 * 1024


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """Both systems and what they share.

    Attributes:
        clients: the registered applications.
        token_lifetime: after which a bearer token is refused.
        clock: the time in both systems; delays of deliveries are wall-clock time.
        new_id: gives the ids of new rows.
    """

    host: str = "127.0.0.1"
    tenant: str = "contoso.example"
    clients: tuple[Client, ...] = field(default_factory=_integration_client)
    token_lifetime: timedelta = timedelta(hours=1)
    clock: Callable[[], datetime] = _now
    new_id: Callable[[], str] = _random_id
    business_central: BusinessCentralSettings = field(default_factory=BusinessCentralSettings)
    dataverse: DataverseSettings = field(default_factory=DataverseSettings)
