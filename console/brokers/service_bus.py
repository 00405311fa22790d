"""Service Bus, as the settings reach it. It keeps no history, so it holds no topic of changes: see the relay."""

from functools import cached_property

from azure.core.credentials import AccessToken, TokenCredential

from brokers.service_bus.dead_letter_queue import DeadLetterQueue
from brokers.service_bus.namespace import Entity, Namespace
from console.brokers.broker import BrokerContext
from console.principals import Principal
from consumers.service_bus import ServiceBusSubscriber
from producers.service_bus import ServiceBusPublisher
from schemas.errors import Stop
from schemas.settings import ServiceBus, ServiceBusSource
from systems.credentials import TokenSource

_SCOPE = "https://servicebus.azure.net/.default"


class ServiceBusBroker:
    """Whoever asks for an object closes it."""

    def __init__(self, context: BrokerContext) -> None:
        self._context = context

    def publisher(self) -> ServiceBusPublisher:
        """Puts messages into queues and topics."""
        return ServiceBusPublisher(self.namespace, new_id=self._context.new_id)

    def subscriber(self, source: ServiceBusSource) -> ServiceBusSubscriber:
        """Takes messages of a source."""
        return ServiceBusSubscriber(self.namespace, entity_of(source), clock=self._context.clock)

    def dead_letter_queues(self) -> dict[str, DeadLetterQueue]:
        """Those of the sources, by the source's name."""
        entities = [entity_of(one) for one in self._context.settings.sources if isinstance(one, ServiceBusSource)]
        return {
            entity.path: DeadLetterQueue(self.namespace, entity, new_id=self._context.new_id) for entity in entities
        }

    @cached_property
    def namespace(self) -> Namespace:
        """How it is reached.

        Raises:
            Stop: the connection string cannot be read.
        """
        section = self._section
        try:
            connection_string = section.secret("connection_string")
        except OSError as error:
            text = f"service_bus.connection_string_file cannot be read: {error.strerror}."
            raise Stop(text, code="credentials") from error
        credential = None if connection_string else _credential(section)
        return Namespace(connection_string, section.fully_qualified_namespace or "", credential, section.ca_file)

    @property
    def _section(self) -> ServiceBus:
        section = self._context.settings.service_bus
        if section is None:
            raise ValueError("settings that need a section service_bus and have none")
        return section


class PrincipalCredential:
    """A service principal as azure-servicebus takes one, which asks for a token with each connection."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source

    def get_token(self, *scopes: str, **options: object) -> AccessToken:
        """A fresh token.

        Raises:
            Stop: the credential is refused.
            Retry: whoever issues tokens cannot be reached.
        """
        del scopes, options  # those of the settings
        token = self._source.fetch()
        return AccessToken(token.value, int(token.expires_at))


def entity_of(source: ServiceBusSource) -> Entity:
    """The queue or subscription of a source."""
    return Entity(source.queue or source.topic or "", source.subscription)


def _credential(section: ServiceBus) -> TokenCredential:
    if section.credentials is not None:
        return PrincipalCredential(Principal("service_bus", section.credentials, section.credentials.scope or _SCOPE))
    from azure.identity import ManagedIdentityCredential  # takes long to import, and only this way needs it

    return ManagedIdentityCredential(client_id=section.managed_identity)
