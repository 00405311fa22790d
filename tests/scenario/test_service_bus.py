"""The whole product with Dataverse on Service Bus: what the relay promises, however badly broker and systems behave."""

import gc
import signal
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusSubQueue

from engine.ledger.clock import utc_now
from producers.replay import replay
from systems.sandbox import DataverseSettings, Sandbox, SandboxSettings
from systems.sandbox.dataverse.service_endpoint import ServiceEndpoint
from systems.sandbox.dataverse.webhooks import EventSettings, Webhook
from systems.sandbox.latency import Latency
from tests.servicebus.broker import ServiceBusBroker
from tests.servicebus.faults import Fault
from tests.servicebus.settings import EntitySettings
from tests.support.command_line import CommandLine
from tests.support.databases import SqliteDatabases
from tests.support.eventually import eventually
from tests.support.mapping_files import Changes, standard_mappings
from tests.support.program import program
from tests.support.stack import SHORT_LOCK, SOON, Arrangement, Stack
from tests.support.steps import customer_pair

# Microsoft's client closes a socket that it has lost when it is collected, and not before.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module", autouse=True)
def _lost_sockets() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture(scope="module")
def databases(sqlite_databases: SqliteDatabases) -> SqliteDatabases:
    """The ledger's database does not matter here."""
    return sqlite_databases


@pytest.fixture(scope="module")
def bus() -> Iterator[ServiceBusBroker]:
    """A namespace that can be told to misbehave."""
    broker = ServiceBusBroker()
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(scope="module")
def arrangement(tmp_path_factory: pytest.TempPathFactory, changes: Changes, bus: ServiceBusBroker) -> Arrangement:
    """Stacks whose Dataverse posts into a queue of the module's own."""
    mappings = standard_mappings(tmp_path_factory.mktemp("mappings"), changes)
    return Arrangement((mappings,), service_bus=bus, name=f"test-{uuid4().hex[:12]}")


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brokers.service_bus.errors.BUSY_PAUSE", 0.05)


def test_rows_arrive_both_ways_while_workers_come_and_go(stack: Stack) -> None:
    customers = [f"Customer {number}" for number in range(20)]
    accounts = [f"Account {number}" for number in range(20)]
    stack.start_worker()
    _insert(stack, customers, accounts)
    eventually(lambda: stack.dv.rows("accounts", name=customers[5]), within=30)
    stack.running[0].stop()
    stack.settle(within=60)
    _assert_one_each(stack, customers, accounts)


def test_an_edit_and_a_deletion_in_dataverse_arrive(stack: Stack) -> None:
    customer, account = customer_pair(stack, "Adatum")
    stack.dv.update("accounts", account, {"address1_city": "Basel"})
    stack.settle()
    assert stack.bc.row("customers", customer)["city"] == "Basel"


def test_what_came_over_service_bus_can_be_replayed(stack: Stack) -> None:
    begin = utc_now()
    _insert(stack, [], ["Proseware"])
    stack.settle()
    with closing(stack.composition.subscriber(f"replay-{uuid4()}", "reader")) as subscriber:
        replayed = replay(stack.producer_context, subscriber, begin=begin, tables=["account"])
    assert replayed.counts.records == 1
    assert replayed.verdict is not None
    assert replayed.verdict.good


def test_what_cannot_be_read_is_a_dead_letter_of_the_queue_and_holds_nothing_up(
    stack: Stack, bus: ServiceBusBroker
) -> None:
    with ServiceBusClient.from_connection_string(bus.connection_string) as client:
        with client.get_queue_sender(stack.queue) as sender:
            for body in (b"@\x08entity", b"<RemoteExecutionContext/>"):
                sender.send_messages(ServiceBusMessage(body))
            _insert(stack, [], ["Litware"])
            stack.settle()
        with client.get_queue_receiver(stack.queue, sub_queue=ServiceBusSubQueue.DEAD_LETTER) as dead:
            letters = dead.receive_messages(10, max_wait_time=5)
            for letter in letters:
                dead.complete_message(letter)
    _assert_one_each(stack, [], ["Litware"])
    assert sorted(str(letter.dead_letter_reason) for letter in letters) == ["binary", "xml"]
    assert all("Message Format to JSON" in str(letter.dead_letter_error_description) for letter in letters)
    assert stack.dead_letters() == []


