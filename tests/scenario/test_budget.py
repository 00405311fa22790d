"""Workers that share a system's real limits over HTTP: nearly all that it allows, and next to nothing refused."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import httpx2
import pytest

from engine.ledger.database import open_database
from schemas.budget import WINDOW, Allowance
from schemas.errors import Retry
from systems.credentials import TokenEndpoint
from systems.http import HttpPool
from systems.sandbox import Sandbox, SandboxSettings
from systems.sandbox.faults import Fault
from systems.sandbox.limits import Limits
from tests.support.budgets import FakeTime, Sharer, sharer
from tests.support.databases import SqliteDatabases

LIMIT = Allowance(at_once=5, per_window=600)
STEP = 0.25


@dataclass
class Team:
    """Three workers, each with connections of its own, in a time that only this moves."""

    sandbox: Sandbox
    time: FakeTime
    workers: list[tuple[Sharer, HttpPool]]
    sent: list[list[float]] = field(default_factory=list)

    def work(self, seconds: float) -> None:
        """Send as much as the budgets allow."""
        end = self.time.seconds + seconds
        while self.time.seconds < end:
            for place, (worker, pool) in enumerate(self.workers):
                if self.time.seconds % 2 == 0:
                    worker.beat()
                self.sent[place] += [self.time.seconds for _ in range(_send_all(pool, self.sandbox))]
            self.time.advance(STEP)

    def begun(self, place: int, within: float) -> int:
        """How many requests a worker has sent lately."""
        return sum(at > self.time.seconds - within for at in self.sent[place])

    @property
    def refused(self) -> int:
        """Requests answered 429, by limit or by fault."""
        return len(self.sandbox.business_central.requests.entries(status=429))


def _send_all(pool: HttpPool, sandbox: Sandbox) -> int:
    system = sandbox.business_central
    sent = 0
    while True:
        try:
            response = pool.send("GET", f"{system.url}/api/v2.0/companies({system.company_id})")
        except Retry:
            return sent
        sent += 1
        assert response.status_code in (httpx2.codes.OK, httpx2.codes.TOO_MANY_REQUESTS)


@pytest.fixture
def team(sqlite_databases: SqliteDatabases) -> Iterator[Team]:
    time = FakeTime()
    with ExitStack() as open_:
        sandbox = open_.enter_context(Sandbox(SandboxSettings(clock=time.clock)))
        system = sandbox.business_central
        system.set_limits(Limits(requests=LIMIT.per_window, concurrent=LIMIT.at_once, queued=95))
        database = open_database(open_.enter_context(sqlite_databases.fresh()))
        open_.callback(database.dispose)
        client = sandbox.client
        credential = TokenEndpoint(
            sandbox.token_url, client.client_id, client.client_secret, f"{system.resource}/.default"
        )
        workers = []
        for _ in range(3):
            worker = sharer(database, time, LIMIT, (client.client_id,))
            pool = HttpPool(
                "Business Central",
                [credential],
                budget=worker.budget,
                headers={"Accept": "application/json"},
                connect_timeout=5,
                read_timeout=5,
            )
            open_.callback(pool.close)
            worker.beat()
            workers.append((worker, pool))
        yield Team(sandbox, time, workers, [[] for _ in workers])


def test_three_workers_use_nearly_all_that_is_allowed_and_nothing_is_refused(team: Team) -> None:
    team.work(2 * WINDOW)
    assert team.refused == 0
    assert sum(team.begun(place, WINDOW) for place in range(3)) > 0.9 * LIMIT.per_window


def test_a_worker_that_is_refused_pauses_while_the_others_go_on_and_then_recovers(team: Team) -> None:
    team.work(30.0)
    team.sandbox.business_central.fail(Fault(status=429, retry_after=20))
    team.work(20.0)
    paused = [place for place in range(3) if team.begun(place, 15.0) == 0]
    assert len(paused) == 1
    assert sum(team.begun(place, 15.0) for place in range(3)) > 10
    team.work(140.0)
    assert team.refused == 1
    assert team.begun(paused[0], 60.0) > 0.8 * LIMIT.per_window / 3 * 60 / WINDOW


def test_when_one_dies_the_others_take_over_its_part(team: Team) -> None:
    team.work(30.0)
    del team.workers[2]
    team.work(60.0)
    before = sum(team.begun(place, 20.0) for place in range(2))
    assert before > 0.8 * LIMIT.per_window * 20 / WINDOW
    assert team.refused == 0
