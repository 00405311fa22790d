"""The whole product on a real Kafka: the ways that differ from the embedded log."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import pytest
from kafka import KafkaConsumer

from engine.ledger.clock import utc_now
from producers.replay import Replayed, replay
from schemas.outcomes import Outcome
from schemas.topics import OutgoingMessage
from tests.support.databases import SqliteDatabases
from tests.support.eventually import eventually
from tests.support.kafka.cluster import Cluster
from tests.support.mapping_files import Changes, standard_mappings
from tests.support.stack import Arrangement, Stack
from tests.support.steps import customer_pair


@pytest.fixture(scope="module")
def databases(sqlite_databases: SqliteDatabases) -> SqliteDatabases:
    """The ledger's database does not matter here."""
    return sqlite_databases


@pytest.fixture(scope="module")
def arrangement(tmp_path_factory: pytest.TempPathFactory, changes: Changes, kafka: Cluster) -> Arrangement:
    """Stacks on Kafka, with a topic and a group of the module's own."""
    mappings = standard_mappings(tmp_path_factory.mktemp("mappings"), changes)
    return Arrangement((mappings,), kafka=kafka.bootstrap, name=f"test-{uuid4().hex[:12]}")


def test_rows_arrive_both_ways_while_workers_come_and_go(stack: Stack) -> None:
    customers = [f"Customer {number}" for number in range(30)]
    accounts = [f"Account {number}" for number in range(30)]
    stack.start_worker()
    for customer, account in zip(customers, accounts, strict=True):
        stack.bc.insert("customers", {"displayName": customer})
        stack.dv.insert("accounts", {"name": account, "customertypecode": 3})
    eventually(lambda: stack.dv.rows("accounts", name=customers[5]), within=30)
    stack.running[0].stop()
    stack.settle(within=60)
    assert [len(stack.dv.rows("accounts", name=name)) for name in customers] == [1] * 30
    assert [len(stack.bc.rows("customers", displayName=name)) for name in accounts] == [1] * 30
    assert not stack.open_operations()


def test_a_replay_writes_nothing_and_leaves_the_positions_of_the_workers(stack: Stack) -> None:
    begin = utc_now()
    customer, _ = customer_pair(stack, "Proseware")
    customer_pair(stack, "Litware")
    stack.settle()
    end = utc_now()
    customer_pair(stack, "Later")
    stack.settle()
    stack.forget_requests()

    dry = _replay(stack, begin, end=end, dry_run=True)
    one = _replay(stack, begin, end=end, record=customer)
    replayed = _replay(stack, begin, end=end)
    stack.settle()

    assert dry.verdict is None
    assert dry.counts.records == replayed.counts.records >= 4
    assert one.counts.records == 1
    assert replayed.verdict is not None
    assert replayed.verdict.good
    outcomes = {outcome for table in replayed.verdict.tables for outcome in table.outcomes}
    assert outcomes <= {Outcome.UNCHANGED, Outcome.IGNORED}
    assert not stack.writes()


def test_a_replay_does_what_the_mapping_did_not_want_before(stack: Stack, tmp_path: Path) -> None:
    begin = utc_now()
    stack.running[0].stop()
    worker = stack.start_worker(mappings=standard_mappings(tmp_path, only_coupled=True))
    stack.bc.insert("customers", {"displayName": "Adatum"})
    stack.settle(within=60)
    assert not stack.dv.rows("accounts", name="Adatum")
    worker.stop()
    stack.start_worker()
    _replay(stack, begin)
    stack.settle(within=60)
    assert len(stack.dv.rows("accounts", name="Adatum")) == 1


def test_what_cannot_be_read_is_in_the_ledger_and_on_the_topic_of_dead_letters(stack: Stack) -> None:
    topics = stack.settings.topics
    stack.composition.publisher.publish(topics.changes, [OutgoingMessage("key", b"not a change")])
    stack.settle()
    (letter,) = stack.dead_letters()
    assert letter.body == b"not a change"
    with _reader(stack) as consumer:
        consumer.subscribe([topics.dead_letter_topic])
        (record,) = eventually(lambda: [one for many in consumer.poll(200).values() for one in many])
    headers = dict(record.headers)
    assert (record.value, headers["dead-letter-topic"]) == (b"not a change", topics.changes.encode())
    assert headers["dead-letter-reason"] == letter.reason.encode()


@contextmanager
def _reader(stack: Stack) -> Iterator[KafkaConsumer]:
    kafka = stack.settings.kafka
    assert kafka is not None
    with closing(KafkaConsumer(bootstrap_servers=list(kafka.bootstrap_servers), auto_offset_reset="earliest")) as it:
        yield it


def _replay(
    stack: Stack, begin: datetime, *, end: datetime | None = None, record: str | None = None, dry_run: bool = False
) -> Replayed:
    records = [record] if record else None
    with closing(stack.composition.subscriber(f"{stack.settings.worker.group}.{uuid4()}", "reader")) as subscriber:
        return replay(stack.producer_context, subscriber, begin=begin, end=end, records=records, dry_run=dry_run)
