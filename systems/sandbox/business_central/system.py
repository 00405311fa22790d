"""Business Central in the sandbox, as a test or a demo holds it."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from systems.sandbox.admin import AdminApi
from systems.sandbox.business_central import contact_rules
from systems.sandbox.business_central.api import BusinessCentralApi
from systems.sandbox.business_central.company import Company
from systems.sandbox.business_central.notifications import Notifier
from systems.sandbox.business_central.pages import page_named
from systems.sandbox.business_central.presentation import shown
from systems.sandbox.business_central.rows import Rows
from systems.sandbox.business_central.subscriptions import Subscription, Subscriptions
from systems.sandbox.business_central.tables import COMPANY_INFORMATION, CUSTOMER
from systems.sandbox.exchange import User
from systems.sandbox.settings import PERSON, BusinessCentralSettings
from systems.sandbox.store import Clock, Record, Store
from systems.sandbox.system import SandboxSystem
from systems.sandbox.tokens import TokenIssuer

_FIRST_VERSION = 47_000


class BusinessCentral(SandboxSystem):
    """The environment with its one company."""

    def __init__(
        self,
        settings: BusinessCentralSettings,
        *,
        host: str,
        tenant: str,
        tokens: TokenIssuer,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        super().__init__(
            "business-central",
            host=host,
            port=settings.port,
            tokens=tokens,
            store=Store(clock, new_id, _FIRST_VERSION),
            limits=settings.limits,
            latency=settings.latency,
            longest_url=settings.longest_url,
            foreign_resources=("https://api.businesscentral.dynamics.com",),
            delivery_workers=4,
        )
        self.settings = settings
        self._prefix = f"/v2.0/{tenant}/{settings.environment}"
        self._company = Company(settings.company_id, settings.company_name, clock())
        self._subscriptions = Subscriptions(
            self.store, settings.quirks, settings.webhooks, settings.company_id, self._client
        )
        notifier = Notifier(self._subscriptions, settings.webhooks, self._courier, self._client)
        self._rows = Rows(self.store, settings.quirks, settings.local_currency, notifier.changed)
        information = {"displayName": settings.company_name}
        record = self._rows.insert(COMPANY_INFORMATION, information, PERSON)
        with self.store.transaction():
            local = {**record.values, "currencyCode": settings.local_currency}
            self._rows.table(COMPANY_INFORMATION).put(record.id, local)

    @property
    def url(self) -> str:
        """The environment's root; APIs are under ``{url}/api/…``."""
        return f"{self.origin}{self._prefix}"

    @property
    def company_id(self) -> str:
        return self._company.id

    @property
    def subscriptions(self) -> list[Subscription]:
        """Webhook subscriptions that have not expired."""
        return self._subscriptions.all()

    def forget_subscriptions(self) -> None:
        """Lose every subscription, as a copied environment does."""
        for subscription in self._subscriptions.all():
            self._subscriptions.delete(subscription.id)

    def insert(self, entity_set: str, values: Mapping[str, Any], user: User = PERSON) -> dict[str, Any]:
        """A new row, made by a user and not by an API client; every column of the table may be given.

        Raises:
            ApiError: the application refuses it.
        """
        page = page_named(entity_set)
        return self._shown(entity_set, self._rows.insert(page.table, values, user))

    def update(self, entity_set: str, record_id: str, values: Mapping[str, Any], user: User = PERSON) -> dict[str, Any]:
        """Change a row as a user does.

        Raises:
            ApiError: the application refuses it.
            LookupError: there is no such row.
        """
        page = page_named(entity_set)
        with self.store.lock:
            record = self._existing(entity_set, record_id)
            return self._shown(entity_set, self._rows.update(page.table, record, values, user))

    def delete(self, entity_set: str, record_id: str, user: User = PERSON) -> None:
        """Delete a row as a user does.

        Raises:
            ApiError: the application refuses it.
            LookupError: there is no such row.
        """
        with self.store.lock:
            self._rows.delete(page_named(entity_set).table, self._existing(entity_set, record_id), user)

    def row(self, entity_set: str, record_id: str) -> dict[str, Any]:
        """A row as the API shows it.

        Raises:
            LookupError: there is no such row.
        """
        with self.store.lock:
            return self._shown(entity_set, self._existing(entity_set, record_id))

    def rows(self, entity_set: str, **equal: Any) -> list[dict[str, Any]]:
        """Rows as the API shows them whose columns equal ``equal``, by key."""
        page = page_named(entity_set)
        with self.store.lock:
            table = self._rows.table(page.table)
            found = [record for record in map(table.get, table.ordered(page.table.key).ids(0)) if record]
            return [
                self._shown(entity_set, record)
                for record in found
                if all(record.values[name] == value for name, value in equal.items())
            ]

    def count(self, entity_set: str) -> int:
        with self.store.lock:
            return len(self._rows.table(page_named(entity_set).table))

    def company_contact_number(self, entity_set: str, record_id: str) -> str:
        """The number of the contact that stands for a customer or vendor: what its people name as their company.

        Raises:
            LookupError: there is none.
        """
        with self.store.lock:
            contact = contact_rules.company_contact(self._rows, page_named(entity_set).table, record_id)
        if contact is None:
            raise LookupError(f"{entity_set}({record_id}) has no contact")
        return str(contact.values["number"])

    def post_entry(self, customer_id: str, amount: Decimal) -> None:
        """Post to a customer's ledger: its balance is another, its modification time is not.

        Raises:
            LookupError: there is no such customer.
        """
        with self.store.transaction():
            record = self._existing("customers", customer_id)
            values = {**record.values, "balanceDue": record.values["balanceDue"] + amount}
            version = None if self.settings.quirks.balance_changes_etag else record.version
            self._rows.table(CUSTOMER).put(record.id, values, version)

    def _existing(self, entity_set: str, record_id: str) -> Record:
        record = self._rows.table(page_named(entity_set).table).get(record_id)
        if record is None:
            raise LookupError(f"{entity_set}({record_id}) does not exist")
        return record

    def _shown(self, entity_set: str, record: Record) -> dict[str, Any]:
        return shown(page_named(entity_set), record, encoded_options=self.settings.quirks.encoded_options)

    def _build(self) -> tuple[BusinessCentralApi, AdminApi]:
        api = BusinessCentralApi(self._prefix, self._company, self._rows, self._subscriptions, self.faults)
        return api, AdminApi(self)
