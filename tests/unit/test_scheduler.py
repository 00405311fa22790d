"""The scheduler: order per record, coalescing, lanes by rank, delays, and messages that finish exactly once."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import count
from time import monotonic

import pytest

from engine.operation import Delivery, Operation
from engine.scheduler import Batch, Lane, Scheduler
from schemas.change_event import ChangeEvent, ChangeKind
from schemas.operations import OperationKey
from schemas.system import Direction, System
from schemas.topics import Message, TopicPartition

TO, FROM = Direction.TO_DATAVERSE, Direction.FROM_DATAVERSE
MODIFIED, DELETED, SYNC_ALL = ChangeKind.MODIFIED, ChangeKind.DELETED, ChangeKind.SYNC_ALL
TIME = datetime(2026, 1, 1, tzinfo=UTC)


class Desk:
    """A scheduler with a clock to move by hand, and short ways to use it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.scheduler = Scheduler({"PARENT": 0, "CHILD": 1}, lambda: self.now)
        self._offsets = count()

    def message(self, *operations: Operation, partition: int = 0) -> Message:
        """Offer one message with these operations."""
        offset = next(self._offsets)
        message = Message("changes", partition, offset, "", b"", {}, TIME)
        delivery = Delivery(message, len(operations))
        for one in operations:
            one.deliveries.append(delivery)
        self.scheduler.offer(None if operations else message, operations)
        return message

    def take(self, limit: int = 100) -> Batch | None:
        return self.scheduler.take(limit, 0.0)

    def taken(self, limit: int = 100) -> list[Operation]:
        batch = self.take(limit)
        return batch.operations if batch is not None else []

    def finished(self) -> list[int]:
        return [message.offset for message in self.scheduler.finished()]


def operation(record: str, kind: ChangeKind = MODIFIED, mapping: str = "PARENT", way: Direction = TO) -> Operation:
    return Operation(OperationKey(mapping, way, record), kind, TIME)


def records(operations: Iterable[Operation]) -> list[str]:
    return [one.key.record_id for one in operations]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_waiting_changes_of_one_record_become_one_operation_that_finishes_all_their_messages(desk: Desk) -> None:
    for _ in range(3):
        desk.message(operation("a"))
    (one,) = desk.taken()
    assert desk.scheduler.coalesced == 2
    desk.scheduler.done([one])
    assert desk.finished() == [0, 1, 2]


def test_a_change_that_arrives_while_its_record_runs_waits_for_the_end(desk: Desk) -> None:
    desk.message(operation("a"))
    (first,) = desk.taken()
    desk.message(operation("a"))
    assert desk.take() is None
    desk.scheduler.done([first])
    assert records(desk.taken()) == ["a"]


def test_a_deletion_absorbs_what_waits_before_it_and_stays_apart_from_what_comes_after(desk: Desk) -> None:
    for kind in (MODIFIED, DELETED, DELETED, SYNC_ALL, MODIFIED):
        desk.message(operation("a", kind))
    (first,) = desk.taken()
    assert (first.kind, len(first.deliveries)) == (DELETED, 3)
    desk.scheduler.done([first])
    (second,) = desk.taken()
    assert (second.kind, len(second.deliveries)) == (SYNC_ALL, 2)


def test_the_lane_of_the_lowest_rank_goes_first_and_a_batch_holds_one_lane_only(desk: Desk) -> None:
    desk.message(operation("c", mapping="CHILD"))
    desk.message(operation("a"), operation("b", way=FROM))
    lanes = []
    while (batch := desk.take()) is not None:
        lanes.append(batch.lane)
    assert lanes == [Lane("PARENT", TO), Lane("PARENT", FROM), Lane("CHILD", TO)]


def test_a_batch_takes_what_is_ready_up_to_its_limit_each_record_once(desk: Desk) -> None:
    for record in "abcab":
        desk.message(operation(record))
    assert records(desk.taken(2)) == ["a", "b"]
    assert records(desk.taken(2)) == ["c"]


def test_what_is_given_back_runs_again_after_its_delay(desk: Desk) -> None:
    desk.message(operation("a"))
    (one,) = desk.taken()
    desk.scheduler.give_back(one, 5.0)
    desk.now = 4.9
    assert desk.take() is None
    desk.now = 5.0
    assert desk.taken() == [one]
    assert one.attempts == 1


def test_later_changes_join_what_was_given_back_and_do_not_overtake_it(desk: Desk) -> None:
    desk.message(operation("a"))
    (one,) = desk.taken()
    desk.message(operation("a"))
    desk.scheduler.give_back(one, 5.0)
    desk.message(operation("a"))
    assert desk.take() is None
    desk.now = 5.0
    assert desk.taken() == [one]
    desk.scheduler.done([one])
    assert desk.finished() == [0, 1, 2]
    assert desk.scheduler.idle


def test_a_deletion_that_is_given_back_still_comes_before_the_record_s_return(desk: Desk) -> None:
    desk.message(operation("a", DELETED))
    (deletion,) = desk.taken()
    desk.message(operation("a"))
    desk.scheduler.give_back(deletion, 1.0)
    desk.now = 1.0
    assert desk.taken() == [deletion]
    desk.scheduler.done([deletion])
    assert [one.kind for one in desk.taken()] == [MODIFIED]


def test_a_held_lane_rests_and_the_others_go_on(desk: Desk) -> None:
    desk.message(operation("a"))
    desk.message(operation("c", mapping="CHILD"))
    desk.scheduler.hold(Lane("PARENT", TO), 3.0)
    assert records(desk.taken()) == ["c"]
    assert desk.take() is None
    desk.now = 3.0
    assert records(desk.taken()) == ["a"]


