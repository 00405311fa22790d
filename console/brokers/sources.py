"""The further places that changes arrive at, each with the relay that puts them on the topic of changes."""

from collections.abc import Callable

from console.brokers.broker import BrokerContext
from consumers.dead_letters import DeadLetters
from consumers.relay import Relay
from schemas.settings import KafkaSource, ServiceBusSource, Source
from schemas.topics import Publisher


def relay_of(
    source: Source,
    context: BrokerContext,
    publisher: Publisher,
    dead_letters: DeadLetters,
    *,
    monotonic: Callable[[], float],
) -> Relay:
    """The relay of a source; nothing is connected yet.

    What cannot be read goes to Service Bus's own dead-letter queue; Kafka has none, so it goes where all other dead
    letters are.

    Raises:
        Stop: the settings name files that are gone.
    """
    topic = context.settings.topics.changes
    match source:
        case ServiceBusSource():
            from console.brokers.service_bus import ServiceBusBroker, entity_of  # takes long to import

            queue = ServiceBusBroker(context).subscriber(source)
            name = entity_of(source).path
            return Relay(name, queue, publisher, topic, queue.dead_letter, monotonic=monotonic)
        case KafkaSource():
            from console.brokers.kafka import KafkaBroker  # takes long to import, and only Kafka needs it

            worker = context.settings.worker
            reader = KafkaBroker(context).subscriber(
                f"{worker.group}.{source.topic}",
                f"{worker.member or context.new_id()}.{source.topic}",
                lasting=worker.member is not None,
                topic=source.topic,
            )
            return Relay(source.topic, reader, publisher, topic, dead_letters.keep, monotonic=monotonic)
