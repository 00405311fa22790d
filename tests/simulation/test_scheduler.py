"""The scheduler under threads that interleave in any way: per record strictly in order, nothing lost, nothing twice."""

from collections import defaultdict
from datetime import UTC, datetime

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from engine.operation import Delivery, Operation
from engine.scheduler import Lane, Scheduler
from schemas.change_event import ChangeKind
from schemas.operations import OperationKey
from schemas.system import Direction
from schemas.topics import Message
from tests.support.effort import effort

_TIME = datetime(2026, 1, 1, tzinfo=UTC)
_MAPPINGS = ("PARENT", "CHILD")
_KEYS = st.builds(OperationKey, st.sampled_from(_MAPPINGS), st.sampled_from(Direction), st.sampled_from("abc"))
_KINDS = st.sampled_from([ChangeKind.MODIFIED, ChangeKind.DELETED, ChangeKind.SYNC_ALL])
_SECONDS = st.floats(0, 10)


class SchedulerMachine(RuleBasedStateMachine):
    """Its memory of what was offered is a list of (offset, kind) per record."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.scheduler = Scheduler({name: rank for rank, name in enumerate(_MAPPINGS)}, lambda: self.now)
        self.offsets = 0
        self.waiting: dict[OperationKey, list[tuple[int, ChangeKind]]] = defaultdict(list)
        self.running: list[Operation] = []
        self.parts: dict[int, int] = {}
        self.finished: list[int] = []

    @rule(operations=st.lists(st.tuples(_KEYS, _KINDS), max_size=3))
    def a_message_arrives(self, operations: list[tuple[OperationKey, ChangeKind]]) -> None:
        message = Message("changes", 0, self.offsets, "", b"", {}, _TIME)
        delivery = Delivery(message, len(operations))
        made = [Operation(key, kind, _TIME, deliveries=[delivery]) for key, kind in operations]
        for key, kind in operations:
            self.waiting[key].append((self.offsets, kind))
        self.parts[self.offsets] = len(operations)
        self.offsets += 1
        self.scheduler.offer(None if made else message, made)

    @rule(limit=st.integers(1, 4))
    def a_thread_takes_a_batch(self, limit: int) -> None:
        batch = self.scheduler.take(limit, 0.0)
        if batch is None:
            return
        assert 1 <= len(batch.operations) <= limit
        for operation in batch.operations:
            key = operation.key
            assert Lane(key.mapping, key.direction) == batch.lane
            assert key not in {other.key for other in self.running}, "never two of one record at once"
            offsets = [delivery.message.offset for delivery in operation.deliveries]
            taken, self.waiting[key] = self.waiting[key][: len(offsets)], self.waiting[key][len(offsets) :]
            assert offsets == [offset for offset, _ in taken], "in the order in which they arrived"
            self._check_kind(operation, [kind for _, kind in taken])
            self.running.append(operation)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def an_operation_ends(self, data: st.DataObject) -> None:
        operation = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        self.scheduler.done([operation])
        for delivery in operation.deliveries:
            self.parts[delivery.message.offset] -= 1

    @precondition(lambda self: self.running)
    @rule(data=st.data(), delay=_SECONDS)
    def an_operation_is_given_back(self, data: st.DataObject, delay: float) -> None:
        operation = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        key = operation.key
        before = [(delivery.message.offset, operation.kind) for delivery in operation.deliveries]
        self.scheduler.give_back(operation, delay)
        self.waiting[key] = before + self.waiting[key]

    @rule(mapping=st.sampled_from(_MAPPINGS), direction=st.sampled_from(Direction), delay=_SECONDS)
    def a_lane_is_held(self, mapping: str, direction: Direction, delay: float) -> None:
        self.scheduler.hold(Lane(mapping, direction), delay)

    @rule(seconds=_SECONDS)
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def finished_messages_are_settled(self) -> None:
        self.finished += [message.offset for message in self.scheduler.finished()]

    @invariant()
    def load_is_what_is_unfinished(self) -> None:
        assert self.scheduler.load == sum(self.parts.values())

    @invariant()
    def no_message_finishes_twice_or_too_early(self) -> None:
        assert len(set(self.finished)) == len(self.finished)
        assert all(self.parts[offset] == 0 for offset in self.finished)

    def teardown(self) -> None:
        """Nothing is lost: what is taken as long as there is something finishes every message, so that all settle."""
        self.scheduler.done(self.running)
        self.running.clear()
        while not self.scheduler.idle:
            self.now += 100.0
            while (batch := self.scheduler.take(100, 0.0)) is not None:
                self.scheduler.done(batch.operations)
        self.finished_messages_are_settled()
        assert sorted(self.finished) == list(range(self.offsets))
        assert self.scheduler.load == 0

    def _check_kind(self, operation: Operation, kinds: list[ChangeKind]) -> None:
        """A deletion is absorbed by nothing that came before it and absorbs nothing that came after it."""
        if ChangeKind.DELETED in kinds:
            first = kinds.index(ChangeKind.DELETED)
            assert operation.kind is ChangeKind.DELETED
            assert set(kinds[first:]) == {ChangeKind.DELETED}
        else:
            assert operation.kind is (ChangeKind.SYNC_ALL if ChangeKind.SYNC_ALL in kinds else ChangeKind.MODIFIED)


SchedulerMachine.TestCase.settings = effort
TestScheduler = SchedulerMachine.TestCase
