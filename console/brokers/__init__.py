"""Which broker a process works with: one file a broker, chosen by ``topics.broker``."""

from console.brokers.broker import Broker, BrokerContext

__all__ = ["Broker", "BrokerContext", "broker_of"]


def broker_of(context: BrokerContext) -> Broker:
    """The broker of the settings; nothing is connected yet."""
    match context.settings.topics.broker:
        case "embedded":
            from console.brokers.embedded import EmbeddedBroker

            return EmbeddedBroker(context)
        case "kafka":
            from console.brokers.kafka import KafkaBroker  # takes long to import, and only Kafka needs it

            return KafkaBroker(context)
