"""From a source onto the topic of changes: what arrives elsewhere is kept, ordered and replayed like all other changes.

A message is taken, read far enough to know its records, put on the topic under their keys, and only then settled at its
source. So a source's locks are held for as long as one transaction takes; a slow system of record never uses up the
deliveries that a message is allowed. While the topic cannot take it, the message is kept, and its lock renewed.

A lost lock or a lost settlement brings a message twice: effects are idempotent.
"""

from collections.abc import Callable, Sequence
from threading import Event
from typing import TypeAlias

import structlog

from consumers.dead_letters import Letter
from engine.backoff import delay
from schemas import cloud_event, incoming
from schemas.errors import DeadLetter, Retry, Skip
from schemas.topics import Message, OutgoingMessage, Publisher, Subscriber

_log = structlog.get_logger()

_BATCH = 200
"""Messages in hand at once: so many requests renew their locks."""

_KEEP_ALIVE = 1.0
"""Seconds between two polls while nothing can be passed on."""

Refuse: TypeAlias = Callable[[Sequence[Letter]], None]
"""Puts messages away that can never be passed on, with the reason. Raises Retry and Stop."""


class Relay:
    """Passes on what ``subscriber`` gives, which it closes at its end. Used from one thread.

    Args:
        name: of the source, for people.
        refuse: where messages go that cannot be read. One that can be read in parts goes to the topic, with the parts
            that cannot marked as such.
        monotonic: seconds on a clock that nobody sets.
    """

    def __init__(
        self,
        name: str,
        subscriber: Subscriber,
        publisher: Publisher,
        topic: str,
        refuse: Refuse,
        *,
        monotonic: Callable[[], float],
    ) -> None:
        self.name = name
        self._subscriber = subscriber
        self._publisher = publisher
        self._topic = topic
        self._refuse = refuse
        self._monotonic = monotonic
        self._in_hand: Sequence[Message] = []
        self._passed_on: Sequence[Message] = []

    def run(self, stopping: Event, turn: float) -> None:
        """Pass messages on until ``stopping``; what is in hand by then is passed on, or given back.

        Args:
            turn: seconds to wait for messages before another look at ``stopping``.

        Raises:
            Stop: the source refuses, or the topic.
        """
        failures = 0
        try:
            while not stopping.is_set():
                try:
                    self.turn(turn)
                except Retry as error:
                    failures += 1
                    if failures == 1:  # and not again for every attempt
                        _log.warning("a source waits", source=self.name, reason=error.text)
                    self._hold(delay(failures, error), stopping)
                else:
                    if failures:
                        _log.info("a source goes on", source=self.name, attempts=failures)
                    failures = 0
        finally:
            self._subscriber.close()

    def turn(self, timeout: float) -> int:
        """Pass on what is there, waiting up to ``timeout`` seconds for it; how many messages that were.

        Raises:
            Retry: nothing is lost: the next turn passes the same messages on, or they are delivered again.
            Stop: the source refuses, or the topic.
        """
        self._settle()
        messages = self._in_hand or self._subscriber.poll(_BATCH, timeout)
        self._in_hand = messages
        if messages:
            self._pass_on(messages)
            self._in_hand, self._passed_on = [], messages
            self._settle()
        return len(messages)

    def _settle(self) -> None:
        if self._passed_on:
            self._subscriber.settle(self._passed_on)
            self._passed_on = []

    def _pass_on(self, messages: Sequence[Message]) -> None:
        outgoing: list[tuple[Message, Sequence[OutgoingMessage]]] = []
        letters: list[Letter] = []
        for message in messages:
            reading = incoming.read(message.body, headers=message.headers, received=message.time)
            if reading.events or not reading.unreadable:
                parts = [_unreadable(message, part) for part in reading.unreadable]
                outgoing.append((message, [*map(cloud_event.encode, reading.events), *parts]))
            else:
                letters.append((message, reading.unreadable[0].reason))
        letters += self._publish(outgoing)
        if letters:
            self._refuse(letters)
            for message, reason in letters:
                _log.warning("dead letter", source=self.name, reason=reason.code, text=reason.text, at=message.offset)

    def _publish(self, outgoing: Sequence[tuple[Message, Sequence[OutgoingMessage]]]) -> list[Letter]:
        """Publish all of them at once; where one can never be published, each by itself. Those that cannot be."""
        try:
            self._publisher.publish(self._topic, [one for _, several in outgoing for one in several])
        except Skip as error:
            if len(outgoing) == 1:
                return [(outgoing[0][0], DeadLetter(error.text, code=error.code))]
            return [letter for one in outgoing for letter in self._publish([one])]
        return []

    def _hold(self, seconds: float, stopping: Event) -> None:
        """Let time pass with the messages in hand kept: the source is polled, and gives only what it has just got."""
        until = self._monotonic() + seconds
        while not stopping.is_set() and (left := until - self._monotonic()) > 0:
            wait = min(left, _KEEP_ALIVE)
            self._subscriber.pause(self._subscriber.assignment())
            try:
                self._in_hand = [*self._in_hand, *self._subscriber.poll(1, wait)]
            except Retry:
                stopping.wait(wait)
        self._subscriber.resume(self._subscriber.assignment())


def _unreadable(message: Message, part: incoming.Unreadable) -> OutgoingMessage:
    key = f"unreadable:{message.topic}:{message.partition}:{message.offset}"
    return OutgoingMessage(key, part.body, incoming.unreadable_header(part.reason))
