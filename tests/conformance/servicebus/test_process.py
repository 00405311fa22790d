"""The broker in a process of its own, controlled over HTTP."""

import httpx2
import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage
from azure.servicebus.exceptions import ServiceBusServerBusyError

from tests.servicebus.process import broker_process
from tests.servicebus.settings import EntitySettings


def test_it_does_what_it_is_told_and_ends_when_it_is_let_go() -> None:
    with broker_process() as broker:
        broker.create_queue("q", EntitySettings(lock_duration=300))
        with (
            ServiceBusClient.from_connection_string(broker.connection_string, retry_total=0) as client,
            client.get_queue_sender("q") as sender,
            client.get_queue_receiver("q") as receiver,
        ):
            sender.send_messages(ServiceBusMessage("a"))
            fault = {"operation": "send", "entity": "q"}
            httpx2.post(f"{broker.control}/faults", json=fault).raise_for_status()
            with pytest.raises(ServiceBusServerBusyError):
                sender.send_messages(ServiceBusMessage("b"))
            assert broker.count("q") == 1
            receiver.receive_messages(max_wait_time=10)
            expired = httpx2.post(f"{broker.control}/locks/expire", params={"entity": "q"})
            assert expired.json() == {"count": 1}
            assert receiver.receive_messages(max_wait_time=10)[0].delivery_count == 1
            refused = httpx2.post(f"{broker.control}/faults", json={"outcome": "explode"})
            assert refused.status_code == 400
            assert "explode" in refused.text
