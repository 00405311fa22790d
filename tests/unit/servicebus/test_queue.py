"""A queue on a clock of its own."""

from dataclasses import dataclass, field
from uuid import UUID

import pytest

from tests.servicebus.amqp.codec import encode
from tests.servicebus.amqp.errors import AmqpError
from tests.servicebus.amqp.message import PROPERTIES, Message
from tests.servicebus.amqp.types import Described, Symbol, Timestamp, UInt, ULong, Value
from tests.servicebus.queue import SESSION_GRACE, Queue
from tests.servicebus.sessions import MessageSession
from tests.servicebus.settings import EntitySettings
from tests.servicebus.stored_message import State, StoredMessage
from tests.servicebus.timers import Timers


class Clock:
    """Stands still unless it is moved."""

    def __init__(self) -> None:
        self.time = 1_000_000.0
        self.timers = Timers(lambda: self.time)

    def move(self, seconds: float) -> None:
        self.time += seconds
        self.timers.run()


@dataclass(eq=False)
class Taker:
    """A consumer that keeps what it is given."""

    credit: int = 100
    keeps: bool = True
    session: MessageSession | None = None
    taken: list[StoredMessage] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def deliver(self, stored: StoredMessage) -> None:
        self.credit -= 1
        self.taken.append(stored)

    def lost_session(self, error: AmqpError) -> None:
        self.lost.append(error.condition)

    @property
    def tokens(self) -> list[UUID]:
        return [stored.lock.token for stored in self.taken if stored.lock is not None]


@pytest.fixture
def clock() -> Clock:
    return Clock()


def _queue(clock: Clock, **settings: Value) -> Queue:
    return Queue("q", EntitySettings(lock_duration=30.0, **settings), clock.timers)


def _taker(queue: Queue, *, credit: int = 100, keeps: bool = True) -> Taker:
    taker = Taker(credit, keeps)
    queue.add_consumer(taker)
    queue.wake()
    return taker


def _message(
    message_id: str = "", *, ttl: float | None = None, session: str | None = None, due: float | None = None
) -> Message:
    properties = encode(Described(ULong(PROPERTIES), [message_id or None, *[None] * 9, session]))
    header = [] if ttl is None else [None, None, UInt(int(ttl * 1000))]
    annotations = {} if due is None else {Symbol("x-opt-scheduled-enqueue-time"): Timestamp(int(due * 1000))}
    return Message(header=header, annotations=annotations, properties=properties)


def _ids(stored: list[StoredMessage]) -> list[str]:
    return [str(each.message.property_named("message_id")) for each in stored]


def test_messages_come_in_the_order_in_which_they_were_sent(clock: Clock) -> None:
    queue = _queue(clock)
    for number in range(5):
        queue.send(_message(str(number)))
    assert _ids(_taker(queue).taken) == list("01234")


def test_nobody_gets_more_than_asked_for(clock: Clock) -> None:
    queue = _queue(clock)
    first, second = _taker(queue, credit=1), _taker(queue, credit=2)
    for number in range(5):
        queue.send(_message(str(number)))
    assert (len(first.taken), len(second.taken)) == (1, 2)


def test_a_lock_that_runs_out_brings_the_message_back_and_counts(clock: Clock) -> None:
    queue = _queue(clock)
    queue.send(_message("a"))
    first = _taker(queue, credit=1)
    second = _taker(queue)
    (token,) = first.tokens
    clock.move(29.9)
    assert second.taken == []
    clock.move(0.2)
    assert [stored.delivery_count for stored in second.taken] == [1]
    with pytest.raises(AmqpError, match="message-lock-lost"):
        queue.complete(token)


def test_a_renewed_lock_lasts_longer(clock: Clock) -> None:
    queue = _queue(clock)
    queue.send(_message("a"))
    (token,) = _taker(queue).tokens
    clock.move(20)
    assert queue.renew(token) == clock.time + 30
    clock.move(20)
    queue.complete(token)
    assert queue.size == 0


