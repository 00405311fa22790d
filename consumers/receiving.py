"""From the topic into the engine: read messages, schedule their operations, settle what is finished. One thread.

Intake is bounded: while the engine has enough, the partitions are paused; polling goes on, so that the group does not
take this worker for dead.

Partitions that go to another worker go once what has begun of them has ended and is settled: else both would carry the
same change, and Business Central, which takes no ids for new rows, would get it twice.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import structlog

from consumers.dead_letters import DeadLetters, Letter
from engine.intake import Intake
from engine.operation import Operation
from engine.scheduler import Scheduler
from schemas import incoming
from schemas.errors import Retry
from schemas.topics import Message, RevokeListener, Subscriber, TopicPartition

_log = structlog.get_logger()

_POLL = 500
"""Messages taken at once, at most."""

_SETTLE_EVERY = 0.1
"""Seconds between two settlements: settling every message by itself costs more than all the rest of receiving it."""

_REVOKE_PATIENCE = 8.0
"""Seconds that partitions wait for what has begun; less than a broker takes a member for dead that does not poll."""

Subscribe: TypeAlias = Callable[[RevokeListener], Subscriber]
"""Makes a subscriber that tells a listener before its partitions go to another one."""

StartSweep: TypeAlias = Callable[[Operation], None]
"""Starts the sweep that an operation asks for; whoever runs it gives the operation to the scheduler's ``done``."""


class Receiving:
    """One subscriber's way into the engine.

    Args:
        max_in_flight: unfinished deliveries above which nothing more is taken.
    """

    def __init__(
        self,
        subscribe: Subscribe,
        intake: Intake,
        scheduler: Scheduler,
        dead_letters: DeadLetters,
        sweep: StartSweep,
        *,
        monotonic: Callable[[], float],
        max_in_flight: int,
    ) -> None:
        self._subscriber = subscribe(self._revoked)
        self._intake = intake
        self._scheduler = scheduler
        self._dead_letters = dead_letters
        self._sweep = sweep
        self._monotonic = monotonic
        self._settled_at = monotonic()
        self._max_in_flight = max_in_flight
        self._paused = False
        self._untaken: Sequence[Message] = []

    def turn(self, timeout: float) -> int:
        """Take what is there, waiting up to ``timeout`` seconds for it, and settle what is finished now and then.

        The answer is how many messages were taken.

        Raises:
            Retry, Stop: of the broker, or of the database that dead letters go to; nothing is lost: messages that were
                polled are taken by the next turn.
        """
        if self._monotonic() - self._settled_at >= _SETTLE_EVERY:
            self.settle()
        self._balance()
        messages = self._untaken or self._subscriber.poll(_POLL, timeout)
        self._untaken = messages
        self._take(messages)
        self._untaken = []
        return len(messages)

    def settle(self) -> None:
        """Settle what is finished.

        Raises:
            Retry: it stays finished, and is settled with the next.
        """
        finished = self._scheduler.finished()
        if finished:
            self._subscriber.settle(finished)
        self._settled_at = self._monotonic()

    def leave(self) -> None:
        """Settle what is finished, and leave the group.

        Raises:
            Retry, Stop: not settled; it is delivered again, to whoever has the partitions then.
        """
        try:
            self.settle()
        finally:
            self._subscriber.close()

    def _revoked(self, partitions: frozenset[TopicPartition]) -> None:
        if not self._scheduler.withdraw(partitions, _REVOKE_PATIENCE):
            _log.warning(
                "partitions go to another worker before all changes of them have ended", number=len(partitions)
            )
        try:
            self.settle()
        except Retry as error:
            _log.warning("what is finished is delivered again, to another worker", reason=error.text)

    def _balance(self) -> None:
        load = self._scheduler.load
        if load >= self._max_in_flight:
            self._subscriber.pause(self._subscriber.assignment())
            self._paused = True
        elif self._paused and load <= self._max_in_flight // 2:
            self._subscriber.resume(self._subscriber.assignment())
            self._paused = False

    def _take(self, messages: Sequence[Message]) -> None:
        letters: list[Letter] = []
        scheduled: list[tuple[Message, list[Operation]]] = []
        for message in messages:
            reading = incoming.read(message.body, headers=message.headers, received=message.time)
            letters.extend((message, unreadable.reason) for unreadable in reading.unreadable)
            scheduled.append((message, self._intake.operations(message, reading.events)))
        if letters:
            # Before anything of these messages can finish: a dead letter is in the ledger before its position passes.
            self._dead_letters.keep(letters)
        for message, operations in scheduled:
            self._scheduler.offer(None if operations else message, [one for one in operations if one.sweep is None])
            for operation in operations:
                if operation.sweep is not None:
                    self._scheduler.begin(operation)
                    self._sweep(operation)
