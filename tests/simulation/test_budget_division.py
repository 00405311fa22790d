"""However processes come, beat, stall, die and leave: together they never do more than the system allows."""

from collections import Counter, deque

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import delete, func, select

from engine.ledger.database import Base, open_database, read, write
from engine.ledger.models import table_of
from engine.ledger.worker_tables import BudgetShareModel, WorkerModel
from schemas.budget import WINDOW, Allowance
from systems.budget import Permit
from tests.support.budgets import FakeTime, Sharer, sharer
from tests.support.effort import effort

LIMIT = Allowance(at_once=5, per_window=3000)
CREDENTIALS = ("one", "two")
LONGEST = 3.0
"""Seconds that a request takes at most: what lies between the end of use and the end of a lease."""

_SHARES = table_of(BudgetShareModel)
_DATABASE = open_database("sqlite:///:memory:")


class Division(RuleBasedStateMachine):
    """Up to nine processes with two credentials: more than there are places."""

    def __init__(self) -> None:
        super().__init__()
        with write(_DATABASE) as connection:
            tables = [table_of(WorkerModel), _SHARES]
            Base.metadata.create_all(connection, tables)
            for table in tables:
                connection.execute(delete(table))
        self.time = FakeTime()
        self.alive: list[Sharer] = []
        self.starts: dict[int, deque[float]] = {place: deque() for place in range(len(CREDENTIALS))}

    @precondition(lambda self: len(self.alive) < 9)
    @rule()
    def join(self) -> None:
        self.alive.append(sharer(_DATABASE, self.time, LIMIT, CREDENTIALS))
        self.alive[-1].beat()

    @precondition(lambda self: self.alive)
    @rule(data=st.data())
    def beat(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.alive)).beat()

    @precondition(lambda self: self.alive)
    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        self.alive.remove(data.draw(st.sampled_from(self.alive)))

    @precondition(lambda self: self.alive)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.alive))
        one.finish()
        one.lease.leave()
        self.alive.remove(one)

    @precondition(lambda self: self.alive)
    @rule(data=st.data(), most=st.integers(1, 20))
    def send(self, data: st.DataObject, most: int) -> None:
        self._send(data.draw(st.sampled_from(self.alive)), most)

    @precondition(lambda self: self.alive)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.alive)).finish()

    @rule(seconds=st.floats(0.05, 7.0))
    def pass_time(self, seconds: float) -> None:
        self.time.advance(seconds)
        for one in self.alive:
            for permit in [each for each in one.under_way if each.started <= self.time.seconds - LONGEST]:
                one.under_way.remove(permit)
                one.budget.end(permit)

    @precondition(lambda self: self.alive)
    @rule(data=st.data(), seconds=st.floats(0.5, 4.0), rounds=st.integers(1, 5))
    def go_on(self, data: st.DataObject, seconds: float, rounds: int) -> None:
        """Some beat, again and again; all send what they may, and end nothing early."""
        beating = data.draw(st.lists(st.sampled_from(self.alive), min_size=1, unique_by=id))
        for _ in range(rounds):
            self.pass_time(seconds)
            for one in beating:
                one.beat()
            for one in self.alive:
                self._send(one, LIMIT.at_once)
            self.never_too_many()

    @invariant()
    def shares_never_add_up_to_more(self) -> None:
        sums = select(_SHARES.c.credential, func.sum(_SHARES.c.at_once), func.sum(_SHARES.c.per_window))
        with read(_DATABASE) as connection:
            for _, at_once, per_window in connection.execute(sums.group_by(_SHARES.c.credential)):
                assert at_once <= LIMIT.at_once
                assert per_window <= LIMIT.per_window

    @invariant()
    def never_too_many(self) -> None:
        at_once = Counter(permit.credential for one in self.alive for permit in one.under_way)
        assert not at_once or max(at_once.values()) <= LIMIT.at_once
        for starts in self.starts.values():
            while starts and starts[0] <= self.time.seconds - WINDOW:
                starts.popleft()
            assert len(starts) <= LIMIT.per_window

    def _send(self, one: Sharer, most: int) -> None:
        started: list[Permit] = one.send(most)
        for permit in started:
            self.starts[permit.credential].append(permit.started)


Division.TestCase.settings = effort
TestDivision = Division.TestCase
