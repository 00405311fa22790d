"""A stretch of the topic is read once more; records that were never notified are found by their time of change."""

from datetime import datetime
from pathlib import Path

from engine.ledger.clock import utc_now
from producers import sync_modified
from producers.replay import Replayed, replay
from schemas.outcomes import Outcome
from tests.support.mapping_files import standard_mappings
from tests.support.stack import Stack
from tests.support.steps import customer_pair


def test_a_replay_of_what_has_arrived_writes_nothing_however_often(stack: Stack) -> None:
    begin = utc_now()
    for number in range(5):
        customer, account = customer_pair(stack, f"Customer {number}")
        stack.bc.update("customers", customer, {"city": "Basel"})
        stack.dv.update("accounts", account, {"telephone1": f"+41 {number}"})
    stack.settle()
    stack.forget_requests()
    for _ in range(2):
        replayed = _replay(stack, begin)
        assert replayed.verdict is not None
        assert replayed.verdict.good
        assert {outcome for table in replayed.verdict.tables for outcome in table.outcomes} <= {
            Outcome.UNCHANGED,
            Outcome.IGNORED,
        }
    stack.settle()
    assert not stack.writes()


def test_a_replay_does_what_the_mapping_did_not_want_before(stack: Stack, tmp_path: Path) -> None:
    begin = utc_now()
    stack.running[0].stop()
    worker = stack.start_worker(mappings=standard_mappings(tmp_path, only_coupled=True))
    stack.bc.insert("customers", {"displayName": "Adatum"})
    stack.dv.insert("accounts", {"name": "Fabrikam", "customertypecode": 3})
    stack.settle()
    assert not stack.dv.rows("accounts", name="Adatum")
    worker.stop()
    stack.start_worker()
    stack.settle()
    assert not stack.dv.rows("accounts", name="Adatum")
    _replay(stack, begin)
    stack.settle()
    assert len(stack.dv.rows("accounts", name="Adatum")) == 1
    assert len(stack.bc.rows("customers", displayName="Fabrikam")) == 1


def test_a_replay_of_one_record_leaves_the_others_alone(stack: Stack) -> None:
    begin = utc_now()
    customer, _ = customer_pair(stack, "Litware")
    customer_pair(stack, "Northwind")
    replayed = _replay(stack, begin, record=customer)
    assert replayed.counts.records == 1


def test_a_replay_leaves_the_position_of_the_workers_where_it_is(stack: Stack) -> None:
    begin = utc_now()
    customer, account = customer_pair(stack, "Proseware")
    stack.running[0].stop()
    stack.bc.update("customers", customer, {"city": "Basel"})
    stack.deliver()
    _replay(stack, begin, dry_run=True)
    stack.start_worker()
    stack.settle()
    assert stack.dv.row("accounts", account)["address1_city"] == "Basel"


def test_changes_that_were_never_notified_are_found_by_sync_modified(own_stack: Stack) -> None:
    stack = own_stack
    customer, account = customer_pair(stack, "Tailspin")
    assert sync_modified.start(stack.producer_context).good
    stack.bc.forget_subscriptions()
    stack.dv.remove_webhooks()
    stack.bc.update("customers", customer, {"city": "Basel"})
    stack.dv.update("accounts", account, {"telephone1": "+41 1"})
    stack.settle()
    assert stack.dv.row("accounts", account)["address1_city"] == "Bern"
    assert sync_modified.start(stack.producer_context).good
    stack.settle()
    assert stack.dv.row("accounts", account)["address1_city"] == "Basel"
    assert stack.bc.row("customers", customer)["phoneNumber"] == "+41 1"


def _replay(stack: Stack, begin: datetime, *, record: str | None = None, dry_run: bool = False) -> Replayed:
    subscriber = stack.composition.subscriber("replay", "reader")
    try:
        records = [record] if record else None
        return replay(stack.producer_context, subscriber, begin=begin, records=records, dry_run=dry_run)
    finally:
        subscriber.close()
