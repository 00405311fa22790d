"""Service Bus on the command line: its settings, its dead letters, ``doctor``."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event
from time import monotonic
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.servicebus import ServiceBusClient, ServiceBusMessage
from azure.servicebus.management import ServiceBusAdministrationClient

from brokers.service_bus.inspection import EntityDescription, described, faults
from brokers.service_bus.namespace import Entity, Namespace
from console.brokers.sources import relay_of
from console.composition import Composition
from console.web_server import WebServer
from consumers.dead_letters import DeadLetters
from consumers.service_bus import ServiceBusSubscriber
from engine.ledger.clock import utc_now
from producers.receiver import KEY_HEADER
from schemas import json_codec
from schemas.errors import DeadLetter
from schemas.settings_file import SettingsFaults, load_settings
from tests.support.command_line import CommandLine
from tests.support.eventually import eventually
from tests.support.notifications import ACCOUNT, context
from tests.support.service_bus import ServiceBusNamespace

CONNECTION_STRING = "Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=twinrow;SharedAccessKey=c2Vj"


@pytest.fixture
def queue(service_bus_namespace: ServiceBusNamespace) -> Iterator[str]:
    """An empty queue."""
    name = f"test-{uuid4().hex[:12]}"
    service_bus_namespace.create_queue(name)
    yield name
    service_bus_namespace.delete(name)


@pytest.fixture
def on_service_bus(twinrow: CommandLine, service_bus_namespace: ServiceBusNamespace, queue: str) -> CommandLine:
    """Commands with settings that have the queue as a source."""
    (twinrow.folder / "bus").write_text(service_bus_namespace.connection_string)
    twinrow.write(
        service_bus={"connection_string_file": str(twinrow.folder / "bus")},
        sources=[{"broker": "service_bus", "queue": queue}],
    )
    return twinrow


@pytest.fixture
def dead(service_bus_namespace: ServiceBusNamespace, queue: str) -> Callable[..., None]:
    """Makes dead letters of these bodies."""

    def made(*bodies: bytes) -> None:
        with (
            ServiceBusClient.from_connection_string(service_bus_namespace.connection_string) as client,
            client.get_queue_sender(queue) as sender,
        ):
            sender.send_messages([ServiceBusMessage(body, message_id=str(uuid4())) for body in bodies])
        namespace = Namespace(service_bus_namespace.connection_string)
        with closing(ServiceBusSubscriber(namespace, Entity(queue), clock=utc_now)) as subscriber:
            for _ in bodies:
                (message,) = eventually(lambda: subscriber.poll(1, 0.1))
                subscriber.dead_letter([(message, DeadLetter("Mend the sender.", code="not_json"))])

    return made


def test_dead_letters_of_a_queue_are_listed_shown_sent_again_and_dropped(
    on_service_bus: CommandLine,
    ledger: Composition,
    dead: Callable[..., None],
    service_bus_namespace: ServiceBusNamespace,
    queue: str,
) -> None:
    del ledger  # its database is prepared
    dead(b"first", b"second", b"third")

    listed = on_service_bus("dead-letters", "list", "--json").json
    first, second, third = (one["id"] for one in listed)
    shown = on_service_bus("dead-letters", "show", second, "--json").json
    again = on_service_bus("dead-letters", "retry", second)
    dropped = on_service_bus("dead-letters", "drop", first, "--yes")
    missing = on_service_bus("dead-letters", "retry", second)

    assert first == f"{queue}#1"
    assert {(one["reason"], one["text"]) for one in listed} == {("not_json", "Mend the sender.")}
    assert [one["body"] for one in shown] == ["second"]
    assert "again: 1" in again.stderr
    assert "dropped: 1" in dropped.stderr
    assert (missing.code, f"no dead letter {second}" in missing.stderr) == (1, True)
    assert [one["id"] for one in on_service_bus("dead-letters", "list", "--json").json] == [third]
    assert service_bus_namespace.count(queue) == 1


def test_a_namespace_that_is_away_keeps_nobody_from_the_other_dead_letters(
    twinrow: CommandLine, ledger: Composition
) -> None:
    del ledger
    nowhere = "Endpoint=sb://127.0.0.1:9;SharedAccessKeyName=n;SharedAccessKey=c2Vj;UseDevelopmentEmulator=true"
    (twinrow.folder / "bus").write_text(nowhere)
    twinrow.write(
        service_bus={"connection_string_file": str(twinrow.folder / "bus")},
        sources=[{"broker": "service_bus", "queue": "changes"}],
    )
    answer = twinrow("dead-letters", "list", "--json")
    assert (answer.code, answer.json) == (0, [])
    assert "dead letters of changes cannot be listed" in answer.stderr


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"sources": [{"broker": "service_bus", "queue": "q"}]}, "needs a section service_bus"),
        ({"receiver": {"publish_to": "q"}}, "needs a section service_bus"),
        ({"sources": [{"broker": "kafka", "topic": "t"}]}, "needs a section kafka"),
        ({"service_bus": {}}, "connection_string_file or fully_qualified_namespace"),
        ({"service_bus": {"fully_qualified_namespace": "sb://contoso"}}, "host name"),
        ({"service_bus": {"connection_string": CONNECTION_STRING}}, "must not stand in the settings"),
        ({"sources": [{"broker": "service_bus", "topic": "t"}]}, "a queue, or a topic and a subscription"),
        ({"sources": [{"broker": "service_bus"}]}, "a queue, or a topic and a subscription"),
        ({"sources": [{"broker": "pigeon"}]}, "sources"),
    ],
)
def test_settings_that_cannot_be_are_refused(twinrow: CommandLine, changes: dict[str, object], problem: str) -> None:
    twinrow.write(**changes)
    with pytest.raises(SettingsFaults, match=problem) as raised:
        load_settings(twinrow.settings_file, {})
    assert "c2Vj" not in str(raised.value)


def test_the_ways_to_authenticate(twinrow: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret-of-the-principal")
    principal = {"tenant": "t", "client_id": "worker", "client_secret_file": str(tmp_path / "secret")}
    receiver = {"publish_to": "changes"} | {
        f"{name}_file": str(tmp_path / "secret") for name in ("client_state", "webhook_key")
    }
    host = "contoso.servicebus.windows.net"
    for more in ({}, {"credentials": principal}, {"managed_identity": "5d115c9c-44e3-ea11-bb43-000d3a2feca1"}):
        twinrow.write(service_bus={"fully_qualified_namespace": host, **more}, receiver=receiver)
        settings = load_settings(twinrow.settings_file, {})
        with Composition(settings) as composition:
            assert composition.receiver_app().routes


def test_notifications_go_into_the_queue_and_from_there_onto_the_topic(
    on_service_bus: CommandLine, service_bus_namespace: ServiceBusNamespace, queue: str
) -> None:
    settings = load_settings(on_service_bus.settings_file, {})
    secrets = {f"{name}_file": str(on_service_bus.folder / name) for name in ("client_state", "webhook_key")}
    on_service_bus.write(
        service_bus={"connection_string_file": str(on_service_bus.folder / "bus")},
        sources=[source.model_dump(exclude_none=True) for source in settings.sources],
        receiver={"publish_to": queue, **secrets},
    )
    with on_service_bus.composition() as composition:
        with WebServer(composition.receiver_app(), "127.0.0.1", 0) as server:
            body = json_codec.encode(context())
            answer = httpx2.post(f"{server.url}/dataverse", headers={KEY_HEADER: "our-key"}, content=body)
        in_queue = service_bus_namespace.count(queue)
        letters = DeadLetters(composition.database, composition.publisher, None, clock=composition.clock)
        (source,) = composition.settings.sources
        relay = relay_of(source, composition.broker_context, composition.publisher, letters, monotonic=monotonic)
        assert eventually(lambda: relay.turn(0.1)) == 1
        stopped = Event()
        stopped.set()
        relay.run(stopped, 0.1)
        with closing(composition.subscriber("reader", "reader")) as reader:
            (message,) = eventually(lambda: reader.poll(10, 0.1))

    assert (answer.status_code, in_queue) == (202, 1)
    assert message.key == f"dataverse:account:{ACCOUNT}"


def test_doctor_tries_what_the_worker_and_the_receiver_will_do(
    in_sandbox: CommandLine, service_bus_namespace: ServiceBusNamespace, queue: str
) -> None:
    (in_sandbox.folder / "bus").write_text(service_bus_namespace.connection_string)
    in_sandbox.write(
        service_bus={"connection_string_file": str(in_sandbox.folder / "bus")},
        sources=[{"broker": "service_bus", "queue": queue}, {"broker": "service_bus", "queue": "nowhere"}],
        receiver={"publish_to": queue},
    )
    answer = in_sandbox("doctor", "--json")

    found = [(one["what"], one["ok"], one["found"]) for one in answer.json]
    assert answer.code == 3
    assert ("Source", True, f"{queue} may be listened to; nothing is waiting") in found
    assert ("Receiver: destination", True, f"{queue} may be sent to") in found
    (wrong,) = [text for _, ok, text in found if not ok]
    assert "listening to nowhere" in wrong


GOOD = EntityDescription(timedelta(minutes=1), 10, False, None, None, False, None)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (replace(GOOD, requires_session=True), "without sessions"),
        (replace(GOOD, forwards_to="other"), "forwards everything to other"),
        (replace(GOOD, lock_duration=timedelta(seconds=5)), "locks of 5 s"),
        (replace(GOOD, max_delivery_count=1), "after 1 deliveries"),
        (replace(GOOD, time_to_live=timedelta(hours=1)), "forgets messages after 1:00:00"),
    ],
)
def test_an_entity_that_would_lose_messages_is_found(made: EntityDescription, words: str) -> None:
    (fault,) = faults(Entity("queue"), made)
    assert words in f"{fault.found} {fault.remedy}"


def test_an_entity_made_well_has_no_faults() -> None:
    assert list(faults(Entity("queue"), GOOD)) == []
    assert list(faults(Entity("queue"), replace(GOOD, time_to_live=timedelta(hours=1), keeps_expired=True))) == []


class Administration(ServiceBusAdministrationClient):
    """Knows one topic with a subscription, and no queue; nothing is requested."""

    def __init__(self) -> None:
        """Connects to nothing."""

    def get_queue(self, queue_name: str, **_: Any) -> Any:
        raise ResourceNotFoundError(queue_name)

    def get_topic(self, topic_name: str, **_: Any) -> Any:
        assert topic_name == "topic"
        return SimpleNamespace(
            requires_duplicate_detection=True, duplicate_detection_history_time_window=timedelta(minutes=10)
        )

    def get_subscription(self, topic_name: str, subscription_name: str, **_: Any) -> Any:
        assert (topic_name, subscription_name) == ("topic", "subscription")
        return SimpleNamespace(
            lock_duration=timedelta(minutes=1),
            max_delivery_count=10,
            requires_session=False,
            forward_to=None,
            default_message_time_to_live=timedelta.max,
            dead_lettering_on_message_expiration=False,
        )


def test_how_an_entity_is_made_is_known_to_those_who_may_manage_it() -> None:
    administration = Administration()
    assert described(administration, Entity("topic", "subscription")) == replace(
        GOOD, duplicate_window=timedelta(minutes=10)
    )
    assert described(administration, Entity("queue")) is None
