"""A broker, and Microsoft's client of it."""

from collections.abc import Iterator

import pytest
from azure.servicebus import ServiceBusClient

from tests.servicebus.broker import ServiceBusBroker
from tests.servicebus.settings import EntitySettings


@pytest.fixture(scope="session")
def running_broker() -> Iterator[ServiceBusBroker]:
    """A broker that lives as long as the test run."""
    broker = ServiceBusBroker()
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def broker(running_broker: ServiceBusBroker) -> ServiceBusBroker:
    """The broker with an empty queue ``q``, one with sessions ``s``, a topic ``t``, and no faults to come."""
    running_broker.clear_faults()
    running_broker.create_queue("q")
    running_broker.create_queue("s", EntitySettings(requires_session=True))
    running_broker.create_topic("t")
    return running_broker


@pytest.fixture
def client(broker: ServiceBusBroker) -> Iterator[ServiceBusClient]:
    """The client; it tries again at once, and only once."""
    with ServiceBusClient.from_connection_string(
        broker.connection_string, retry_total=1, retry_backoff_factor=0.001
    ) as made:
        yield made
