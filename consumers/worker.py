"""The worker: one process's share of a consumer group, from topic to ledger.

Threads: one for each subscriber (receiving), some for batches (executing), one for sweeps, one for what is due, one for
each source that is relayed. They share nothing but the scheduler and the ledger.

It stops in order: nothing more is taken, batches that run end and are recorded, what is finished is settled, the group
is left. Whatever was waiting has not been settled, and is delivered again.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from threading import Event, Thread
from typing import TypeAlias

import structlog
from sqlalchemy import Engine

from consumers.dead_letters import DeadLetters
from consumers.due import Due
from consumers.executor import Executor, Observer, Published
from consumers.receiving import Receiving, Subscribe
from consumers.relay import Relay
from engine.backoff import delay
from engine.intake import Intake
from engine.ledger.worker_lease import Backlog
from engine.operation import Operation
from engine.plan import Plans
from engine.scheduler import Scheduler
from engine.synchronizer import Synchronizer
from schemas.change_event import ChangeEvent
from schemas.errors import Retry, Skip, Stop, SyncError
from schemas.topics import Publisher

_log = structlog.get_logger()

_TURN = 0.2
"""Seconds that a thread waits for work before it looks whether it is to stop."""

Sweep: TypeAlias = Callable[[ChangeEvent], None]
"""Publishes an event for every row that a table-wide event may be about; may take minutes. Raises Retry and Stop,
and Skip where the system does not know the table."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a worker does at once.

    Attributes:
        threads: batches at once.
        batch: operations in a batch, at most.
        max_in_flight: messages taken and not finished, before no more are taken.
        due_every: seconds between two looks at what is due.
    """

    threads: int = 8
    batch: int = 100
    max_in_flight: int = 1000
    due_every: float = 1.0


class Worker:
    """See the module's docstring.

    Args:
        observer: hears of every batch.
        dead_letter_topic: where messages are copied to which cannot be read; ``None``: the ledger alone has them.
        relays: of the sources whose messages it puts on the topic.
    """

    def __init__(
        self,
        subscribers: Sequence[Subscribe],
        publisher: Publisher,
        topic: str,
        plans: Plans,
        synchronizer: Synchronizer,
        database: Engine,
        sweep: Sweep,
        *,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        new_id: Callable[[], str],
        limits: Limits = Limits(),
        observer: Observer = lambda _batch, _result: None,
        dead_letter_topic: str | None = None,
        relays: Sequence[Relay] = (),
    ) -> None:
        self._sweep = sweep
        self._limits = limits
        self._stopping = Event()
        self._crash: Exception | None = None
        self._scheduler = Scheduler({plan.name: plan.rank for plan in plans.in_order()}, monotonic)
        self._sweeps = ThreadPoolExecutor(1, thread_name_prefix="sweep")
        intake = Intake(plans)
        dead_letters = DeadLetters(database, publisher, dead_letter_topic, clock=clock)
        self._receiving = [
            Receiving(
                subscribe,
                intake,
                self._scheduler,
                dead_letters,
                self._start_sweep,
                monotonic=monotonic,
                max_in_flight=limits.max_in_flight,
            )
            for subscribe in subscribers
        ]
        self._executor = Executor(
            self._scheduler,
            synchronizer,
            publisher,
            topic,
            limit=limits.batch,
            published=Published(),
            observer=observer,
        )
        self._relays = relays
        self._due = Due(database, plans, publisher, topic, clock=clock, new_id=new_id)

    def run(self) -> None:
        """Work until :meth:`stop`; returns when everything has ended in order.

        Raises:
            Stop: the broker refuses, or the database does; everything else has ended in order first.
        """
        names = [f"execute-{number}" for number in range(self._limits.threads)]
        threads = [Thread(target=self._guard, args=(self._execute,), name=name) for name in names]
        threads.append(Thread(target=self._guard, args=(self._look_for_due,), name="due"))
        for relay in self._relays:
            work = partial(relay.run, self._stopping, _TURN)
            threads.append(Thread(target=self._guard, args=(work,), name=f"relay {relay.name}"))
        for thread in threads:
            thread.start()
        try:
            self._receive()
        finally:
            self._stopping.set()
            self._scheduler.close()
            self._sweeps.shutdown(wait=True, cancel_futures=True)
            for thread in threads:
                thread.join()
            self._leave()
        if self._crash is not None:
            raise self._crash

    def stop(self) -> None:
        """Ask the worker to stop; returns at once. Safe in a signal handler, and more than once."""
        self._stopping.set()

    @property
    def idle(self) -> bool:
        """Whether nothing is under way in this worker; messages may still lie on the topic."""
        return self._scheduler.idle and self._scheduler.load == 0

    @property
    def backlog(self) -> Backlog:
        """What this worker took off the topic and has not finished."""
        return Backlog(self._scheduler.load, self._scheduler.oldest)

    def _receive(self) -> None:
        failures = 0
        share = _TURN if len(self._receiving) == 1 else 0.01
        while not self._stopping.is_set():
            try:
                for receiving in self._receiving:
                    receiving.turn(share)
                failures = 0
            except Retry as error:
                failures += 1
                seconds = delay(failures, error)
                _log.warning("receiving pauses", reason=error.text, seconds=round(seconds, 1))
                self._stopping.wait(seconds)

    def _guard(self, work: Callable[[], None]) -> None:
        """Run a thread's work; if it ends in an error, the worker ends with it: half a worker would only look alive."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 - raised again by run()
            _log.exception("the worker stops: one of its threads failed")
            self._crash = error
            self._stopping.set()

    def _execute(self) -> None:
        while not self._stopping.is_set():
            self._executor.turn(_TURN)

    def _look_for_due(self) -> None:
        while not self._stopping.wait(self._limits.due_every):
            try:
                self._due.publish()
            except SyncError as error:
                _log.warning("what is due is published later", reason=error.text)

    def _start_sweep(self, operation: Operation) -> None:
        self._sweeps.submit(self._guard, partial(self._run_sweep, operation))

    def _run_sweep(self, operation: Operation) -> None:
        """Sweep until it succeeds, or the worker stops: then the message is delivered again."""
        if operation.sweep is None:
            raise ValueError("not a sweep")
        attempts = 0
        while not self._stopping.is_set():
            try:
                self._sweep(operation.sweep)
            except (Retry, Stop) as error:
                attempts += 1
                seconds = delay(attempts, error) if isinstance(error, Retry) else 60.0
                _log.warning("sweep pauses", table=operation.sweep.table, reason=error.text, seconds=round(seconds, 1))
                self._stopping.wait(seconds)
                continue
            except Skip as error:  # the system does not know the table: there is nothing to sweep
                _log.error("sweep given up", table=operation.sweep.table, reason=error.text)
            self._scheduler.done([operation])
            return

    def _leave(self) -> None:
        for receiving in self._receiving:
            try:
                receiving.leave()
            except SyncError as error:
                _log.warning("left the group without settling; it is delivered again", reason=error.text)
