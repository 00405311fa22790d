"""A process's heartbeat, from joining to leaving."""

from collections.abc import Sequence

import pytest
from structlog.testing import capture_logs

from console.composition import Composition
from console.heartbeat import Heartbeat
from engine.ledger import worker_list
from engine.ledger.database import read
from engine.ledger.worker_lease import Backlog, Process, WorkerLease
from engine.ledger.worker_list import Worker
from schemas.errors import Retry
from schemas.system import System
from tests.support.eventually import eventually


def workers(ledger: Composition) -> Sequence[Worker]:
    with read(ledger.database) as connection:
        return worker_list.listed(connection)


def lease(ledger: Composition) -> WorkerLease:
    return WorkerLease(ledger.database, Process("one", "here", 1, "1.0", "test"), ledger.budgets, clock=ledger.clock)


def test_a_process_is_among_the_workers_as_long_as_it_runs(ledger: Composition) -> None:
    with ledger.heartbeat("test"):
        (one,) = workers(ledger)
        assert one.process.serves == "test"
        assert {share.system for share in one.budget} == set(System)
    assert workers(ledger) == []


def test_it_beats_again_and_tells_what_is_unfinished(ledger: Composition) -> None:
    backlogs = iter(range(1000))
    with Heartbeat(lease(ledger), lambda: Backlog(next(backlogs), None), every=0.01, waiting=0.01):
        eventually(lambda: workers(ledger)[0].backlog.unfinished > 2)


def test_two_processes_come_to_share(ledger: Composition) -> None:
    with Heartbeat(lease(ledger), every=0.01, waiting=0.01), Composition(ledger.settings) as other:
        with Heartbeat(lease(other), every=0.01, waiting=0.01):
            eventually(lambda: _places(ledger) == [2, 3])
        eventually(lambda: _places(ledger) == [5])


def test_a_heartbeat_that_fails_is_told_and_tried_again(ledger: Composition, monkeypatch: pytest.MonkeyPatch) -> None:
    one = lease(ledger)
    beat = one.beat
    failures = iter([Retry("the database is away")])

    def failing(backlog: Backlog) -> bool:
        if error := next(failures, None):
            raise error
        return beat(backlog)

    monkeypatch.setattr(one, "beat", failing)
    with capture_logs() as logs, Heartbeat(one, every=0.01, waiting=0.01):
        eventually(lambda: workers(ledger))
    assert [log["reason"] for log in logs] == ["the database is away"]


def _places(ledger: Composition) -> list[int]:
    return sorted(
        share.share.at_once
        for worker in workers(ledger)
        for share in worker.budget
        if share.system is System.BUSINESS_CENTRAL
    )
