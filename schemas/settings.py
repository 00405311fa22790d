"""The settings of a worker, a receiver and the command line. How they are read: ``schemas/settings_file.py``."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias
from urllib.parse import quote, unquote, urlsplit

from pydantic import AfterValidator, Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from schemas.features import Features, Ownership
from schemas.mapping_file import Source as MappingSource
from schemas.settings_section import Secret, SecretFile, Section

_LASTING_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _guid(text: str) -> str:
    if not _GUID.fullmatch(text.lower()):
        raise ValueError("should be an id such as 5d115c9c-44e3-ea11-bb43-000d3a2feca1")
    return text.lower()


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("should be an address such as https://contoso.example")
    if parts.password:
        raise ValueError("should hold no password")
    return text.rstrip("/")


def _root(text: str) -> str:
    root = re.split(r"/api(?:/|$)", text)[0]
    if root != text:
        raise ValueError(f"should end before /api: {root}")
    return text


def _currency(text: str) -> str:
    if not re.fullmatch(r"[A-Z]{3}", text):
        raise ValueError("should be an ISO 4217 code such as EUR")
    return text


def _database(text: str) -> str:
    if not text.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ValueError("should begin with sqlite:/// or postgresql+psycopg://")
    return text


def _address(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or "/" in host:
        raise ValueError("should be host:port")
    return text


def _name(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9]*", text):
        raise ValueError("a name is lower-case letters and digits, so that variables can be called after it")
    return text


def _host(text: str) -> str:
    if not re.fullmatch(r"[\w-]+(\.[\w-]+)+", text):
        raise ValueError("should be a host name such as contoso.servicebus.windows.net")
    return text


Name: TypeAlias = Annotated[str, Field(min_length=1)]
Guid: TypeAlias = Annotated[str, AfterValidator(_guid)]
Url: TypeAlias = Annotated[str, AfterValidator(_url)]
RootUrl: TypeAlias = Annotated[Url, AfterValidator(_root)]
Seconds: TypeAlias = Annotated[float, Field(gt=0)]


class Database(Section):
    """Where the ledger and the embedded message log are."""

    url: Annotated[str, AfterValidator(_database)] = "sqlite:///.twinrow/twinrow.db"
    """As SQLAlchemy writes it, without the password. Relative paths start where the command runs."""
    password: Secret | None = None
    password_file: SecretFile | None = None

    @model_validator(mode="before")
    @classmethod
    def _take_out_password(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("url"), str) and (password := password_in(data["url"])):
            return {"password": unquote(password)} | data | {"url": data["url"].replace(f":{password}@", "@", 1)}
        return data

    def connection_url(self) -> str:
        """The address with the password in it: for connecting, never to be shown."""
        password = self.secret("password")
        if password is None:
            return self.url
        return self.url.replace("@", f":{quote(password, safe='')}@", 1)


class Topics(Section):
    """The message topics."""

    broker: Literal["embedded", "kafka"] = "embedded"
    """``embedded``: a log in the database; ``kafka``: the cluster of the section ``kafka``."""
    changes: Annotated[str, Field(min_length=1)] = "twinrow.changes"
    """Name of the topic that changes arrive on."""
    partitions: Annotated[int, Field(gt=0, le=1024)] = 8
    retention_days: Annotated[int, Field(gt=0)] = 30
    """How far back messages can be replayed."""
    retention_bytes: Annotated[int, Field(gt=0)] | None = None
    """What a partition keeps at most; none: only age counts."""
    dead_letters: Annotated[str, Field(min_length=1)] | None = None
    """On a broker other than ``embedded``: the topic that messages are copied to which cannot be read. Default: the
    name of the changes' topic and ``.dead-letters``."""

    @property
    def dead_letter_topic(self) -> str | None:
        """Where messages are copied to which cannot be read; the ledger has all of them."""
        return None if self.broker == "embedded" else self.dead_letters or f"{self.changes}.dead-letters"


class Worker(Section):
    """One worker process."""

    threads: Annotated[int, Field(gt=0, le=256)] = 8
    max_in_flight: Annotated[int, Field(gt=0)] = 1000
    """Messages taken off the topic and not finished, before no more are taken."""
    group: Annotated[str, Field(min_length=1)] = "twinrow"
    """Workers of one group share the work."""
    member: str | None = None
    """This worker's lasting name within the group; default: a new one each time it starts."""


class Receiver(Section):
    """The web server that notifications are sent to."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    public_url: Url | None = None
    """The address that the systems reach the receiver by."""
    client_state: Secret | None = None
    """What Business Central sends along, so that a notification is known to be its own."""
    client_state_file: SecretFile | None = None
    webhook_key: Secret | None = None
    """What Dataverse's webhook authenticates with."""
    webhook_key_file: SecretFile | None = None
    publish_to: Name | None = None
    """A queue or topic of the section ``service_bus`` that notifications are put into, instead of the topic of
    changes: some worker takes them from there, with a source of that name."""


