"""Who is among the workers, and how the API budget is divided among them, on both databases."""

from collections.abc import Callable
from typing import TypeAlias

import pytest
from sqlalchemy import Engine, func, select

from engine.ledger.database import read
from engine.ledger.models import table_of
from engine.ledger.worker_lease import LEASE
from engine.ledger.worker_tables import BudgetShareModel, WorkerModel
from schemas.budget import WINDOW, Allowance
from tests.support.budgets import FakeTime, Sharer, sharer

LIMIT = Allowance(at_once=5, per_window=6000)
BEAT = 2.0

Join: TypeAlias = Callable[..., Sharer]


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def join(database: Engine, time: FakeTime) -> Join:
    def joined(*credentials: str, name: str = "worker") -> Sharer:
        one = sharer(database, time, LIMIT, credentials or ("one",), name)
        one.beat()
        return one

    return joined


def places(*sharers: Sharer) -> list[int]:
    """Requests that each may have at once, of its own and at this moment."""
    counts = []
    for one in sharers:
        counts.append(len(one.send(100)))
        one.finish()
    return counts


def names(database: Engine) -> list[str]:
    with read(database) as connection:
        return list(connection.execute(select(WorkerModel.name).order_by(WorkerModel.id)).scalars())


def shared(database: Engine) -> tuple[int, int]:
    """What is given out altogether."""
    shares = table_of(BudgetShareModel)
    with read(database) as connection:
        row = connection.execute(select(func.sum(shares.c.at_once), func.sum(shares.c.per_window))).one()
    return int(row[0] or 0), int(row[1] or 0)


def test_one_alone_has_the_whole_limit(join: Join, time: FakeTime) -> None:
    one = join()
    time.advance(BEAT)
    assert places(one) == [5]


def test_a_newcomer_gets_its_share_when_the_other_has_given_it_up(join: Join, time: FakeTime) -> None:
    one, other = join(), join()
    time.advance(BEAT)
    assert places(one, other) == [5, 0]
    assert one.beat()
    assert places(one, other) == [3, 0]
    assert other.beat()
    time.advance(BEAT)
    assert places(one, other) == [3, 2]


def test_requests_under_way_are_waited_for(join: Join, time: FakeTime) -> None:
    one = join()
    time.advance(BEAT)
    assert len(one.send(5)) == 5
    other = join()
    one.beat()
    assert not other.beat()
    time.advance(1.0)
    assert places(other) == [0]
    one.finish()
    one.beat()
    assert other.beat()
    time.advance(1.0)
    assert places(other) == [2]


def test_the_share_of_one_that_dies_is_free_when_its_lease_is_over(
    join: Join, time: FakeTime, database: Engine
) -> None:
    one, _dead = join(name="one"), join(name="dead")
    for _ in range(2):
        one.beat()
        time.advance(LEASE.total_seconds() / 2 - 0.5)
    one.beat()
    assert names(database) == ["one", "dead"]
    assert places(one) == [3]
    time.advance(1)
    one.beat()
    assert names(database) == ["one"]
    assert places(one) == [5]


def test_one_that_leaves_is_gone_at_once_and_uses_nothing_more(join: Join, time: FakeTime, database: Engine) -> None:
    one, other = join(name="one"), join(name="other")
    one.beat()
    other.beat()
    other.lease.leave()
    assert names(database) == ["one"]
    one.beat()
    time.advance(1.0)
    assert places(one, other) == [5, 0]


def test_one_that_cannot_beat_uses_nothing_before_others_take_it(join: Join, time: FakeTime) -> None:
    silent, other = join(), join()
    silent.beat()
    other.beat()
    time.advance(LEASE.total_seconds() * 0.5)
    other.beat()
    assert places(silent, other) == [3, 2]
    time.advance(LEASE.total_seconds() * 0.1)
    other.beat()
    assert places(silent, other) == [0, 2]
    time.advance(LEASE.total_seconds() * 0.4)
    other.beat()
    assert places(silent, other) == [0, 5]


def test_one_that_was_away_for_long_comes_back_as_a_newcomer(join: Join, time: FakeTime, database: Engine) -> None:
    away, other = join(name="away"), join(name="other")
    time.advance(LEASE.total_seconds())
    other.beat()
    assert names(database) == ["other"]
    assert not away.beat()
    assert names(database) == ["other", "away"]
    assert places(away) == [0]
    other.beat()
    assert away.beat()
    time.advance(1.0)
    assert places(other, away) == [3, 2]


def test_with_more_workers_than_places_each_has_one_in_time(join: Join, time: FakeTime, database: Engine) -> None:
    crowd = [join() for _ in range(7)]
    had = [0] * 7
    for _ in range(42):
        time.advance(BEAT)
        for place, one in enumerate(crowd):
            one.beat()
            had[place] += places(one)[0]
        assert shared(database)[0] <= LIMIT.at_once
    assert min(had) > 0.5 * max(had)
    assert sum(had) > 0.9 * LIMIT.at_once * 42


def test_several_credentials_are_shared_evenly(join: Join, time: FakeTime) -> None:
    workers = [join("one", "two") for _ in range(3)]
    for _ in range(3):
        time.advance(BEAT)
        for one in workers:
            one.beat()
    assert sorted(places(*workers)) == [3, 3, 4]


def test_a_credential_that_only_one_worker_has_is_its_own(join: Join, time: FakeTime) -> None:
    one, other = join("one", "own"), join("one")
    for _ in range(2):
        time.advance(BEAT)
        one.beat()
        other.beat()
    assert sum(places(one, other)) == 10
    assert places(other)[0] in (2, 3)


def test_no_window_holds_more_than_the_limit_however_workers_come_and_go(join: Join, time: FakeTime) -> None:
    starts: list[float] = []
    working: list[Sharer] = []
    for round_ in range(380):
        time.advance(1.0)
        if round_ % 40 == 0:
            working = [*working[-2:], join()]
        for one in working:
            if round_ % 4 == 0:
                one.beat()
            for _ in range(30):
                starts += [permit.started for permit in one.send(5)]
                one.finish()
        assert sum(start > time.seconds - WINDOW for start in starts) <= LIMIT.per_window
    assert (
        sum(start > time.seconds - WINDOW for start in starts) > 0.6 * LIMIT.per_window
    )  # the dead keep theirs a while