def test_what_fails_too_often_is_a_dead_letter_that_says_so(clock: Clock) -> None:
    queue = _queue(clock, max_delivery_count=3)
    queue.send(_message("a"))
    taker = _taker(queue)
    for _ in range(3):
        queue.abandon(taker.taken[-1].lock.token)  # type: ignore[union-attr]  # it has just been locked
    (buried,) = _taker(queue.dead_letters).taken
    assert buried.message.application_property_map()["DeadLetterReason"] == "MaxDeliveryCountExceeded"
    assert queue.size == 0


def test_what_is_released_comes_back_and_does_not_count(clock: Clock) -> None:
    queue = _queue(clock)
    queue.send(_message("a"))
    first = _taker(queue, credit=1)
    queue.release(first.tokens[0])
    assert _taker(queue).taken[0].delivery_count == 0


def test_an_abandoned_message_is_back_in_its_old_place(clock: Clock) -> None:
    queue = _queue(clock)
    for name in "abc":
        queue.send(_message(name))
    taker = _taker(queue, credit=2)
    queue.abandon(taker.tokens[0])
    assert _ids(_taker(queue).taken) == ["a", "c"]


def test_what_outlives_its_time_is_gone(clock: Clock) -> None:
    queue = _queue(clock)
    queue.send(_message("a", ttl=5))
    clock.move(6)
    assert queue.size == queue.dead_letters.size == 0


def test_what_outlives_its_time_is_a_dead_letter_where_that_is_wanted(clock: Clock) -> None:
    queue = _queue(clock, dead_letter_expired=True, time_to_live=3.0)
    queue.send(_message("a", ttl=5))
    clock.move(3)
    (buried,) = _taker(queue.dead_letters).taken
    assert buried.message.application_property_map()["DeadLetterReason"] == "TTLExpiredException"


def test_what_is_locked_does_not_outlive_its_time_before_it_comes_back(clock: Clock) -> None:
    queue = _queue(clock)
    queue.send(_message("a", ttl=5))
    taker = _taker(queue)
    clock.move(10)
    assert queue.size == 1
    queue.abandon(taker.tokens[0])
    assert queue.size == 0


def test_the_same_id_within_the_window_is_the_same_message(clock: Clock) -> None:
    queue = _queue(clock, duplicate_window=60.0)
    assert queue.send(_message("a")) > 0
    clock.move(59)
    assert queue.send(_message("a")) == 0
    clock.move(2)
    assert queue.send(_message("a")) > 0
    assert queue.size == 2


def test_a_scheduled_message_appears_in_its_time_under_a_new_number(clock: Clock) -> None:
    queue = _queue(clock)
    taker = _taker(queue)
    number = queue.send(_message("a", due=clock.time + 60))
    assert queue.peek(1, 10)[0].state is State.SCHEDULED
    clock.move(59)
    assert taker.taken == []
    clock.move(1)
    assert (taker.taken[0].enqueued_sequence_number, taker.taken[0].sequence_number) == (number, number + 1)


def test_a_cancelled_message_does_not_appear(clock: Clock) -> None:
    queue = _queue(clock)
    taker = _taker(queue)
    number = queue.send(_message("a", due=clock.time + 60))
    queue.cancel_scheduled(number)
    clock.move(61)
    assert taker.taken == []
    with pytest.raises(AmqpError, match="message-not-found"):
        queue.cancel_scheduled(number)


def test_a_deferred_message_comes_only_by_its_number(clock: Clock) -> None:
    queue = _queue(clock)
    number = queue.send(_message("a"))
    taker = _taker(queue)
    queue.defer(taker.tokens[0])
    assert _taker(queue).taken == []
    (stored,) = queue.receive_deferred([number], keeps=True)
    with pytest.raises(AmqpError, match="message-not-found"):
        queue.receive_deferred([number], keeps=True)
    assert stored.lock is not None
    queue.complete(stored.lock.token)
    assert queue.size == 0


def test_a_deferred_message_whose_lock_runs_out_is_still_deferred(clock: Clock) -> None:
    queue = _queue(clock)
    number = queue.send(_message("a"))
    queue.defer(_taker(queue).tokens[0])
    queue.receive_deferred([number], keeps=True)
    clock.move(31)
    (stored,) = queue.receive_deferred([number], keeps=False)
    assert stored.delivery_count == 2
    assert queue.size == 0


