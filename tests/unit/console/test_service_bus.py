"""Service Bus on the command line: its settings, its dead letters, ``doctor``."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage

from brokers.service_bus.namespace import Entity, Namespace
from console.composition import Composition
from consumers.service_bus import ServiceBusSubscriber
from engine.ledger.clock import utc_now
from schemas.errors import DeadLetter
from schemas.settings_file import SettingsFaults, load_settings
from tests.support.command_line import CommandLine
from tests.support.eventually import eventually
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