def test_slow_systems_use_up_no_deliveries(own_stack: Stack, bus: ServiceBusBroker) -> None:
    """However slow the writes are, messages are off the queue at once."""
    stack, accounts = own_stack, [f"Slow {number}" for number in range(5)]
    stack.bc.set_latency(Latency(mean=3.0))
    _insert(stack, [], accounts)
    eventually(lambda: bus.count(stack.queue) == 0 and stack.dv.wait_until_delivered(0))
    assert not stack.bc.rows("customers", displayName=accounts[0])
    stack.bc.set_latency(Latency())
    stack.settle(within=30)
    _assert_one_each(stack, [], accounts)


def test_connections_that_are_cut_again_and_again_lose_nothing(stack: Stack, bus: ServiceBusBroker) -> None:
    accounts = [f"Cut {number}" for number in range(30)]
    for number, account in enumerate(accounts):
        _insert(stack, [], [account])
        if number % 6 == 0:
            assert eventually(bus.drop_connections)
    stack.settle(within=60)
    _assert_one_each(stack, [], accounts)
    _assert_no_dead_letters(stack, bus)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(operation="settle", count=5),
        Fault(operation="settle", outcome="detach", count=3),
        Fault(operation="settle", outcome="drop_answer", count=3),
        Fault(operation="attach", count=5),
        Fault(operation="send", count=5),
    ],
    ids=lambda fault: f"{fault.operation}-{fault.outcome}",
)
def test_a_namespace_that_is_busy_or_breaks_off_loses_nothing(
    stack: Stack, bus: ServiceBusBroker, fault: Fault
) -> None:
    accounts = [f"{fault.operation} {fault.outcome} {number}" for number in range(10)]
    bus.add_fault(fault)
    if fault.operation == "attach":
        bus.drop_connections()
    _insert(stack, [], accounts)
    stack.settle(within=60)
    assert bus.faults == ()
    _assert_one_each(stack, [], accounts)
    _assert_no_dead_letters(stack, bus)


def test_workers_that_are_killed_again_and_again_lose_nothing(tmp_path: Path, bus: ServiceBusBroker) -> None:
    """Processes of their own, killed in the middle of their work."""
    bus.create_queue("killed", EntitySettings(lock_duration=SHORT_LOCK))
    (tmp_path / "bus").write_text(bus.connection_string)
    events = EventSettings(delay=SOON, jitter=0.0)
    accounts = [f"Killed {number}" for number in range(30)]
    with (
        Sandbox(SandboxSettings(dataverse=DataverseSettings(events=events))) as sandbox,
        closing(ServiceEndpoint(bus.connection_string, "killed")) as endpoint,
    ):
        command_line = CommandLine(tmp_path, sandbox)
        command_line.write(
            service_bus={"connection_string_file": str(tmp_path / "bus")},
            sources=[{"broker": "service_bus", "queue": "killed"}],
            worker={"member": "the-only-one"},
            mappings=[str(standard_mappings(tmp_path))],
        )
        sandbox.dataverse.register(Webhook(tables=frozenset({"account"})), endpoint)

        def arrived(names: list[str]) -> bool:
            return all(sandbox.business_central.rows("customers", displayName=name) for name in names)

        for start in (0, 10, 20):
            with program("--settings", str(command_line.settings_file), "run") as running:
                running.says("ready")
                for name in accounts[start : start + 10]:
                    sandbox.dataverse.insert("accounts", {"name": name, "customertypecode": 3})
                eventually(partial(arrived, [accounts[start]]), within=30)
        with program("--settings", str(command_line.settings_file), "run") as running:
            eventually(lambda: arrived(accounts) and bus.count("killed") == 0, within=60)
            assert running.ends(signal.SIGTERM) == 0
        customers = [len(sandbox.business_central.rows("customers", displayName=name)) for name in accounts]

    assert customers == [1] * len(accounts)
    assert endpoint.failed == []
    assert bus.count("killed/$DeadLetterQueue") == 0


def _insert(stack: Stack, customers: list[str], accounts: list[str]) -> None:
    for name in customers:
        stack.bc.insert("customers", {"displayName": name})
    for name in accounts:
        stack.dv.insert("accounts", {"name": name, "customertypecode": 3})


def _assert_one_each(stack: Stack, customers: list[str], accounts: list[str]) -> None:
    assert [len(stack.dv.rows("accounts", name=name)) for name in customers] == [1] * len(customers)
    assert [len(stack.bc.rows("customers", displayName=name)) for name in accounts] == [1] * len(accounts)
    assert not stack.open_operations()


def _assert_no_dead_letters(stack: Stack, bus: ServiceBusBroker) -> None:
    assert bus.count(f"{stack.queue}/$DeadLetterQueue") == 0
