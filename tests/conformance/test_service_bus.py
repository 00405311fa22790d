"""What Service Bus's ends and the relay promise beyond the common suite."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import chain
from threading import Event
from time import monotonic
from typing import Any
from uuid import uuid4

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage

from brokers.service_bus.namespace import Entity, Namespace
from consumers.relay import Relay
from consumers.service_bus import ServiceBusSubscriber
from engine.ledger.clock import utc_now
from producers.service_bus import ServiceBusPublisher
from schemas import cloud_event, incoming, json_codec
from schemas.change_event import ChangeEvent, ChangeKind
from schemas.errors import DeadLetter, Retry, Stop
from schemas.system import System
from schemas.topics import OutgoingMessage, Publisher
from systems.sandbox import DataverseSettings, Sandbox, SandboxSettings
from systems.sandbox.dataverse.service_endpoint import ServiceEndpoint
from systems.sandbox.dataverse.webhooks import EventSettings, Webhook
from tests.servicebus.settings import EntitySettings
from tests.support.eventually import eventually
from tests.support.notifications import context
from tests.support.service_bus import ServiceBusNamespace

LOCK = 1.0
NOWHERE = "Endpoint=sb://127.0.0.1:9;SharedAccessKeyName=n;SharedAccessKey=c2Vj"


class Topic(Publisher):
    """Keeps what is published; away until ``until``."""

    def __init__(self, until: float = 0.0) -> None:
        self.until = until
        self.attempts = 0
        self.messages: list[OutgoingMessage] = []

    def publish(self, topic: str, messages: Sequence[OutgoingMessage]) -> None:
        del topic
        self.attempts += 1
        if monotonic() < self.until:
            raise Retry("the topic is away", after=0.1)
        self.messages += messages

    def close(self) -> None:
        """Nothing to release."""

    @property
    def events(self) -> list[ChangeEvent]:
        """The changes that they tell of."""
        return list(chain.from_iterable(incoming.events(message.body) for message in self.messages))


@pytest.fixture
def queue(service_bus_namespace: ServiceBusNamespace) -> Iterator[str]:
    """A queue of the test's own with short locks, and few deliveries."""
    name = f"test-{uuid4().hex[:12]}"
    service_bus_namespace.create_queue(name, EntitySettings(lock_duration=LOCK, max_delivery_count=2))
    yield name
    service_bus_namespace.delete(name)


@pytest.fixture
def send(service_bus_namespace: ServiceBusNamespace, queue: str) -> Callable[[bytes], None]:
    """Posts a body into the queue, as others than Twinrow do."""

    def sent(body: bytes) -> None:
        with (
            ServiceBusClient.from_connection_string(service_bus_namespace.connection_string) as client,
            client.get_queue_sender(queue) as sender,
        ):
            sender.send_messages(ServiceBusMessage(body))

    return sent


@pytest.fixture
def subscriber(service_bus_namespace: ServiceBusNamespace, queue: str) -> Iterator[ServiceBusSubscriber]:
    """A receiver of the queue."""
    made = ServiceBusSubscriber(Namespace(service_bus_namespace.connection_string), Entity(queue), clock=utc_now)
    yield made
    made.close()


def _relay(subscriber: ServiceBusSubscriber, topic: Topic) -> Relay:
    return Relay("queue", subscriber, topic, "changes", subscriber.dead_letter, monotonic=monotonic)


def test_while_the_topic_is_away_messages_are_kept_and_use_up_no_delivery(
    service_bus_namespace: ServiceBusNamespace,
    queue: str,
    send: Callable[[bytes], None],
    subscriber: ServiceBusSubscriber,
) -> None:
    send(json_codec.encode(context()))
    topic = Topic(until=monotonic() + 4 * LOCK)  # longer than all deliveries together
    stopping = Event()
    topic_has_it = _Stops(topic, stopping)

    Relay("queue", subscriber, topic_has_it, "changes", subscriber.dead_letter, monotonic=monotonic).run(stopping, 0.1)

    assert topic.attempts > 3
    assert len(topic.events) == 1, "it was delivered once"
    assert service_bus_namespace.count(queue) == 0
    assert service_bus_namespace.count(f"{queue}/$DeadLetterQueue") == 0


class _Stops(Topic):
    """Sets ``stopping`` once ``topic`` has taken something."""

    def __init__(self, topic: Topic, stopping: Event) -> None:
        super().__init__()
        self._topic = topic
        self._stopping = stopping

    def publish(self, topic: str, messages: Sequence[OutgoingMessage]) -> None:
        self._topic.publish(topic, messages)
        self._stopping.set()


def test_a_message_with_several_records_becomes_an_event_for_each(
    send: Callable[[bytes], None], subscriber: ServiceBusSubscriber
) -> None:
    ids = [str(uuid4()) for _ in range(3)]
    targets = [{"LogicalName": "account", "Id": one, "Attributes": []} for one in ids]
    parameters = [{"key": "Targets", "value": {"EntityName": "account", "Entities": targets}}]
    send(json_codec.encode(context() | {"MessageName": "UpdateMultiple", "InputParameters": parameters}))
    topic = Topic()
    relay = _relay(subscriber, topic)

    assert eventually(lambda: relay.turn(0.1)) == 1
    assert [event.record_id for event in topic.events] == ids
    assert [message.key for message in topic.messages] == [f"dataverse:account:{one}" for one in ids]


