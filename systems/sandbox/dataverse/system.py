"""Dataverse in the sandbox, as a test or a demo holds it."""

import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from systems.sandbox.dataverse.admin import DataverseAdmin
from systems.sandbox.dataverse.api import DataverseApi
from systems.sandbox.dataverse.choices import Choices
from systems.sandbox.dataverse.organization import Organization
from systems.sandbox.dataverse.payload import PayloadReader
from systems.sandbox.dataverse.presentation import Presentation
from systems.sandbox.dataverse.rows import Caller, Rows
from systems.sandbox.dataverse.tables import (
    BC_COMPANY,
    BUSINESS_UNIT,
    BY_SET,
    CURRENCY,
    SYSTEM_USER,
    TEAM,
    TableDefinition,
)
from systems.sandbox.dataverse.webhooks import Sink, Webhook, Webhooks
from systems.sandbox.exchange import User
from systems.sandbox.settings import PERSON, DataverseSettings
from systems.sandbox.store import Clock, Record, Store
from systems.sandbox.system import SandboxSystem
from systems.sandbox.tokens import Client, TokenIssuer

_FIRST_VERSION = 2_264_000
_NAMES = uuid.UUID("7d7d5f0c-6f5e-4b57-9d53-0f3f3b0a1c11")


class Dataverse(SandboxSystem):
    """The organization, with its root business unit, a team, users and the base currency."""

    def __init__(
        self,
        settings: DataverseSettings,
        *,
        host: str,
        company_id: str,
        company_name: str,
        clients: tuple[Client, ...],
        tokens: TokenIssuer,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        super().__init__(
            "dataverse",
            host=host,
            port=settings.port,
            tokens=tokens,
            store=Store(clock, new_id, _FIRST_VERSION),
            limits=settings.limits,
            latency=settings.latency,
            longest_url=settings.longest_url,
            foreign_resources=(),
            delivery_workers=8 if settings.quirks.unordered_events else 1,
        )
        self.settings = settings
        ids = {name: str(uuid.uuid5(_NAMES, name)) for name in ("organization", "unit", "team", "currency", "company")}
        self.team_id, self.company_row_id = ids["team"], ids["company"]
        self._organization = Organization(ids["organization"], settings.organization, ids["unit"])
        self._choices = Choices()
        self._webhooks = Webhooks(self._organization, settings.quirks, settings.events, self._courier, self._client)
        self._rows = Rows(self.store, settings.quirks, ids["currency"], ids["unit"], self._webhooks.changed)
        self._payloads = PayloadReader(self._rows.keys, self._choices)
        self._presentation = Presentation(self._rows.table, self._choices)
        self._furnish(ids, company_id, company_name, clients)

    @property
    def url(self) -> str:
        """The organization's root; the API is under ``{url}/api/data/v9.2``."""
        return self.origin

    @property
    def webhooks(self) -> list[Webhook]:
        return self._webhooks.registered()

    def register(self, webhook: Webhook, sink: Sink | None = None) -> None:
        """Send events to a receiver from now on; with a ``sink``, that is called instead of the receiver's address."""
        self._webhooks.register(webhook, sink)

    def remove_webhooks(self) -> None:
        self._webhooks.remove_all()

    def options(self, table: str, column: str) -> dict[int, str]:
        """Labels by value of a choice column."""
        return self._choices.options(table, column)

    def insert(
        self, entity_set: str, values: Mapping[str, Any], user: User = PERSON, *, silent: bool = False
    ) -> dict[str, Any]:
        """A new row, made by a user and not by an API client; ``values`` as in a request's body. ``silent`` raises no
        event.

        Raises:
            ApiError: the platform refuses it.
        """
        definition = _table(entity_set)
        with self.store.lock:
            submitted = self._payloads.read(definition, values, creating=True)
            return self._shown(definition, self._rows.insert(definition, "", submitted, Caller(user, silent=silent)))

    def update(self, entity_set: str, record_id: str, values: Mapping[str, Any], user: User = PERSON) -> dict[str, Any]:
        """Change a row as a user does.

        Raises:
            ApiError: the platform refuses it.
            LookupError: there is no such row.
        """
        definition = _table(entity_set)
        with self.store.lock:
            submitted = self._payloads.read(definition, values, creating=False)
            record = self._existing(definition, record_id)
            return self._shown(definition, self._rows.update(definition, record, submitted, Caller(user)))

    def delete(self, entity_set: str, record_id: str, user: User = PERSON) -> None:
        """Delete a row as a user does.

        Raises:
            LookupError: there is no such row.
        """
        definition = _table(entity_set)
        with self.store.lock:
            self._rows.delete(definition, self._existing(definition, record_id), Caller(user))

    def row(self, entity_set: str, record_id: str) -> dict[str, Any]:
        """A row as the API shows it.

        Raises:
            LookupError: there is no such row.
        """
        definition = _table(entity_set)
        with self.store.lock:
            return self._shown(definition, self._existing(definition, record_id))

    def rows(self, entity_set: str, **equal: Any) -> list[dict[str, Any]]:
        """Rows as the API shows them whose columns equal ``equal``, in the order in which they were changed."""
        definition = _table(entity_set)
        with self.store.lock:
            table = self._rows.table(definition)
            found = [record for record in map(table.get, table.ordered("versionnumber").ids(0)) if record]
            return [
                self._shown(definition, record)
                for record in found
                if all(record.values[name] == value for name, value in equal.items())
            ]

    def count(self, entity_set: str) -> int:
        with self.store.lock:
            return len(self._rows.table(_table(entity_set)))

    def _existing(self, definition: TableDefinition, record_id: str) -> Record:
        record = self._rows.table(definition).get(record_id)
        if record is None:
            raise LookupError(f"{definition.set_name}({record_id}) does not exist")
        return record

    def _shown(self, definition: TableDefinition, record: Record) -> dict[str, Any]:
        return self._presentation.shown(definition, record, definition.columns)

    def _furnish(self, ids: Mapping[str, str], company_id: str, company_name: str, clients: tuple[Client, ...]) -> None:
        """The rows that an organization connected to Business Central has from the start."""
        self.insert(BUSINESS_UNIT.set_name, {BUSINESS_UNIT.key: ids["unit"], "name": company_name})
        unit = {"businessunitid@odata.bind": f"/businessunits({ids['unit']})"}
        currency = self.settings.base_currency
        self.insert(
            CURRENCY.set_name,
            {
                CURRENCY.key: ids["currency"],
                "isocurrencycode": currency,
                "currencyname": currency,
                "currencysymbol": currency,
                "exchangerate": Decimal("1.0000000000"),
            },
        )
        self.insert(TEAM.set_name, {TEAM.key: ids["team"], "name": f"BCI - {company_name}", **unit})
        person = {"firstname": "Alex", "lastname": "Person", "internalemailaddress": "alex.person@example.com"}
        self.insert(SYSTEM_USER.set_name, {SYSTEM_USER.key: PERSON.id, **person, **unit})
        for client in {client.user.id: client for client in clients}.values():
            application = {
                SYSTEM_USER.key: client.user.id,
                "lastname": client.user.name,
                "applicationid": client.client_id,
                "islicensed": False,
                "isintegrationuser": True,
                "accessmode": 4,
            }
            self.insert(SYSTEM_USER.set_name, application | unit)
        company = {
            BC_COMPANY.key: ids["company"],
            "bcbi_name": company_name,
            "bcbi_externalid": company_id,
            "bcbi_defaultowningteam@odata.bind": f"/teams({ids['team']})",
        }
        self.insert(BC_COMPANY.set_name, company)

    def _build(self) -> tuple[DataverseApi, DataverseAdmin]:
        api = DataverseApi(self._organization, self._rows, self._choices, self.faults)
        return api, DataverseAdmin(self)


def _table(entity_set: str) -> TableDefinition:
    found = BY_SET.get(entity_set)
    if found is None:
        raise LookupError(f"no entity set {entity_set!r}; there are {', '.join(BY_SET)}")
    return found
