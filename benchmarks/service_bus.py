"""The relay: Dataverse's messages in a queue, put on the embedded log; beside it the library alone, its ceiling.

The broker has a process, and with it a processor, of its own (``python -m benchmarks.service_bus MESSAGES DATABASE``);
prints one JSON object.
"""

import sys
from collections.abc import Callable
from contextlib import suppress
from time import monotonic, process_time
from uuid import uuid4

from azure.servicebus import ServiceBusClient, ServiceBusMessage
from azure.servicebus.exceptions import MessageLockLostError
from sqlalchemy import func, select

from benchmarks.harness import TOPIC, WrongResult
from brokers.service_bus.namespace import Entity, Namespace
from consumers.relay import Relay
from consumers.service_bus import ServiceBusSubscriber
from engine.ledger.clock import utc_now
from engine.ledger.database import open_database, read
from engine.ledger.log_tables import LogMessage
from engine.ledger.log_topics import create_topic
from engine.ledger.migrations import migrate
from producers.embedded_log import EmbeddedPublisher
from schemas import json_codec
from tests.servicebus.process import BrokerProcess, broker_process
from tests.support.notifications import context

_BATCH = 200


def main(messages: int, url: str) -> dict[str, float]:
    """Run both; the measurements.

    Raises:
        WrongResult: the log has other messages than the queue had.
    """
    database = open_database(url)
    migrate(database)
    create_topic(database, TOPIC, 8)
    with broker_process() as broker:
        _fill(broker, "library", messages)
        with (
            ServiceBusClient.from_connection_string(broker.connection_string) as client,
            client.get_queue_receiver("library") as receiver,
        ):

            def settle() -> int:
                taken = receiver.receive_messages(_BATCH, max_wait_time=5)
                for message in taken:
                    with suppress(MessageLockLostError):  # what the library has sent back meanwhile comes again
                        receiver.complete_message(message)
                return len(taken)

            alone, alone_cpu = _measured(settle, messages)
        _fill(broker, "relay", messages)
        namespace = Namespace(broker.connection_string)
        subscriber = ServiceBusSubscriber(namespace, Entity("relay"), clock=utc_now)
        publisher = EmbeddedPublisher(database)
        relay = Relay("relay", subscriber, publisher, TOPIC, subscriber.dead_letter, monotonic=monotonic)
        first = relay.turn(0.001)  # connects
        relayed, relayed_cpu = _measured(lambda: relay.turn(1.0), messages - first)
        while broker.count("relay"):
            relay.turn(1.0)
        subscriber.close()
    with read(database) as connection:
        kept = connection.scalar(select(func.count(LogMessage.key.distinct())))
    database.dispose()
    if kept != messages:
        raise WrongResult(f"{kept} records on the log, not {messages}")
    return {
        "library_per_second": alone,
        "library_cpu_ms_per_message": alone_cpu,
        "relay_per_second": relayed,
        "relay_cpu_ms_per_message": relayed_cpu,
    }


def _fill(broker: BrokerProcess, queue: str, messages: int) -> None:
    broker.create_queue(queue)
    with (
        ServiceBusClient.from_connection_string(broker.connection_string) as client,
        client.get_queue_sender(queue) as sender,
    ):
        for start in range(0, messages, 100):
            bodies = [json_codec.encode(_context()) for _ in range(min(100, messages - start))]
            sender.send_messages([ServiceBusMessage(body) for body in bodies])


def _context() -> dict[str, object]:
    """Of a record of its own, cut for its size as large ones are."""
    return context() | {"PrimaryEntityId": str(uuid4()), "InputParameters": []}


def _measured(turn: Callable[[], int], messages: int) -> tuple[float, float]:
    """Messages a second, and milliseconds of processor for each, until all are through."""
    began, cpu, done = monotonic(), process_time(), 0
    while done < messages and (taken := turn()):
        done += taken
    return done / (monotonic() - began), (process_time() - cpu) * 1000 / done


if __name__ == "__main__":
    sys.stdout.write(json_codec.encode(main(int(sys.argv[1]), sys.argv[2])).decode())
