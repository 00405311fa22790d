"""The scheduler: which operations may run now. Knows records and lanes, nothing of what an operation does.

* **Per record strictly in order.** Operations of one key run one at a time, in the order offered; any free thread may
  take any key (a key is not bound to a thread, so that a slow record delays nobody).
* **Waiting changes of one record coalesce** into one operation, see :meth:`~engine.operation.Operation.absorbs`.
* **Lanes are (mapping, direction).** The lane of the lowest dependency rank that has something ready goes first, so
  that parents are usually there before their children ask.
* **Batches grow by themselves.** A thread takes whatever is ready in a lane, up to a limit: one record when idle, full
  batches under load.
* **Transient trouble** delays one record (:meth:`give_back`) or holds a lane (:meth:`hold`); everything else goes on.
* **Partitions that go to another worker** (:meth:`withdraw`) take along what has not begun, and wait for what has.

Whatever is taken is given back exactly once, by :meth:`done` or :meth:`give_back`. Safe to call from several threads.
"""

import heapq
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from threading import Condition
from typing import NamedTuple

from engine.operation import Delivery, Operation
from schemas.operations import OperationKey
from schemas.system import Direction
from schemas.topics import Message, TopicPartition


class Lane(NamedTuple):
    """One mapping in one direction."""

    mapping: str
    direction: Direction


@dataclass(slots=True, eq=False)
class _LaneState:
    lane: Lane
    ready: deque[OperationKey] = field(default_factory=deque)
    held_until: float = 0.0


@dataclass(frozen=True, slots=True)
class Batch:
    """Operations of one lane, each of another record, taken together."""

    lane: Lane
    operations: list[Operation]