class Credentials(Section):
    """One service principal (Microsoft Entra application)."""

    tenant: Annotated[str, Field(min_length=1)]
    """Id or domain of the Microsoft Entra tenant."""
    client_id: Annotated[str, Field(min_length=1)]
    client_secret: Secret | None = None
    client_secret_file: SecretFile | None = None
    token_url: Url | None = None
    """Default: the tenant's token endpoint at login.microsoftonline.com."""
    scope: str | None = None
    """Default: ``.default`` of the system's address."""

    @model_validator(mode="after")
    def _one_secret(self) -> "Credentials":
        if (self.client_secret is None) is (self.client_secret_file is None):
            raise ValueError("needs client_secret_file, or client_secret from the environment, and not both")
        return self

    @property
    def token_endpoint(self) -> str:
        """Where tokens are asked for (OAuth 2.0 client credentials)."""
        return self.token_url or f"https://login.microsoftonline.com/{self.tenant}/oauth2/v2.0/token"


CredentialsByName: TypeAlias = Annotated[dict[Annotated[str, AfterValidator(_name)], Credentials], Field(min_length=1)]
"""Service principals under names of one's own; several of them widen the system's request budget."""


class Kafka(Section):
    """The Kafka cluster, or what speaks its protocol."""

    bootstrap_servers: Annotated[tuple[Annotated[str, AfterValidator(_address)], ...], Field(min_length=1)]
    """Brokers to begin with, as ``host:port``; the others are found through them."""
    security: Literal["PLAINTEXT", "SSL", "SASL_SSL", "SASL_PLAINTEXT"] = "PLAINTEXT"
    """Whether connections are encrypted (SSL), and whether Twinrow authenticates with them (SASL)."""
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] | None = None
    """How it authenticates: with ``user`` and a password, or with tokens that ``credentials`` buy (OAUTHBEARER)."""
    user: str | None = None
    password: Secret | None = None
    password_file: SecretFile | None = None
    credentials: Credentials | None = None
    """For OAUTHBEARER; its ``scope`` is needed: for Event Hubs ``https://<namespace>.servicebus.windows.net/.default``."""
    ca_file: Path | None = None
    """Certificates to trust (PEM); default: the machine's."""
    certificate_file: Path | None = None
    """Twinrow's own certificate (PEM), where brokers ask for one (mTLS)."""
    key_file: Path | None = None
    """Its key (PEM)."""
    key_password: Secret | None = None
    key_password_file: SecretFile | None = None
    replication_factor: Annotated[int, Field(gt=0)] | None = None
    """Copies of each message in topics that Twinrow makes; default: the cluster's."""
    session_timeout: Annotated[float, Field(ge=10)] = 45.0
    """Seconds without a sign of life after which the group takes a worker for dead; one that has a ``worker.member``
    has its partitions back when it returns within them."""

    @model_validator(mode="after")
    def _authentication(self) -> "Kafka":
        tokens = self.mechanism == "OAUTHBEARER"
        if self.security.startswith("SASL") is (self.mechanism is None):
            raise ValueError("needs a mechanism with SASL_SSL or SASL_PLAINTEXT, and none without")
        if tokens and (self.credentials is None or self.credentials.scope is None):
            raise ValueError("needs credentials with a scope for OAUTHBEARER")
        if self.mechanism and not tokens and (not self.user or not (self.password or self.password_file)):
            raise ValueError(f"needs user and password_file for {self.mechanism}")
        if (self.certificate_file is None) is not (self.key_file is None):
            raise ValueError("needs certificate_file and key_file together")
        return self


class ServiceBus(Section):
    """The Service Bus namespace, by connection string or by host name and credentials."""

    connection_string: Secret | None = None
    """With a key of a shared access policy that may listen, and send where Twinrow is to send."""
    connection_string_file: SecretFile | None = None
    fully_qualified_namespace: Annotated[str, AfterValidator(_host)] | None = None
    """Its host name: ``contoso.servicebus.windows.net``."""
    credentials: Credentials | None = None
    """A service principal; default: the managed identity of the machine."""
    managed_identity: Guid | None = None
    """Client id of a user-assigned managed identity; default: the system-assigned one."""
    ca_file: Path | None = None
    """Certificates to trust (PEM); default: those of the public authorities."""

    @model_validator(mode="after")
    def _one_way(self) -> "ServiceBus":
        by_string = self.connection_string is not None or self.connection_string_file is not None
        if by_string is (self.fully_qualified_namespace is not None):
            raise ValueError("needs connection_string_file or fully_qualified_namespace, and not both")
        if by_string and (self.credentials or self.managed_identity):
            raise ValueError("needs fully_qualified_namespace with credentials or managed_identity")
        if self.credentials and self.managed_identity:
            raise ValueError("needs credentials or managed_identity, and not both")
        return self


class ServiceBusSource(Section):
    """A queue, or a subscription of a topic, of the section ``service_bus``."""

    broker: Literal["service_bus"]
    queue: Name | None = None
    topic: Name | None = None
    subscription: Name | None = None

    @model_validator(mode="after")
    def _one_entity(self) -> "ServiceBusSource":
        if (self.queue is None) is (self.topic is None) or (self.topic is None) is not (self.subscription is None):
            raise ValueError("needs a queue, or a topic and a subscription")
        return self


