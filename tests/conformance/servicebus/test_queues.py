"""Queues, as Microsoft's client for Python sees them."""

from datetime import UTC, datetime, timedelta

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusReceivedMessage, ServiceBusReceiver
from azure.servicebus.exceptions import (
    MessageLockLostError,
    MessageNotFoundError,
    MessageSizeExceededError,
    MessagingEntityNotFoundError,
)

from tests.servicebus.broker import ServiceBusBroker
from tests.servicebus.settings import EntitySettings
from tests.support.eventually import eventually


def _send(client: ServiceBusClient, *bodies: str, to: str = "q") -> None:
    with client.get_queue_sender(to) as sender:
        sender.send_messages([ServiceBusMessage(body, message_id=body) for body in bodies])


def _received(receiver: ServiceBusReceiver, count: int) -> list[ServiceBusReceivedMessage]:
    """Exactly so many messages, however many calls that takes."""
    found: list[ServiceBusReceivedMessage] = []
    while len(found) < count:
        more = receiver.receive_messages(count - len(found), max_wait_time=10)
        assert more, f"only {len(found)} of {count} messages came"
        found += more
    return found


def _bodies(messages: list[ServiceBusReceivedMessage]) -> list[str]:
    return [str(message) for message in messages]


def test_what_is_completed_is_gone(broker: ServiceBusBroker, client: ServiceBusClient) -> None:
    _send(client, "a", "b", "c")
    with client.get_queue_receiver("q") as receiver:
        messages = _received(receiver, 3)
        assert _bodies(messages) == ["a", "b", "c"]
        assert [message.delivery_count for message in messages] == [0, 0, 0]
        for message in messages:
            receiver.complete_message(message)
    assert broker.count("q") == 0


def test_a_message_arrives_as_it_was_sent(client: ServiceBusClient) -> None:
    sent = ServiceBusMessage(
        b"\x00\xff" * 50_000,
        message_id="id",
        subject="label",
        content_type="application/octet-stream",
        correlation_id="cid",
        reply_to="here",
        to="there",
        time_to_live=timedelta(hours=1),
        application_properties={"text": "é", "number": 2**30, "truth": True, "real": 1.5},
    )
    with client.get_queue_sender("q") as sender, client.get_queue_receiver("q") as receiver:
        sender.send_messages(sent)
        (message,) = _received(receiver, 1)
        assert b"".join(message.body) == b"\x00\xff" * 50_000
        assert message.application_properties == {b"text": "é".encode(), b"number": 2**30, b"truth": True, b"real": 1.5}
        fields = ("message_id", "subject", "content_type", "correlation_id", "reply_to", "to", "time_to_live")
        assert all(getattr(message, name) == getattr(sent, name) for name in fields)
        assert message.sequence_number == 1
        assert message.enqueued_time_utc is not None
        assert abs(message.enqueued_time_utc - datetime.now(UTC)) < timedelta(seconds=10)
        assert message.expires_at_utc == message.enqueued_time_utc + timedelta(hours=1)


def test_a_batch_that_is_too_large_is_refused_whole(broker: ServiceBusBroker, client: ServiceBusClient) -> None:
    with client.get_queue_sender("q") as sender:
        with pytest.raises(MessageSizeExceededError):
            sender.send_messages(ServiceBusMessage("x" * 262_144))
        batch = sender.create_message_batch()
        for _ in range(5):
            batch.add_message(ServiceBusMessage("x" * 50_000))
        with pytest.raises(MessageSizeExceededError):
            batch.add_message(ServiceBusMessage("x" * 50_000))
        sender.send_messages(batch)
    assert broker.count("q") == 5


def test_an_abandoned_message_comes_again_and_counts(client: ServiceBusClient) -> None:
    _send(client, "a")
    with client.get_queue_receiver("q") as receiver:
        for count in range(3):
            (message,) = _received(receiver, 1)
            assert message.delivery_count == count
            receiver.abandon_message(message)


def test_what_is_abandoned_too_often_is_a_dead_letter(broker: ServiceBusBroker, client: ServiceBusClient) -> None:
    broker.create_queue("q", EntitySettings(max_delivery_count=2))
    _send(client, "a")
    with client.get_queue_receiver("q") as receiver:
        for _ in range(2):
            receiver.abandon_message(_received(receiver, 1)[0])
    with client.get_queue_receiver("q", sub_queue="deadletter") as receiver:
        (message,) = _received(receiver, 1)
        assert message.dead_letter_reason == "MaxDeliveryCountExceeded"


def test_a_dead_letter_says_why_and_can_be_completed(broker: ServiceBusBroker, client: ServiceBusClient) -> None:
    _send(client, "a")
    with client.get_queue_receiver("q") as receiver:
        receiver.dead_letter_message(_received(receiver, 1)[0], reason="unreadable", error_description="no JSON")
    assert broker.count("q") == 0
    with client.get_queue_receiver("q", sub_queue="deadletter") as receiver:
        (message,) = _received(receiver, 1)
        assert (message.dead_letter_reason, message.dead_letter_error_description) == ("unreadable", "no JSON")
        receiver.complete_message(message)
    assert broker.count("q/$DeadLetterQueue") == 0


