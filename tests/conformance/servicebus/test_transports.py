"""TLS and WebSockets, as Microsoft's client for Python speaks them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage, TransportType

from tests.servicebus.broker import ServiceBusBroker
from tests.servicebus.certificates import Certificates


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"), ["127.0.0.1"])


@pytest.fixture(scope="module")
def secure_broker(certificates: Certificates) -> Iterator[ServiceBusBroker]:
    """A broker with TLS and a queue ``q``."""
    broker = ServiceBusBroker(certificates.server_context())
    broker.start()
    broker.create_queue("q")
    yield broker
    broker.stop()


def _send(broker: ServiceBusBroker, port: int, transport: TransportType, authority: Path) -> None:
    with (
        ServiceBusClient.from_connection_string(
            broker.connection_string.replace("UseDevelopmentEmulator=true;", ""),
            transport_type=transport,
            custom_endpoint_address=f"https://127.0.0.1:{port}",
            connection_verify=str(authority),
            retry_total=0,
        ) as client,
        client.get_queue_sender("q") as sender,
    ):
        sender.send_messages(ServiceBusMessage("x" * 100_000))


def test_a_message_is_sent_through_tls(secure_broker: ServiceBusBroker, certificates: Certificates) -> None:
    before = secure_broker.count("q")
    _send(secure_broker, secure_broker.tls_port, TransportType.Amqp, certificates.authority)
    assert secure_broker.count("q") == before + 1


def test_a_message_is_sent_through_a_websocket(secure_broker: ServiceBusBroker, certificates: Certificates) -> None:
    before = secure_broker.count("q")
    _send(secure_broker, secure_broker.websocket_port, TransportType.AmqpOverWebsocket, certificates.authority)
    assert secure_broker.count("q") == before + 1
