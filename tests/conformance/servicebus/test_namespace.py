"""The namespace that tests are given, be it the broker or the one that the environment names."""

import uuid
from collections.abc import Iterator

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage

from tests.servicebus.settings import EntitySettings
from tests.support.service_bus import GIVEN, ServiceBusNamespace, service_bus


@pytest.fixture
def name(service_bus_namespace: ServiceBusNamespace) -> Iterator[str]:
    """A name of this test's own; what it names is deleted afterwards."""
    made = f"twinrow-{uuid.uuid4()}"
    yield made
    service_bus_namespace.delete(made)


def test_a_queue_can_be_created_and_used(service_bus_namespace: ServiceBusNamespace, name: str) -> None:
    service_bus_namespace.create_queue(name, EntitySettings(requires_session=True, duplicate_window=60))
    with ServiceBusClient.from_connection_string(service_bus_namespace.connection_string) as client:
        with client.get_queue_sender(name) as sender:
            for _ in range(2):
                sender.send_messages(ServiceBusMessage("a", session_id="s", message_id="same"))
        with client.get_queue_receiver(name, session_id="s", max_wait_time=1) as receiver:
            assert [str(message) for message in receiver] == ["a"]


def test_a_topic_with_a_subscription_can_be_created_and_used(
    service_bus_namespace: ServiceBusNamespace, name: str
) -> None:
    service_bus_namespace.create_topic(name)
    service_bus_namespace.create_subscription(name, "sub")
    with ServiceBusClient.from_connection_string(service_bus_namespace.connection_string) as client:
        with client.get_topic_sender(name) as sender:
            sender.send_messages(ServiceBusMessage("a"))
        with client.get_subscription_receiver(name, "sub") as receiver:
            assert [str(message) for message in receiver.receive_messages(max_wait_time=10)] == ["a"]


def test_a_given_namespace_that_is_none_fails_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(GIVEN, "SharedAccessKey=secret")
    with pytest.raises(AssertionError, match=GIVEN) as raised, service_bus():
        pass
    assert "secret" not in str(raised.value)