def test_a_deferred_message_comes_only_by_its_number(broker: ServiceBusBroker, client: ServiceBusClient) -> None:
    _send(client, "a", "b")
    with client.get_queue_receiver("q") as receiver:
        first, second = _received(receiver, 2)
        assert first.sequence_number is not None
        receiver.defer_message(first)
        receiver.abandon_message(second)
        assert _bodies(_received(receiver, 1)) == ["b"]
        (again,) = receiver.receive_deferred_messages(first.sequence_number)
        assert str(again) == "a"
        receiver.complete_message(again)
        with pytest.raises(MessageNotFoundError):
            receiver.receive_deferred_messages(first.sequence_number)
    assert broker.count("q") == 1


def test_a_renewed_lock_lasts_longer(broker: ServiceBusBroker, client: ServiceBusClient) -> None:
    _send(client, "a")
    with client.get_queue_receiver("q") as receiver:
        (message,) = _received(receiver, 1)
        before = message.locked_until_utc
        assert before is not None
        assert eventually(lambda: receiver.renew_message_lock(message) > before)
        receiver.complete_message(message)
    assert broker.count("q") == 0


def test_a_lock_that_runs_out_brings_the_message_back(broker: ServiceBusBroker, client: ServiceBusClient) -> None:
    broker.create_queue("q", EntitySettings(lock_duration=0.5))
    _send(client, "a")
    with client.get_queue_receiver("q") as late, client.get_queue_receiver("q") as next_one:
        (message,) = _received(late, 1)
        (again,) = _received(next_one, 1)
        assert again.delivery_count == 1
        with pytest.raises(MessageLockLostError):
            late.complete_message(message)


def test_the_broker_refuses_to_settle_what_is_no_longer_locked(
    broker: ServiceBusBroker, client: ServiceBusClient
) -> None:
    _send(client, "a")
    with client.get_queue_receiver("q") as receiver:
        (message,) = _received(receiver, 1)
        assert broker.expire_locks("q") == 1
        with pytest.raises(MessageLockLostError):
            receiver.complete_message(message)
        with pytest.raises(MessageLockLostError):
            receiver.renew_message_lock(message)
        assert _received(receiver, 1)[0].delivery_count == 1


def test_what_outlives_its_time_is_a_dead_letter(broker: ServiceBusBroker, client: ServiceBusClient) -> None:
    broker.create_queue("q", EntitySettings(dead_letter_expired=True))
    with client.get_queue_sender("q") as sender:
        sender.send_messages(ServiceBusMessage("a", time_to_live=timedelta(milliseconds=50)))
    with client.get_queue_receiver("q", sub_queue="deadletter") as receiver:
        assert _received(receiver, 1)[0].dead_letter_reason == "TTLExpiredException"


def test_the_same_id_again_is_the_same_message(broker: ServiceBusBroker, client: ServiceBusClient) -> None:
    broker.create_queue("q", EntitySettings(duplicate_window=60))
    _send(client, "a", "b")
    _send(client, "a", "c")
    assert broker.count("q") == 3


def test_a_scheduled_message_appears_in_its_time(broker: ServiceBusBroker, client: ServiceBusClient) -> None:
    soon, late = datetime.now(UTC) + timedelta(seconds=1), datetime.now(UTC) + timedelta(hours=1)
    with client.get_queue_sender("q") as sender, client.get_queue_receiver("q") as receiver:
        (number,) = sender.schedule_messages(ServiceBusMessage("late"), late)
        assert [message.state.name for message in receiver.peek_messages(10)] == ["SCHEDULED"]
        sender.schedule_messages(ServiceBusMessage("soon"), soon)
        (message,) = _received(receiver, 1)
        assert str(message) == "soon"
        assert datetime.now(UTC) >= soon
        sender.cancel_scheduled_messages(number)
        receiver.complete_message(message)
    assert broker.count("q") == 0


def test_peeking_does_not_take(broker: ServiceBusBroker, client: ServiceBusClient) -> None:
    _send(client, "a", "b", "c")
    with client.get_queue_receiver("q") as receiver:
        assert _bodies(receiver.peek_messages(2)) == ["a", "b"]
        assert _bodies(receiver.peek_messages(2)) == ["c"]
        assert receiver.peek_messages(2, sequence_number=4) == []
    assert broker.count("q") == 3


def test_who_receives_and_deletes_needs_not_complete(broker: ServiceBusBroker, client: ServiceBusClient) -> None:
    _send(client, "a", "b")
    with client.get_queue_receiver("q", receive_mode="receiveanddelete") as receiver:
        assert _bodies(_received(receiver, 2)) == ["a", "b"]
    assert broker.count("q") == 0


def test_what_was_fetched_ahead_and_not_used_is_given_back(client: ServiceBusClient) -> None:
    _send(client, *"abcdefghij")
    with client.get_queue_receiver("q", prefetch_count=10) as receiver:
        _received(receiver, 1)
    with client.get_queue_receiver("q") as receiver:
        assert all(message.delivery_count == 0 for message in _received(receiver, 9))


def test_what_does_not_exist_is_not_found(client: ServiceBusClient) -> None:
    with pytest.raises(MessagingEntityNotFoundError), client.get_queue_receiver("missing"):
        pass
    with pytest.raises(MessagingEntityNotFoundError), client.get_queue_sender("missing"):
        pass


def test_what_is_deleted_while_it_is_used_is_not_found(broker: ServiceBusBroker, client: ServiceBusClient) -> None:
    with client.get_queue_sender("q") as sender:
        sender.send_messages(ServiceBusMessage("a"))
        broker.delete("q")
        with pytest.raises(MessagingEntityNotFoundError):
            sender.send_messages(ServiceBusMessage("b"))
