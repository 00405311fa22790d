"""A queue: what is sent to it stays until a receiver completes it, or until it is a dead letter."""

from collections.abc import Callable, Iterable
from functools import cached_property
from itertools import count
from typing import Protocol
from uuid import UUID, uuid4

from tests.servicebus.amqp.errors import (
    AmqpError,
    argument,
    message_lock_lost,
    message_not_found,
    session_lock_lost,
)
from tests.servicebus.amqp.message import Message, text_of_id
from tests.servicebus.amqp.types import Value
from tests.servicebus.duplicates import Duplicates
from tests.servicebus.ready import Ready
from tests.servicebus.sessions import MessageSession, Sessions
from tests.servicebus.settings import EntitySettings
from tests.servicebus.stored_message import Lock, State, StoredMessage
from tests.servicebus.timers import Timers

MAX_DELIVERIES = ("MaxDeliveryCountExceeded", "Message could not be consumed after {} delivery attempts.")
SESSION_GRACE = 0.75
"""Seconds that a session stays its receiver's own beyond the time that was promised: a promise is a minimum."""
EXPIRED = ("TTLExpiredException", "The message expired and was dead lettered.")


class Consumer(Protocol):
    """A receiver of a queue."""

    keeps: bool
    """Whether it locks messages; if not, they are gone when they are delivered."""

    session: MessageSession | None
    """The session that is its own."""

    @property
    def credit(self) -> int:
        """How many messages it will take."""

    def deliver(self, stored: StoredMessage) -> None:
        """Take a message; its lock, if any, is set."""

    def lost_session(self, error: AmqpError) -> None:
        """Its session is no longer its own."""


