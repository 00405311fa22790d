"""Sessions, as Microsoft's client for Python sees them."""

import pytest
from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusClient, ServiceBusMessage
from azure.servicebus.exceptions import (
    OperationTimeoutError,
    ServiceBusError,
    SessionCannotBeLockedError,
    SessionLockLostError,
)

from tests.servicebus.broker import ServiceBusBroker
from tests.servicebus.settings import EntitySettings


def _send(client: ServiceBusClient, *session_ids: str) -> None:
    with client.get_queue_sender("s") as sender:
        sender.send_messages([ServiceBusMessage(session, session_id=session) for session in session_ids])


def test_a_session_gives_its_own_messages_only(client: ServiceBusClient) -> None:
    _send(client, "one", "two", "one")
    with client.get_queue_receiver("s", session_id="one", max_wait_time=1) as receiver:
        assert [str(message) for message in receiver] == ["one", "one"]


def test_the_next_session_is_one_that_nobody_holds(client: ServiceBusClient) -> None:
    _send(client, "one", "two")
    with (
        client.get_queue_receiver("s", session_id=NEXT_AVAILABLE_SESSION) as first,
        client.get_queue_receiver("s", session_id=NEXT_AVAILABLE_SESSION) as second,
    ):
        assert {first.session.session_id, second.session.session_id} == {"one", "two"}


def test_no_session_in_time_is_a_timeout(client: ServiceBusClient) -> None:
    receiver = client.get_queue_receiver("s", session_id=NEXT_AVAILABLE_SESSION, max_wait_time=1)
    with pytest.raises(OperationTimeoutError), receiver:
        pass


def test_a_session_that_somebody_holds_cannot_be_locked(client: ServiceBusClient) -> None:
    _send(client, "one")
    with (
        client.get_queue_receiver("s", session_id="one"),
        pytest.raises(SessionCannotBeLockedError),
        client.get_queue_receiver("s", session_id="one"),
    ):
        pass


def test_a_session_remembers(client: ServiceBusClient) -> None:
    with client.get_queue_receiver("s", session_id="one") as receiver:
        assert receiver.session.get_state() is None
        receiver.session.set_state("half done")
    with client.get_queue_receiver("s", session_id="one") as receiver:
        assert receiver.session.get_state() == b"half done"


def test_a_session_whose_lock_runs_out_is_lost(broker: ServiceBusBroker, client: ServiceBusClient) -> None:
    _send(client, "one")
    with client.get_queue_receiver("s", session_id="one") as receiver:
        (message,) = receiver.receive_messages(max_wait_time=5)
        assert message.enqueued_time_utc is not None
        assert receiver.session.renew_lock() > message.enqueued_time_utc
        assert broker.expire_locks("s") == 1
        with pytest.raises(SessionLockLostError):
            receiver.complete_message(message)
    with client.get_queue_receiver("s", session_id="one") as receiver:
        assert receiver.receive_messages(max_wait_time=5)[0].delivery_count == 1


def test_sessions_and_receivers_without_one_do_not_go_together(client: ServiceBusClient) -> None:
    with pytest.raises(ServiceBusError, match="requires sessions"), client.get_queue_receiver("s"):
        pass
    with pytest.raises(ServiceBusError, match="does not support"), client.get_queue_receiver("q", session_id="one"):
        pass


def test_sessions_are_listed(client: ServiceBusClient) -> None:
    assert list(client.list_queue_sessions("s")) == []
    _send(client, "one", "two")
    assert list(client.list_queue_sessions("s")) == ["one", "two"]


def test_a_subscription_can_have_sessions(broker: ServiceBusBroker, client: ServiceBusClient) -> None:
    broker.create_subscription("t", "sub", EntitySettings(requires_session=True))
    with client.get_topic_sender("t") as sender:
        sender.send_messages(ServiceBusMessage("a", session_id="one"))
    with client.get_subscription_receiver("t", "sub", session_id="one") as receiver:
        assert [str(message) for message in receiver.receive_messages(max_wait_time=5)] == ["a"]
