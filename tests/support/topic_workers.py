"""Publishing and reading in processes of their own, for tests with several of them on one broker."""

from multiprocessing.synchronize import Event
from queue import Queue

from schemas.topics import OutgoingMessage
from tests.support.brokers import Broker


def publish_numbers(broker: Broker, topic: str, name: str, count: int) -> None:
    """Publish ``count`` messages over seven keys of this publisher, numbered in order."""
    publisher = broker.publisher()
    messages = [OutgoingMessage(f"{name}-{number % 7}", str(number).encode()) for number in range(count)]
    for start in range(0, count, 20):
        publisher.publish(topic, messages[start : start + 20])
    publisher.close()
    broker.close()


def report_numbers(broker: Broker, topic: str, member: str, seen: "Queue[tuple[str, str, int]]", stop: Event) -> None:
    """Read and settle until ``stop``; put member, key and number of each message into ``seen``."""
    subscriber = broker.subscriber([topic], "group", member)
    while not stop.is_set():
        messages = subscriber.poll(100, 0.05)
        for message in messages:
            seen.put((member, message.key, int(message.body)))
        subscriber.settle(messages)
    broker.close()