def test_a_message_is_finished_when_all_its_operations_are_and_only_once(desk: Desk) -> None:
    desk.message(operation("a"), operation("b", mapping="CHILD"))
    (one,) = desk.taken()
    desk.scheduler.done([one])
    assert desk.finished() == []
    (other,) = desk.taken()
    desk.scheduler.done([other])
    assert desk.finished() == [0]
    assert desk.finished() == []


def test_a_message_with_two_changes_of_one_record_finishes_once(desk: Desk) -> None:
    desk.message(operation("a"), operation("a", DELETED))
    desk.scheduler.done(desk.taken())
    assert desk.finished() == [0]


def test_a_message_without_operations_is_finished_at_once(desk: Desk) -> None:
    desk.message()
    assert desk.finished() == [0]


def test_load_counts_unfinished_deliveries_whatever_coalesced(desk: Desk) -> None:
    desk.message(operation("a"), operation("b"))
    desk.message(operation("a"))
    assert desk.scheduler.load == 3
    operations = desk.taken()
    assert desk.scheduler.load == 3
    desk.scheduler.give_back(operations[0], 0.0)
    desk.scheduler.done(operations[1:])
    assert desk.scheduler.load == 2
    desk.scheduler.done(desk.taken())
    assert desk.scheduler.load == 0
    assert desk.scheduler.idle


def test_an_operation_that_somebody_else_runs_counts_until_it_is_done(desk: Desk) -> None:
    message = Message("changes", 0, 9, "", b"", {}, TIME)
    sweep = Operation(OperationKey("", TO, "customers"), ChangeKind.COLLECTION, TIME, deliveries=[Delivery(message, 1)])
    desk.scheduler.begin(sweep)
    assert not desk.scheduler.idle
    assert desk.scheduler.load == 1
    desk.scheduler.done([sweep])
    assert desk.finished() == [9]


def test_after_closing_nothing_is_taken_and_waiting_messages_stay_unfinished(desk: Desk) -> None:
    desk.message(operation("a"))
    desk.scheduler.close()
    assert desk.take() is None
    assert desk.finished() == []


def test_partitions_that_are_withdrawn_take_along_what_waits(desk: Desk) -> None:
    desk.message(operation("a"))
    desk.message(operation("a", DELETED), operation("b"))
    other = desk.message(operation("a"), operation("c"), partition=1)
    (retried,) = desk.taken(1)
    desk.scheduler.give_back(retried, 5.0)
    assert desk.scheduler.withdraw({TopicPartition("changes", 0)}, 0.0)
    assert desk.scheduler.load == 2
    desk.now = 5.0
    taken = desk.taken()
    assert sorted(records(taken)) == ["a", "c"]
    assert {one.message.offset for operation in taken for one in operation.deliveries} == {other.offset}
    desk.scheduler.done(taken)
    assert desk.finished() == [other.offset]
    assert desk.scheduler.idle


def test_partitions_that_are_withdrawn_wait_for_what_runs(desk: Desk) -> None:
    message = desk.message(operation("a"))
    running = desk.taken()
    desk.message(operation("b"), partition=1)
    assert not desk.scheduler.withdraw({TopicPartition("changes", 0)}, 0.0)
    assert desk.scheduler.withdraw({TopicPartition("changes", 1)}, 0.0)
    with ThreadPoolExecutor(1) as threads:
        withdrawn = threads.submit(desk.scheduler.withdraw, {TopicPartition("changes", 0)}, 30.0)
        desk.scheduler.done(running)
        assert withdrawn.result(timeout=10)
    assert desk.finished() == [message.offset]


def test_what_comes_back_while_its_partition_is_withdrawn_is_forgotten(desk: Desk) -> None:
    desk.message(operation("a"))
    (running,) = desk.taken()
    with ThreadPoolExecutor(1) as threads:
        withdrawn = threads.submit(desk.scheduler.withdraw, {TopicPartition("changes", 0)}, 30.0)
        desk.scheduler.give_back(running, 1.0)
        assert withdrawn.result(timeout=10)
    desk.now = 2.0
    assert desk.take() is None
    assert desk.scheduler.idle
    assert desk.scheduler.load == 0


def test_a_sweep_does_not_keep_its_partition(desk: Desk) -> None:
    message = Message("changes", 0, 9, "", b"", {}, TIME)
    event = ChangeEvent("1", System.BUSINESS_CENTRAL, "customers", None, ChangeKind.COLLECTION, TIME)
    key = OperationKey("", TO, "customers")
    sweep = Operation(key, ChangeKind.COLLECTION, TIME, deliveries=[Delivery(message, 1)], sweep=event)
    desk.scheduler.begin(sweep)
    assert desk.scheduler.withdraw({TopicPartition("changes", 0)}, 0.0)


def test_work_for_two_lanes_wakes_two_threads() -> None:
    scheduler = Scheduler({"PARENT": 0, "CHILD": 1}, monotonic)
    message = Message("changes", 0, 0, "", b"", {}, TIME)
    operations = [operation("a"), operation("b", mapping="CHILD")]
    delivery = Delivery(message, 2)
    for one in operations:
        one.deliveries.append(delivery)
    with ThreadPoolExecutor(2) as threads:
        batches = [threads.submit(scheduler.take, 10, 30.0) for _ in range(2)]
        scheduler.offer(None, operations)
        lanes = {batch.lane.mapping for future in batches if (batch := future.result(timeout=10)) is not None}
    assert lanes == {"PARENT", "CHILD"}


def test_closing_wakes_whoever_waits() -> None:
    scheduler = Scheduler({"PARENT": 0}, monotonic)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(scheduler.take, 10, 30.0)
        scheduler.close()
        assert waiting.result(timeout=10) is None
