"""A topic: what is sent to it, each of its subscriptions gets, if one of its rules lets it through."""

from itertools import count

from tests.servicebus.amqp.errors import AmqpError, message_not_found
from tests.servicebus.amqp.message import Message, text_of_id
from tests.servicebus.duplicates import Duplicates
from tests.servicebus.filters import Filter, TrueFilter
from tests.servicebus.queue import Queue
from tests.servicebus.settings import EntitySettings
from tests.servicebus.timers import Timers

DEFAULT_RULE = "$Default"


class Subscription(Queue):
    """A queue that a topic fills; ``rules`` are the filters by name."""

    def __init__(self, name: str, settings: EntitySettings, timers: Timers) -> None:
        super().__init__(name, settings, timers)
        self.rules: dict[str, Filter] = {DEFAULT_RULE: TrueFilter()}

    def add_rule(self, name: str, rule: Filter) -> None:
        """Let more through.

        Raises:
            AmqpError: there is a rule of that name.
        """
        if name in self.rules:
            raise AmqpError("com.microsoft:entity-already-exists", f"There is a rule '{name}' already.", status=409)
        self.rules[name] = rule

    def remove_rule(self, name: str) -> None:
        """Let less through.

        Raises:
            AmqpError: there is none of that name.
        """
        if self.rules.pop(name, None) is None:
            raise AmqpError("com.microsoft:entity-not-found", f"There is no rule '{name}'.", status=404)

    def wants(self, message: Message) -> bool:
        return any(rule.matches(message) for rule in self.rules.values())


class Topic:
    """One topic. Not thread-safe: it belongs to the broker's thread."""

    def __init__(self, name: str, settings: EntitySettings, timers: Timers) -> None:
        self.name = name
        self.settings = settings
        self.subscriptions: dict[str, Subscription] = {}
        self._timers = timers
        self._numbers = count(1)
        self._duplicates = Duplicates(settings.duplicate_window)
        self._scheduled: dict[int, Message] = {}

    def send(self, message: Message) -> int:
        """Take a message; its sequence number, or 0 if it is a duplicate."""
        now = self._timers.now()
        if self._duplicates.is_duplicate(text_of_id(message.property_named("message_id")), now):
            return 0
        number = next(self._numbers)
        due = message.scheduled_for
        if due is not None and due > now:
            self._scheduled[number] = message
            self._timers.at(due, lambda: self._appear(number))
        else:
            self._distribute(message)
        return number

    def cancel_scheduled(self, sequence_number: int) -> None:
        """Forget a scheduled message.

        Raises:
            AmqpError: there is none of that number.
        """
        if self._scheduled.pop(sequence_number, None) is None:
            raise message_not_found(sequence_number)

    def _appear(self, number: int) -> None:
        if (message := self._scheduled.pop(number, None)) is not None:
            self._distribute(message)

    def _distribute(self, message: Message) -> None:
        for subscription in self.subscriptions.values():
            if subscription.wants(message):
                subscription.send(message)
