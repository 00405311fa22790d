"""A namespace: queues, topics and subscriptions by their addresses, and the keys that open them."""

import re
import time
from collections.abc import Callable

from tests.servicebus.amqp.errors import not_found
from tests.servicebus.queue import Queue
from tests.servicebus.settings import EntitySettings
from tests.servicebus.timers import Timers
from tests.servicebus.topic import Subscription, Topic

MANAGEMENT = "$management"


def entity_path(address: str) -> str:
    """An address without scheme and host; upper and lower case are the same."""
    return re.sub(r"^\w+://[^/]*/?", "", address).strip("/").lower()


class Namespace:
    """Everything that a broker keeps. Not thread-safe: it belongs to the broker's thread."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.timers = Timers(clock)
        self.queues: dict[str, Queue] = {}
        self.topics: dict[str, Topic] = {}

    def create_queue(self, name: str, settings: EntitySettings) -> Queue:
        """A new, empty queue in place of one of that name."""
        self.queues[name.lower()] = made = Queue(name, settings, self.timers)
        return made

    def create_topic(self, name: str, settings: EntitySettings) -> Topic:
        """A new topic without subscriptions in place of one of that name."""
        self.topics[name.lower()] = made = Topic(name, settings, self.timers)
        return made

    def create_subscription(self, topic: str, name: str, settings: EntitySettings) -> Subscription:
        """A new subscription that gets everything from now on.

        Raises:
            AmqpError: there is no such topic.
        """
        made = Subscription(f"{topic}/Subscriptions/{name}", settings, self.timers)
        self.topic(topic).subscriptions[name.lower()] = made
        return made

    def delete(self, name: str) -> None:
        """Forget a queue or a topic with its subscriptions; one that is not there is fine."""
        self.queues.pop(name.lower(), None)
        self.topics.pop(name.lower(), None)

    def topic(self, name: str) -> Topic:
        """The topic of that name.

        Raises:
            AmqpError: there is none.
        """
        if (found := self.topics.get(name.lower())) is None:
            raise not_found(name)
        return found

    def destination(self, address: str) -> Queue | Topic:
        """What can be sent to.

        Raises:
            AmqpError: there is none at this address.
        """
        path = entity_path(address)
        found = self.queues.get(path) or self.topics.get(path)
        if found is None:
            raise not_found(path)
        return found

    def source(self, address: str) -> Queue:
        """What can be received from: a queue, a subscription, or the dead letters of one.

        Raises:
            AmqpError: there is none at this address.
        """
        path = entity_path(address)
        base, _, tail = path.partition("/$")
        match base.split("/"):
            case [topic, "subscriptions", name]:
                found: Queue | None = self.topic(topic).subscriptions.get(name)
            case _:
                found = self.queues.get(base)
        if found is None:
            raise not_found(path)
        match f"${tail}" if tail else "":
            case "":
                return found
            case "$deadletterqueue":
                return found.dead_letters
            case "$transfer/$deadletterqueue":
                return found.transfer_dead_letters
        raise not_found(path)
