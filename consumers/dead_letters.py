"""Where messages go that cannot be read as a change: into the ledger, and to the broker's topic for them."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeAlias

import structlog
from sqlalchemy import Engine

from engine.ledger import dead_letters
from engine.ledger.database import write
from schemas.errors import DeadLetter, Skip
from schemas.topics import Message, OutgoingMessage, Publisher

_log = structlog.get_logger()

Letter: TypeAlias = tuple[Message, DeadLetter]
"""A message, and why it or a part of it cannot be read."""

_LONGEST_TEXT = 2_000
"""Characters of a reason in a header."""


class DeadLetters:
    """Keeps dead letters. Used before the position passes their messages.

    Args:
        publisher, topic: where they are copied to; ``None``: the ledger alone has them.
    """

    def __init__(
        self, database: Engine, publisher: Publisher, topic: str | None, *, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._publisher = publisher
        self._topic = topic
        self._clock = clock

    def keep(self, letters: Sequence[Letter]) -> None:
        """Keep them; those that are delivered again are kept once in the ledger, and may be on the topic twice.

        Raises:
            Retry, Stop: of broker or database; keep all of them again.
        """
        if self._topic is not None:
            self._copy(self._topic, letters)
        with write(self._database) as connection:
            dead_letters.keep(connection, letters, self._clock())
        for message, reason in letters:
            _log.warning("dead letter", reason=reason.code, text=reason.text, topic=message.topic, key=message.key)

    def _copy(self, topic: str, letters: Sequence[Letter]) -> None:
        copies = [_copied(*letter) for letter in letters]
        try:
            self._publisher.publish(topic, copies)
        except Skip:
            for one in copies:  # by itself: only those that the broker never takes are left to the ledger
                try:
                    self._publisher.publish(topic, [one])
                except Skip as error:
                    _log.warning("the ledger alone has a dead letter", reason=error.text, key=one.key)


def _copied(message: Message, reason: DeadLetter) -> OutgoingMessage:
    """The message as it came, with headers that say where it was and what is wrong with it."""
    headers = {
        "dead-letter-topic": message.topic,
        "dead-letter-partition": str(message.partition),
        "dead-letter-offset": str(message.offset),
        "dead-letter-time": message.time.isoformat(),
        "dead-letter-key": message.key,
        "dead-letter-reason": reason.code,
        "dead-letter-text": reason.text[:_LONGEST_TEXT],
    }
    return OutgoingMessage(message.key, message.body, {**message.headers, **headers})