class Queue:
    """One queue. Not thread-safe: it belongs to the broker's thread."""

    def __init__(
        self,
        name: str,
        settings: EntitySettings,
        timers: Timers,
        numbers: "count[int] | None" = None,
        new_token: Callable[[], UUID] = uuid4,
    ) -> None:
        """``numbers`` are the sequence numbers, shared with the dead letters."""
        self.name = name
        self.settings = settings
        self.sessions = Sessions()
        self._numbers = numbers or count(1)
        self._new_token = new_token
        self._timers = timers
        self._messages: dict[int, StoredMessage] = {}
        self._locked: dict[UUID, StoredMessage] = {}
        self._ready = Ready()
        self._consumers: dict[Consumer, None] = {}
        self._accepting: list[Callable[[MessageSession], None]] = []
        self._duplicates = Duplicates(settings.duplicate_window)

    @cached_property
    def dead_letters(self) -> "Queue":
        """The queue beside this one for what cannot be delivered."""
        return self._beside("$DeadLetterQueue")

    @cached_property
    def transfer_dead_letters(self) -> "Queue":
        """The one for what cannot be forwarded. Nothing is forwarded here, so it stays empty."""
        return self._beside("$Transfer/$DeadLetterQueue")

    def _beside(self, name: str) -> "Queue":
        """A queue without sessions, limits and dead letters of its own, which counts on with our numbers."""
        settings = EntitySettings(
            lock_duration=self.settings.lock_duration,
            max_delivery_count=2**31,
            max_message_size=self.settings.max_message_size,
        )
        return Queue(f"{self.name}/{name}", settings, self._timers, self._numbers, self._new_token)

    @property
    def size(self) -> int:
        """How many messages it holds, in any state."""
        return len(self._messages)

    # Sending

    def send(self, message: Message) -> int:
        """Take a message; its sequence number, or 0 if it is a duplicate.

        Raises:
            AmqpError: it belongs to no session, and this queue wants one.
        """
        session_id = message.property_named("group_id")
        if self.settings.requires_session and session_id is None:
            raise argument(f"The message has no session id, which '{self.name}' requires.")
        now = self._timers.now()
        if self._duplicates.is_duplicate(text_of_id(message.property_named("message_id")), now):
            return 0
        stored = StoredMessage(message, next(self._numbers), now, session_id)
        self._messages[stored.sequence_number] = stored
        due = message.scheduled_for
        if due is not None and due > now:
            stored.state = State.SCHEDULED
            self._timers.at(due, lambda: self._appear(stored))
        else:
            self._start(stored)
        return stored.sequence_number

    def cancel_scheduled(self, sequence_number: int) -> None:
        """Forget a scheduled message.

        Raises:
            AmqpError: there is none of that number.
        """
        stored = self._messages.get(sequence_number)
        if stored is None or stored.state is not State.SCHEDULED:
            raise message_not_found(sequence_number)
        del self._messages[sequence_number]

    def _appear(self, stored: StoredMessage) -> None:
        if self._messages.pop(stored.sequence_number, None) is None:
            return
        stored.enqueued_sequence_number = stored.sequence_number
        stored.sequence_number = next(self._numbers)
        stored.state = State.ACTIVE
        stored.enqueued = self._timers.now()
        self._messages[stored.sequence_number] = stored
        self._start(stored)

    def _start(self, stored: StoredMessage) -> None:
        lives = [ttl for ttl in (stored.message.time_to_live, self.settings.time_to_live) if ttl is not None]
        if lives:
            stored.expires = stored.enqueued + min(lives)
            self._timers.at(stored.expires, lambda: self._expire(stored))
        self._make_ready(stored)

    def _expire(self, stored: StoredMessage) -> None:
        """Its time is over: gone if it waits, later if it is locked."""
        if stored.lock is not None or self._messages.get(stored.sequence_number) is not stored:
            return
        if stored.state is not State.DEFERRED:
            self._remove(stored)
            if self.settings.dead_letter_expired:
                self._bury(stored, *EXPIRED)

    # Receiving

    def add_consumer(self, consumer: Consumer) -> None:
        """It gets messages as long as it has credit."""
        self._consumers[consumer] = None

    def remove_consumer(self, consumer: Consumer) -> None:
        """It is gone. Its session is free; messages it has locked stay locked, except those of the session."""
        self._consumers.pop(consumer, None)
        if consumer.session is not None and consumer.session.holder is consumer:
            self._free_session(consumer.session)

    def wake(self) -> None:
        """Deliver what there is to those who want it, taking turns."""
        if self._consumers and not self.settings.requires_session:
            self._serve(list(self._consumers), self._ready)

    def wake_session(self, session: MessageSession) -> None:
        """Deliver what there is to the session's holder."""
        if session.holder is not None and session.holder in self._consumers:
            self._serve([session.holder], session.ready)

    def _serve(self, consumers: list[Consumer], ready: Ready) -> None:
        while len(ready) and (hungry := [consumer for consumer in consumers if consumer.credit > 0]):
            for consumer in hungry:
                if (stored := self._next(ready)) is None:
                    return
                if consumer.keeps:
                    self._lock(stored, consumer)
                else:
                    self._remove(stored)
                consumer.deliver(stored)

    def _next(self, ready: Ready) -> StoredMessage | None:
        """The next message that is still there to be delivered; its turn may have gone by."""
        while len(ready):
            stored = ready.take()
            if self._messages.get(stored.sequence_number) is stored and not stored.expired(self._timers.now()):
                return stored
        return None

    def _make_ready(self, stored: StoredMessage) -> None:
        if not self.settings.requires_session:
            self._ready.add(stored)
            self.wake()
            return
        session = self.sessions.get(stored.session_id or "")
        session.ready.add(stored)
        if session.holder is not None:
            self.wake_session(session)
        elif self._accepting:
            self._accepting.pop(0)(session)

    # Locks

    def _lock(self, stored: StoredMessage, consumer: Consumer | None) -> Lock:
        until = self._timers.now() + self.settings.lock_duration
        if stored.session_id is not None and self.settings.requires_session:
            until = self.sessions.get(stored.session_id).locked_until
        stored.lock = lock = Lock(self._new_token(), consumer, until)
        self._locked[lock.token] = stored
        if not self.settings.requires_session:
            self._timers.at(until, lambda: self._lock_due(lock))
        return lock

    def _lock_due(self, lock: Lock) -> None:
        stored = self._locked.get(lock.token)
        if stored is None:
            return
        if lock.until > self._timers.now():
            self._timers.at(lock.until, lambda: self._lock_due(lock))
        else:
            self._fail(self._unlock(lock.token))

    def renew(self, token: UUID) -> float:
        """Keep a message for another lock duration; until when.

        Raises:
            AmqpError: the lock is lost.
        """
        stored = self._locked.get(token)
        if stored is None or stored.lock is None:
            raise message_lock_lost()
        stored.lock.until = self._timers.now() + self.settings.lock_duration
        return stored.lock.until

    def expire_locks(self) -> int:
        """Let every lock run out now, of a session with all of its messages, and of a message; how many."""
        held = [session for session in self.sessions if session.holder is not None]
        for session in held:
            self._lose_session(session)
        tokens = list(self._locked)
        for token in tokens:
            self._fail(self._unlock(token))
        return len(tokens) + len(held)

    def _unlock(self, token: UUID) -> StoredMessage:
        stored = self._locked.pop(token, None)
        if stored is None:
            raise message_lock_lost()
        stored.lock = None
        return stored

    # Settling

    def complete(self, token: UUID) -> None:
        """Done with: it is gone. As with all settlements:

        Raises:
            AmqpError: the lock is lost.
        """
        self._remove(self._unlock(token))

    def abandon(self, token: UUID, changes: dict[Value, Value] | None = None) -> None:
        """It failed: it comes again, with its application properties changed."""
        stored = self._unlock(token)
        self._change(stored, changes)
        self._fail(stored)

    def release(self, token: UUID) -> None:
        """It was not looked at: it comes again, and that does not count."""
        self._back(self._unlock(token))

    def defer(self, token: UUID, changes: dict[Value, Value] | None = None) -> None:
        """It is set aside, and comes only when it is asked for by its number."""
        stored = self._unlock(token)
        self._change(stored, changes)
        stored.delivery_count += 1
        stored.state = State.DEFERRED

    def dead_letter(
        self, token: UUID, reason: str | None, description: str | None, changes: dict[Value, Value] | None = None
    ) -> None:
        """It goes to the dead letters, with why."""
        stored = self._unlock(token)
        self._change(stored, changes)
        self._remove(stored)
        self._bury(stored, reason, description)

    def _change(self, stored: StoredMessage, changes: dict[Value, Value] | None) -> None:
        if changes:
            stored.message = stored.message.with_application_properties(changes)

    def _fail(self, stored: StoredMessage) -> None:
        stored.delivery_count += 1
        if stored.delivery_count >= self.settings.max_delivery_count:
            reason, description = MAX_DELIVERIES
            self._remove(stored)
            self._bury(stored, reason, description.format(stored.delivery_count))
        else:
            self._back(stored)

    def _back(self, stored: StoredMessage) -> None:
        if stored.state is State.DEFERRED:
            return
        if stored.expired(self._timers.now()):
            self._expire(stored)
        else:
            self._make_ready(stored)

    def _remove(self, stored: StoredMessage) -> None:
        self._messages.pop(stored.sequence_number, None)

    def _bury(self, stored: StoredMessage, reason: str | None, description: str | None) -> None:
        why = {"DeadLetterReason": reason, "DeadLetterErrorDescription": description}
        message = stored.message.with_application_properties({name: text for name, text in why.items() if text})
        buried = StoredMessage(
            message,
            stored.sequence_number,
            stored.enqueued,
            stored.session_id,
            delivery_count=stored.delivery_count,
            enqueued_sequence_number=stored.enqueued_sequence_number,
        )
        self.dead_letters.take_over(buried)

    def take_over(self, stored: StoredMessage) -> None:
        """Take a message that has a number already."""
        self._messages[stored.sequence_number] = stored
        self._make_ready(stored)

    # By number

    def peek(self, first: int, most: int, session_id: str | None = None) -> list[StoredMessage]:
        """Messages from a sequence number on, in any state; nothing happens to them."""
        numbers = sorted(number for number in self._messages if number >= first)
        found = [self._messages[number] for number in numbers]
        return [stored for stored in found if session_id in (None, stored.session_id)][:most]

    def receive_deferred(
        self, sequence_numbers: Iterable[int], *, keeps: bool, session_id: str | None = None
    ) -> list[StoredMessage]:
        """Deferred messages; locked, or gone if the receiver does not keep them.

        Raises:
            AmqpError: one of them is not there, not deferred, or locked by somebody.
        """
        found = []
        for number in sequence_numbers:
            stored = self._messages.get(number)
            if (
                stored is None
                or stored.state is not State.DEFERRED
                or stored.lock is not None
                or session_id not in (None, stored.session_id)
            ):
                raise message_not_found(number)
            found.append(stored)
        for stored in found:
            if keeps:
                self._lock(stored, None)
            else:
                self._remove(stored)
        return found

    # Sessions

    def accept_session(self, session_id: str, consumer: Consumer) -> MessageSession:
        """Make a session a consumer's own.

        Raises:
            AmqpError: it is somebody else's.
        """
        session = self.sessions.lock(session_id, consumer, self._timers.now() + self.settings.lock_duration)
        consumer.session = session
        self._watch(session, consumer)
        return session

    def next_session(self, accept: Callable[[MessageSession], None]) -> Callable[[], None]:
        """Call ``accept`` with the next session that nobody holds, now or later; what is returned gives that up."""
        if (session := self.sessions.available()) is not None:
            accept(session)
        else:
            self._accepting.append(accept)

        def give_up() -> None:
            if accept in self._accepting:
                self._accepting.remove(accept)

        return give_up

    def renew_session(self, session_id: str) -> float:
        """Keep a session for another lock duration; until when.

        Raises:
            AmqpError: it is nobody's.
        """
        session = self.sessions.held(session_id)
        session.locked_until = self._timers.now() + self.settings.lock_duration
        return session.locked_until

    def set_session_state(self, session_id: str, state: bytes | None) -> None:
        """Remember something for a session; ``None`` forgets it.

        Raises:
            AmqpError: it is nobody's.
        """
        session = self.sessions.held(session_id)
        session.state, session.state_updated = state, self._timers.now()

    def session_ids(self, updated_after: float | None) -> list[str]:
        """Sessions with messages or a state; or those whose state was set after a time."""
        if updated_after is not None:
            return [each.id for each in self.sessions if each.state_updated and each.state_updated > updated_after]
        filled = {stored.session_id for stored in self._messages.values() if stored.session_id is not None}
        return [each.id for each in self.sessions if each.id in filled or each.state is not None]

    def _watch(self, session: MessageSession, consumer: Consumer) -> None:
        def due() -> None:
            if session.holder is not consumer:
                return
            if session.locked_until + SESSION_GRACE > self._timers.now():
                self._watch(session, consumer)
            else:
                self._lose_session(session)

        self._timers.at(session.locked_until + SESSION_GRACE, due)

    def _lose_session(self, session: MessageSession) -> None:
        consumer, session.holder = session.holder, None
        for token in self._locked_in(session):
            self._fail(self._unlock(token))
        if consumer is not None:
            consumer.lost_session(session_lock_lost(session.id))
        self._offer(session)

    def _free_session(self, session: MessageSession) -> None:
        session.holder = None
        for token in self._locked_in(session):
            self._back(self._unlock(token))
        self._offer(session)

    def _offer(self, session: MessageSession) -> None:
        if session.holder is None and len(session.ready) and self._accepting:
            self._accepting.pop(0)(session)

    def _locked_in(self, session: MessageSession) -> list[UUID]:
        return [token for token, stored in self._locked.items() if stored.session_id == session.id]