def test_a_context_that_dataverse_had_to_cut_names_its_record(
    service_bus_namespace: ServiceBusNamespace, queue: str, subscriber: ServiceBusSubscriber
) -> None:
    events = EventSettings(delay=0.0, jitter=0.0)
    topic = Topic()
    relay = _relay(subscriber, topic)
    with (
        Sandbox(SandboxSettings(dataverse=DataverseSettings(events=events))) as sandbox,
        closing(ServiceEndpoint(service_bus_namespace.connection_string, queue)) as endpoint,
    ):
        sandbox.dataverse.register(Webhook(largest_body=1), endpoint)
        account = sandbox.dataverse.insert("accounts", {"name": "Adatum"})
        (message,) = eventually(lambda: subscriber.poll(1, 0.1))
        relay._in_hand = [message]
        relay.turn(0.1)

    assert message.headers["MessageMaxSizeExceeded"] == "true"
    assert message.headers["http://schemas.microsoft.com/xrm/2011/Claims/EntityLogicalName"] == "account"
    assert "InputParameters" not in json_codec.decode(message.body)
    assert [(event.table, event.record_id) for event in topic.events] == [("account", account["accountid"])]


def test_what_we_publish_ourselves_is_relayed_as_it_was(
    service_bus_namespace: ServiceBusNamespace, queue: str, subscriber: ServiceBusSubscriber
) -> None:
    event = ChangeEvent(
        "1", System.BUSINESS_CENTRAL, "customers", str(uuid4()), ChangeKind.DELETED, datetime(2026, 1, 1, tzinfo=UTC)
    )
    topic = Topic()
    relay = _relay(subscriber, topic)
    with closing(ServiceBusPublisher(Namespace(service_bus_namespace.connection_string), new_id=_new_id)) as publisher:
        publisher.publish(queue, [cloud_event.encode(event)])
        assert eventually(lambda: relay.turn(0.1)) == 1
    assert topic.messages == [cloud_event.encode(event)]


def test_a_message_published_again_on_purpose_is_no_duplicate(service_bus_namespace: ServiceBusNamespace) -> None:
    name = f"test-{uuid4().hex[:12]}"
    service_bus_namespace.create_queue(name, EntitySettings(duplicate_window=60))
    namespace = Namespace(service_bus_namespace.connection_string)
    message = OutgoingMessage("key", b"1")
    with closing(ServiceBusPublisher(namespace, new_id=_new_id)) as publisher:
        publisher.publish(name, [message])
        publisher.publish(name, [message])
    assert service_bus_namespace.count(name) == 2
    service_bus_namespace.delete(name)


def test_a_dead_letter_has_its_reason_and_is_off_the_queue(
    service_bus_namespace: ServiceBusNamespace,
    queue: str,
    send: Callable[[bytes], None],
    subscriber: ServiceBusSubscriber,
) -> None:
    send(b"not a change")
    messages = eventually(lambda: subscriber.poll(1, 0.1))
    subscriber.dead_letter([(messages[0], DeadLetter("Mend the sender.", code="not_json"))])
    subscriber.settle(messages)
    assert service_bus_namespace.count(queue) == 0
    assert service_bus_namespace.count(f"{queue}/$DeadLetterQueue") == 1


@pytest.mark.parametrize(
    ("connection_string", "error", "words"),
    [
        (f"{NOWHERE};UseDevelopmentEmulator=true", Retry, "away"),
        ("the-secret-itself", Stop, "no connection string"),
    ],
)
def test_a_namespace_that_cannot_be_reached_says_so(connection_string: str, error: type[Exception], words: str) -> None:
    namespace = Namespace(connection_string)
    subscriber = ServiceBusSubscriber(namespace, Entity("queue"), clock=utc_now)
    publisher = ServiceBusPublisher(namespace, new_id=_new_id)
    calls: list[Callable[[], Any]] = [
        lambda: subscriber.poll(1, 0.1),
        lambda: publisher.publish("queue", [OutgoingMessage("key", b"")]),
    ]
    for call in calls:
        with pytest.raises(error, match=words) as raised:
            call()
        assert "secret" not in str(raised.value)
        assert "c2Vj" not in str(raised.value)
    subscriber.close()
    publisher.close()


def test_a_wrong_key_stops(service_bus_namespace: ServiceBusNamespace, queue: str) -> None:
    wrong = service_bus_namespace.connection_string.replace("SharedAccessKey=", "SharedAccessKey=d3Jvbmc")
    with (
        closing(ServiceBusSubscriber(Namespace(wrong), Entity(queue), clock=utc_now)) as subscriber,
        pytest.raises(Stop, match="section service_bus"),
    ):
        subscriber.poll(1, 0.1)


def _new_id() -> str:
    return str(uuid4())
