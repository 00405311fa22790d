"""Full sync, sync modified, sweep and replay over both systems, with workers doing the work."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from engine.ledger.runs import RunState
from producers import full_sync, sync_modified
from producers.replay import replay
from producers.review import Recommendation, review
from producers.sweep import Sweep
from producers.verdict import Verdict
from schemas.change_event import ChangeEvent, ChangeKind
from schemas.outcomes import Outcome
from schemas.system import Direction, System
from tests.support.mapping_files import Changes, standard_mappings
from tests.support.stack import Arrangement, Stack


def _customers(verdict: Verdict) -> Mapping[Outcome, int]:
    (found,) = (
        one.outcomes
        for one in verdict.tables
        if (one.table.mapping, one.table.direction) == ("CUSTOMER", Direction.TO_DATAVERSE)
    )
    return found


@pytest.fixture(scope="module")
def arrangement(tmp_path_factory: pytest.TempPathFactory, changes: Changes) -> Arrangement:
    """Mappings as they ship: only coupled rows flow by themselves."""
    return Arrangement((standard_mappings(tmp_path_factory.mktemp("mappings"), changes, only_coupled=True),))


def test_a_full_sync_brings_everything_over_parents_first_and_restores_only_coupled(own_stack: Stack) -> None:
    context = own_stack.producer_context
    own_stack.bc.insert("currencies", {"code": "NOK", "displayName": "Norwegian krone", "symbol": "kr"})
    for number in range(12):
        own_stack.bc.insert("customers", {"displayName": f"Customer {number}", "currencyCode": "NOK"})
    own_stack.settle()
    assert own_stack.dv.rows("accounts") == []
    found = {one.mapping: one for one in review(context)}
    assert found["CUSTOMER"].recommendation is Recommendation.FULL_SYNCHRONIZATION
    assert found["CUSTOMER"].rows[System.BUSINESS_CENTRAL].rows == 12

    verdict = full_sync.start(context)
    assert verdict.run.state is RunState.FINISHED, verdict
    assert len(own_stack.dv.rows("accounts")) == 12
    assert _customers(verdict) == {Outcome.INSERTED: 12}
    assert not own_stack.open_operations()

    own_stack.bc.insert("customers", {"displayName": "Afterwards"})
    own_stack.settle()
    assert len(own_stack.dv.rows("accounts")) == 12

    again = full_sync.start(context, allow_create=True)
    assert _customers(again) == {Outcome.INSERTED: 1, Outcome.UNCHANGED: 12}
    own_stack.bc.insert("customers", {"displayName": "From now on"})
    own_stack.settle()
    assert len(own_stack.dv.rows("accounts")) == 14


def test_sync_modified_replay_and_sweep_write_nothing_where_nothing_changed(own_stack: Stack) -> None:
    context = own_stack.producer_context
    begin = context.clock() - timedelta(seconds=1)
    customer = own_stack.bc.insert("customers", {"displayName": "Adatum"})["id"]
    assert full_sync.start(context).good
    own_stack.settle()
    own_stack.forget_requests()

    modified = sync_modified.start(context, ["CUSTOMER"])
    assert modified.good
    assert [one.outcomes for one in modified.tables] == [{Outcome.UNCHANGED: 1}] * 2

    reader = own_stack.composition.subscriber("replay", "replay")
    replayed = replay(context, reader, begin=begin, tables=["customers"], records=[customer])
    reader.close()
    assert replayed.counts.records == 1
    assert replayed.verdict is not None
    assert {outcome for one in replayed.verdict.tables for outcome in one.outcomes} == {Outcome.UNCHANGED}

    kind = ChangeKind.COLLECTION
    Sweep(context)(ChangeEvent("sweep", System.BUSINESS_CENTRAL, "customers", None, kind, context.clock()))
    own_stack.settle()
    assert own_stack.writes() == []
    assert len(own_stack.couplings("CUSTOMER")) == 1
