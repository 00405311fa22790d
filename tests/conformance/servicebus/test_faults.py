"""What a client sees when the broker misbehaves on command."""

import gc
from collections.abc import Iterator
from time import monotonic

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage
from azure.servicebus.exceptions import (
    MessageLockLostError,
    OperationTimeoutError,
    ServiceBusAuthenticationError,
    ServiceBusError,
    ServiceBusServerBusyError,
)

from tests.servicebus.broker import ServiceBusBroker
from tests.servicebus.faults import Fault
from tests.servicebus.settings import EntitySettings

# The client forgets to close a socket that was cut under it; it is collected before the next test.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def _forgotten_sockets() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture
def stubborn(broker: ServiceBusBroker) -> Iterator[ServiceBusClient]:
    """A client that does not try again."""
    with ServiceBusClient.from_connection_string(broker.connection_string, retry_total=0) as made:
        yield made


def test_a_refused_token_is_an_authentication_error(broker: ServiceBusBroker, stubborn: ServiceBusClient) -> None:
    broker.add_fault(Fault("put-token", condition="amqp:unauthorized-access", status=401))
    with pytest.raises(ServiceBusAuthenticationError), stubborn.get_queue_sender("q"):
        pass


def test_a_wrong_key_is_refused(broker: ServiceBusBroker) -> None:
    wrong = broker.connection_string.replace("SharedAccessKey=", "SharedAccessKey=wrong")
    with (
        ServiceBusClient.from_connection_string(wrong, retry_total=0) as client,
        pytest.raises(ServiceBusAuthenticationError),
        client.get_queue_sender("q"),
    ):
        pass


def test_a_busy_server_says_so_and_takes_nothing(broker: ServiceBusBroker, stubborn: ServiceBusClient) -> None:
    broker.add_fault(Fault("send", "^q$"))
    with stubborn.get_queue_sender("q") as sender:
        with pytest.raises(ServiceBusServerBusyError):
            sender.send_messages(ServiceBusMessage("a"))
        assert broker.count("q") == 0
        sender.send_messages(ServiceBusMessage("a"))
    assert broker.count("q") == 1
    assert broker.faults == ()


def test_the_client_sends_again_over_a_connection_that_was_dropped(
    broker: ServiceBusBroker, client: ServiceBusClient
) -> None:
    with client.get_queue_sender("q") as sender:
        broker.add_fault(Fault("send", outcome="drop_answer"))
        sender.send_messages(ServiceBusMessage("a"))
    assert broker.count("q") == 2, "carried out, unanswered, and sent again"


def test_the_client_attaches_again_after_a_forced_detach(broker: ServiceBusBroker, client: ServiceBusClient) -> None:
    with client.get_queue_sender("q") as sender:
        assert broker.detach_links("q") == 1
        sender.send_messages(ServiceBusMessage("a"))
    assert broker.count("q") == 1


def test_the_client_receives_on_after_all_connections_were_dropped(
    broker: ServiceBusBroker, client: ServiceBusClient
) -> None:
    with client.get_queue_sender("q") as sender, client.get_queue_receiver("q") as receiver:
        sender.send_messages(ServiceBusMessage("a"))
        assert broker.drop_connections() == 2
        (message,) = receiver.receive_messages(max_wait_time=10)
        receiver.complete_message(message)
    assert broker.count("q") == 0


def test_a_settlement_whose_connection_is_cut_is_made_by_request(
    broker: ServiceBusBroker, client: ServiceBusClient
) -> None:
    with client.get_queue_sender("q") as sender:
        sender.send_messages(ServiceBusMessage("a"))
    with client.get_queue_receiver("q") as receiver:
        (message,) = receiver.receive_messages(max_wait_time=10)
        broker.add_fault(Fault("settle", outcome="drop"))
        receiver.complete_message(message)
    assert broker.count("q") == 0


def test_a_settlement_that_is_carried_out_and_not_answered_is_reported_as_a_lost_lock(
    broker: ServiceBusBroker, client: ServiceBusClient
) -> None:
    with client.get_queue_sender("q") as sender:
        sender.send_messages(ServiceBusMessage("a"))
    with client.get_queue_receiver("q") as receiver:
        (message,) = receiver.receive_messages(max_wait_time=10)
        broker.add_fault(Fault("settle", outcome="drop_answer"))
        with pytest.raises(MessageLockLostError):
            receiver.complete_message(message)
    assert broker.count("q") == 0


def test_a_refused_renewal_is_a_lost_lock(broker: ServiceBusBroker, stubborn: ServiceBusClient) -> None:
    with stubborn.get_queue_sender("q") as sender:
        sender.send_messages(ServiceBusMessage("a"))
    with stubborn.get_queue_receiver("q") as receiver:
        (message,) = receiver.receive_messages(max_wait_time=10)
        broker.add_fault(Fault("renew-lock", condition="com.microsoft:message-lock-lost", status=410))
        with pytest.raises(MessageLockLostError):
            receiver.renew_message_lock(message)


def test_a_lost_send_times_out(broker: ServiceBusBroker, stubborn: ServiceBusClient) -> None:
    with stubborn.get_queue_sender("q") as sender:
        broker.add_fault(Fault("send", outcome="lose"))
        with pytest.raises((OperationTimeoutError, ServiceBusError)):
            sender.send_messages(ServiceBusMessage("a"), timeout=0.5)
    assert broker.count("q") == 0


def test_a_delayed_send_is_carried_out_later(broker: ServiceBusBroker, client: ServiceBusClient) -> None:
    with client.get_queue_sender("q") as sender:
        broker.add_fault(Fault("send", outcome="delay", seconds=0.5))
        begun = monotonic()
        sender.send_messages(ServiceBusMessage("a"))
        assert monotonic() - begun >= 0.5
    assert broker.count("q") == 1


def test_the_second_of_three_goes_wrong(broker: ServiceBusBroker, stubborn: ServiceBusClient) -> None:
    broker.create_queue("q", EntitySettings(max_message_size=1000))
    broker.add_fault(Fault("send", skip=1))
    with stubborn.get_queue_sender("q") as sender:
        sender.send_messages(ServiceBusMessage("a"))
        with pytest.raises(ServiceBusServerBusyError):
            sender.send_messages(ServiceBusMessage("b"))
        sender.send_messages(ServiceBusMessage("c"))
    assert broker.count("q") == 2


def test_a_fault_whose_entity_is_no_regular_expression_is_refused() -> None:
    with pytest.raises(ValueError, match="is not a regular expression"):
        Fault(entity="(")
