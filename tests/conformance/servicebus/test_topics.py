"""Topics and subscriptions, as Microsoft's client for Python sees them."""

from datetime import UTC, datetime, timedelta

from azure.servicebus import ServiceBusClient, ServiceBusMessage

from tests.servicebus.broker import ServiceBusBroker


def _bodies(client: ServiceBusClient, subscription: str, count: int) -> list[str]:
    with client.get_subscription_receiver("t", subscription) as receiver:
        return [str(message) for message in receiver.receive_messages(count, max_wait_time=5)]


def test_every_subscription_gets_its_own_copy(broker: ServiceBusBroker, client: ServiceBusClient) -> None:
    broker.create_subscription("t", "one")
    broker.create_subscription("t", "two")
    with client.get_topic_sender("t") as sender:
        sender.send_messages([ServiceBusMessage("a"), ServiceBusMessage("b")])
    with client.get_subscription_receiver("t", "one") as receiver:
        for message in receiver.receive_messages(2, max_wait_time=5):
            receiver.complete_message(message)
    assert broker.count("t/Subscriptions/one") == 0
    assert _bodies(client, "two", 2) == ["a", "b"]


def test_a_subscription_gets_what_is_sent_after_it_was_created(
    broker: ServiceBusBroker, client: ServiceBusClient
) -> None:
    with client.get_topic_sender("t") as sender:
        sender.send_messages(ServiceBusMessage("early"))
        broker.create_subscription("t", "late")
        sender.send_messages(ServiceBusMessage("late"))
    assert _bodies(client, "late", 1) == ["late"]


def test_a_subscription_has_dead_letters_of_its_own(broker: ServiceBusBroker, client: ServiceBusClient) -> None:
    broker.create_subscription("t", "one")
    broker.create_subscription("t", "two")
    with client.get_topic_sender("t") as sender:
        sender.send_messages(ServiceBusMessage("a"))
    with client.get_subscription_receiver("t", "one") as receiver:
        receiver.dead_letter_message(receiver.receive_messages(max_wait_time=5)[0], reason="why")
    with client.get_subscription_receiver("t", "one", sub_queue="deadletter") as receiver:
        assert receiver.receive_messages(max_wait_time=5)[0].dead_letter_reason == "why"
    assert broker.count("t/Subscriptions/two/$DeadLetterQueue") == 0


def test_a_scheduled_message_reaches_subscriptions_in_its_time(
    broker: ServiceBusBroker, client: ServiceBusClient
) -> None:
    broker.create_subscription("t", "one")
    soon = datetime.now(UTC) + timedelta(seconds=1)
    with client.get_topic_sender("t") as sender:
        sender.schedule_messages(ServiceBusMessage("soon"), soon)
        sender.cancel_scheduled_messages(sender.schedule_messages(ServiceBusMessage("never"), soon))
    assert _bodies(client, "one", 2) == ["soon"]
    assert datetime.now(UTC) >= soon