class KafkaSource(Section):
    """A topic of the section ``kafka``."""

    broker: Literal["kafka"]
    topic: Name


Source: TypeAlias = Annotated[ServiceBusSource | KafkaSource, Field(discriminator="broker")]
"""A further place that changes arrive at."""


class Timeouts(Section):
    """How long a request may take, in seconds."""

    connect: Seconds = 10.0
    read: Seconds = 120.0


class _SystemSection(Section):
    url: RootUrl
    credentials: CredentialsByName
    timeouts: Timeouts = Timeouts()
    requests_at_once: Annotated[int, Field(gt=0)]
    """What the system allows each service principal; all workers together keep to it."""
    requests_per_5_minutes: Annotated[int, Field(ge=300)] = 6000
    """The same, as the number that may begin within any five minutes."""

    @model_validator(mode="after")
    def _distinct_credentials(self) -> Self:
        ids = [one.client_id for one in self.credentials.values()]
        if twice := next((one for one in ids if ids.count(one) > 1), None):
            raise ValueError(f"has client {twice} under two names: the system counts its requests together")
        return self

    def scope(self, credentials: Credentials) -> str:
        """What a token of these credentials is for."""
        parts = urlsplit(self.url)
        return credentials.scope or f"{parts.scheme}://{parts.netloc}/.default"


class BusinessCentral(_SystemSection):
    """The Business Central environment and company. ``url`` is the environment's root:
    ``https://api.businesscentral.dynamics.com/v2.0/contoso.example/production``."""

    company: Guid
    """Id of the company."""
    requests_at_once: Annotated[int, Field(gt=0)] = 5
    """What Business Central allows each service principal; all workers together keep to it."""
    local_currency: Annotated[str, AfterValidator(_currency)] | None = None
    """ISO code of the company's local currency; needed where mappings refer to ``$local_currency``."""


class Dataverse(_SystemSection):
    """The Dataverse environment. ``url`` is its root: ``https://contoso.crm4.dynamics.com``."""

    ownership: Ownership = "team"
    """Who owns rows created in Dataverse: one team, or the user behind the record's salesperson."""
    team: Guid | None = None
    """Id of the team that owns rows which no person does."""
    company: Guid | None = None
    """Id of the ``bcbi_company`` row to stamp rows with; none: rows are not stamped, and all companies' count."""
    requests_at_once: Annotated[int, Field(gt=0)] = 52
    """What Dataverse allows each service principal; all workers together keep to it."""


class Log(Section):
    """What the program says about itself."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


class Settings(BaseSettings):
    """All settings."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix="TWINROW_",
        env_nested_delimiter="__",
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    database: Database = Database()
    topics: Topics = Topics()
    kafka: Kafka | None = None
    service_bus: ServiceBus | None = None
    sources: tuple[Source, ...] = ()
    """Further places that changes arrive at; the worker puts what comes there on the topic of changes."""
    worker: Worker = Worker()
    receiver: Receiver = Receiver()
    business_central: BusinessCentral
    dataverse: Dataverse
    mappings: Annotated[tuple[MappingSource, ...], Field(min_length=1)] = ("standard",)
    """Mapping files in the order in which they are read; ``standard`` are those that ship."""
    log: Log = Log()

    @model_validator(mode="after")
    def _broker(self) -> "Settings":
        if self.topics.broker == "kafka" and self.kafka is None:
            raise ValueError("topics.broker is kafka: needs a section kafka with bootstrap_servers")
        if self.topics.broker == "kafka" and self.worker.member and not _LASTING_NAME.fullmatch(self.worker.member):
            raise ValueError("worker.member should be letters, digits, dots, underscores and dashes for Kafka")
        brokers = {source.broker for source in self.sources}
        if "kafka" in brokers and self.kafka is None:
            raise ValueError("a source is on kafka: needs a section kafka with bootstrap_servers")
        if ("service_bus" in brokers or self.receiver.publish_to) and self.service_bus is None:
            raise ValueError("a source or receiver.publish_to is on Service Bus: needs a section service_bus")
        if KafkaSource(broker="kafka", topic=self.topics.changes) in self.sources and self.topics.broker == "kafka":
            raise ValueError("a source is the topic of changes itself, which the worker reads anyway: leave it out")
        return self

    @property
    def features(self) -> Features:
        """What the settings decide about mappings."""
        return Features(
            ownership=self.dataverse.ownership,
            team=self.dataverse.team,
            company=self.dataverse.company,
            local_currency=self.business_central.local_currency,
        )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what the caller passes: file and environment are merged where their faults can be located."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)


def password_in(url: str) -> str | None:
    """The password that a database address holds, as it stands there."""
    credentials, at, _ = urlsplit(url).netloc.rpartition("@")
    return credentials.partition(":")[2] or None if at else None