class Scheduler:
    """See the module's docstring.

    Args:
        ranks: dependency rank by mapping name: lower goes first.
        monotonic: seconds, for delays.
    """

    def __init__(self, ranks: Mapping[str, int], monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lanes = [_LaneState(Lane(mapping, direction)) for mapping in ranks for direction in Direction]
        self._lanes.sort(key=lambda state: ranks[state.lane.mapping])
        self._by_lane = {state.lane: state for state in self._lanes}
        self._waiting: dict[OperationKey, deque[Operation]] = {}
        self._running: dict[OperationKey, Operation] = {}
        self._delayed: list[tuple[float, int, OperationKey]] = []
        self._sequence = 0
        self._finished: list[Message] = []
        self._load = 0
        self._coalesced = 0
        self._closed = False
        self._changed = Condition()

    def offer(self, message: Message | None, operations: Iterable[Operation]) -> None:
        """Schedule the operations of one message; it is finished when all of them are.

        Each operation carries the message's delivery already; ``message`` is given for one that needs none.
        """
        with self._changed:
            for operation in operations:
                self._load += len(operation.deliveries)
                self._enqueue(operation)
            if message is not None:
                self._finished.append(message)
            self._changed.notify()

    def begin(self, operation: Operation) -> None:
        """Account for an operation that the caller runs itself, and ends with :meth:`done`."""
        with self._changed:
            self._load += len(operation.deliveries)
            self._running[operation.key] = operation

    def take(self, limit: int, timeout: float) -> Batch | None:
        """Up to ``limit`` ready operations of the first lane that has any.

        Blocks up to ``timeout`` seconds; ``None`` when there is nothing, or after :meth:`close`.
        """
        deadline = self._monotonic() + timeout
        with self._changed:
            while not self._closed:
                now = self._monotonic()
                self._wake_delayed(now)
                ready = [state for state in self._lanes if state.ready and state.held_until <= now]
                if ready:
                    batch = self._take_from(ready[0], limit)
                    if ready[0].ready or len(ready) > 1:
                        self._changed.notify()  # one notification may have brought work for several
                    return batch
                if now >= deadline:
                    return None
                self._changed.wait(max(0.0, min(deadline, self._next_wake()) - now))
            return None

    def done(self, operations: Iterable[Operation]) -> None:
        """These have ended, one way or another, and the ledger knows it."""
        with self._changed:
            for operation in operations:
                self._release(operation.key)
                self._load -= len(operation.deliveries)
                for delivery in operation.deliveries:
                    delivery.pending -= 1
                    if delivery.pending == 0:
                        self._finished.append(delivery.message)
            self._changed.notify_all()

    def give_back(self, operation: Operation, delay: float) -> None:
        """Run it again after ``delay`` seconds; later changes of its record wait behind it, or join it."""
        with self._changed:
            operation.attempts += 1
            key = operation.key
            self._running.pop(key, None)
            queue = self._waiting.setdefault(key, deque())
            if queue and operation.absorbs(queue[0]):
                operation.absorb(queue.popleft())
            queue.appendleft(operation)
            self._sequence += 1
            heapq.heappush(self._delayed, (self._monotonic() + delay, self._sequence, key))
            self._changed.notify_all()

    def hold(self, lane: Lane, delay: float) -> None:
        """Take nothing from ``lane`` for ``delay`` seconds."""
        with self._changed:
            state = self._by_lane[lane]
            state.held_until = max(state.held_until, self._monotonic() + delay)

    def withdraw(self, partitions: Collection[TopicPartition], timeout: float) -> bool:
        """Forget what waits of these, and wait for what runs; False where that takes more than ``timeout`` seconds.

        Sweeps are not waited for: one that is done twice does no harm. After :meth:`close` nothing is waited for.
        """
        deadline = self._monotonic() + timeout
        with self._changed:
            while True:
                self._forget(partitions)
                if not any(_is_from(partitions, one) for one in self._running.values() if one.sweep is None):
                    return True
                left = deadline - self._monotonic()
                if left <= 0 or self._closed:
                    return False
                self._changed.wait(left)

    def finished(self) -> list[Message]:
        """The messages that finished since the last call, for settling."""
        with self._changed:
            messages, self._finished = self._finished, []
            return messages

    def close(self) -> None:
        """Let nobody take anything any more. What waits is forgotten: its messages were never finished."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def load(self) -> int:
        """Unfinished deliveries: what bounds intake."""
        return self._load

    @property
    def idle(self) -> bool:
        """Whether nothing waits, runs or is delayed."""
        with self._changed:
            return not self._waiting and not self._running

    @property
    def oldest(self) -> datetime | None:
        """The time of the oldest change that waits, runs or is delayed."""
        with self._changed:
            waiting = (operation for queue in self._waiting.values() for operation in queue)
            return min((operation.time for operation in chain(waiting, self._running.values())), default=None)

    @property
    def coalesced(self) -> int:
        """How many operations were absorbed by one that waited."""
        return self._coalesced

    def _enqueue(self, operation: Operation) -> None:
        key = operation.key
        queue = self._waiting.get(key)
        if queue is None:
            self._waiting[key] = deque((operation,))
            if key not in self._running:
                self._by_lane[Lane(key.mapping, key.direction)].ready.append(key)
        elif queue[-1].absorbs(operation):
            queue[-1].absorb(operation)
            self._coalesced += 1
        else:
            queue.append(operation)

    def _take_from(self, state: _LaneState, limit: int) -> Batch:
        taken = []
        for _ in range(min(limit, len(state.ready))):
            key = state.ready.popleft()
            queue = self._waiting[key]
            taken.append(queue.popleft())
            if not queue:
                del self._waiting[key]
            self._running[key] = taken[-1]
        return Batch(state.lane, taken)

    def _release(self, key: OperationKey) -> None:
        self._running.pop(key, None)
        if key in self._waiting:
            self._by_lane[Lane(key.mapping, key.direction)].ready.append(key)

    def _forget(self, partitions: Collection[TopicPartition]) -> None:
        forgotten = set()
        for key, queue in list(self._waiting.items()):
            for operation in [one for one in queue if _is_from(partitions, one)]:
                before = len(operation.deliveries)
                operation.deliveries = [one for one in operation.deliveries if not _is_of(partitions, one)]
                self._load -= before - len(operation.deliveries)
                if not operation.deliveries:
                    queue.remove(operation)
            if not queue:
                del self._waiting[key]
                forgotten.add(key)
        if forgotten:
            for state in self._lanes:
                state.ready = deque(key for key in state.ready if key not in forgotten)
            self._delayed = [entry for entry in self._delayed if entry[2] not in forgotten]
            heapq.heapify(self._delayed)

    def _wake_delayed(self, now: float) -> None:
        while self._delayed and self._delayed[0][0] <= now:
            _, _, key = heapq.heappop(self._delayed)
            self._by_lane[Lane(key.mapping, key.direction)].ready.append(key)

    def _next_wake(self) -> float:
        held = [state.held_until for state in self._lanes if state.ready and state.held_until > 0]
        if self._delayed:
            held.append(self._delayed[0][0])
        return min(held, default=float("inf"))


def _is_of(partitions: Collection[TopicPartition], delivery: Delivery) -> bool:
    return delivery.message.topic_partition in partitions


def _is_from(partitions: Collection[TopicPartition], operation: Operation) -> bool:
    return any(_is_of(partitions, delivery) for delivery in operation.deliveries)