def test_who_keeps_nothing_takes_it_away(clock: Clock) -> None:
    queue = _queue(clock)
    queue.send(_message("a"))
    assert _ids(_taker(queue, keeps=False).taken) == ["a"]
    assert queue.size == 0


def test_peeking_changes_nothing(clock: Clock) -> None:
    queue = _queue(clock)
    for name in "abc":
        queue.send(_message(name))
    assert _ids(queue.peek(2, 1)) == ["b"]
    assert queue.peek(4, 10) == []
    assert _ids(_taker(queue).taken) == ["a", "b", "c"]


def test_a_message_without_a_session_is_refused_where_one_is_required(clock: Clock) -> None:
    with pytest.raises(AmqpError, match="no session id"):
        _queue(clock, requires_session=True).send(_message("a"))


def _accepted(queue: Queue, session_id: str, *, credit: int = 100) -> Taker:
    taker = Taker(credit)
    session = queue.accept_session(session_id, taker)
    queue.add_consumer(taker)
    queue.wake_session(session)
    return taker


def test_a_session_is_one_receivers_own(clock: Clock) -> None:
    queue = _queue(clock, requires_session=True)
    for name in "abc":
        queue.send(_message(name, session=name.replace("c", "a")))
    taker = _accepted(queue, "a")
    assert _ids(taker.taken) == ["a", "c"]
    with pytest.raises(AmqpError, match="session-cannot-be-locked"):
        _accepted(queue, "a")


def test_a_session_that_runs_out_is_lost_and_its_messages_count(clock: Clock) -> None:
    queue = _queue(clock, requires_session=True)
    queue.send(_message("a", session="s"))
    taker = _accepted(queue, "s")
    clock.move(20)
    queue.renew_session("s")
    clock.move(29)
    assert taker.lost == []
    clock.move(1 + SESSION_GRACE)
    assert taker.lost == ["com.microsoft:session-lock-lost"]
    assert _accepted(queue, "s").taken[0].delivery_count == 1


def test_a_session_that_is_given_back_leaves_its_messages_as_they_were(clock: Clock) -> None:
    queue = _queue(clock, requires_session=True)
    queue.send(_message("a", session="s"))
    queue.remove_consumer(_accepted(queue, "s"))
    assert _accepted(queue, "s").taken[0].delivery_count == 0


def test_the_next_session_is_one_that_nobody_holds_now_or_later(clock: Clock) -> None:
    queue = _queue(clock, requires_session=True)
    queue.send(_message("a", session="held"))
    holder = _accepted(queue, "held", credit=0)
    offered: list[str] = []
    queue.next_session(lambda session: offered.append(session.id))
    assert offered == []
    queue.remove_consumer(holder)
    assert offered == ["held"]


def test_who_gives_up_waiting_is_not_offered_a_session(clock: Clock) -> None:
    queue = _queue(clock, requires_session=True)
    offered: list[str] = []
    queue.next_session(lambda session: offered.append(session.id))()
    queue.send(_message("a", session="s"))
    assert offered == []


def test_what_a_session_remembers_stays_when_its_receiver_goes(clock: Clock) -> None:
    queue = _queue(clock, requires_session=True)
    taker = _accepted(queue, "s")
    queue.set_session_state("s", b"half done")
    assert queue.session_ids(None) == ["s"]
    queue.remove_consumer(taker)
    with pytest.raises(AmqpError, match="session-lock-lost"):
        queue.set_session_state("s", None)
    _accepted(queue, "s")
    assert queue.sessions.held("s").state == b"half done"


def test_locks_run_out_on_command(clock: Clock) -> None:
    queue = _queue(clock)
    queue.send(_message("a"))
    first, second = _taker(queue, credit=1), _taker(queue)
    assert queue.expire_locks() == 1
    assert (len(first.taken), second.taken[0].delivery_count) == (1, 1)
