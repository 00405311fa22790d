"""Misbehaviour on command: the next operations that match go wrong in a given way."""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from tests.servicebus.amqp.errors import AmqpError, detach_forced
from tests.servicebus.amqp.links import Link

Outcome: TypeAlias = Literal["refuse", "detach", "drop", "lose", "lose_answer", "drop_answer", "delay"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A way to go wrong.

    Attributes:
        operation: ``put-token``, ``attach``, ``send``, ``settle``, or what ``$management`` calls it without
            ``com.microsoft:``, such as ``renew-lock``; any if empty.
        entity: a regular expression searched in the entity's path, in small letters; any if empty.
        outcome: ``refuse`` answers with ``condition``; ``detach`` ends the link with it; ``drop`` cuts the
            connection; ``lose`` does nothing and says nothing; ``lose_answer`` and ``drop_answer`` carry the operation
            out first; ``delay`` carries it out after ``seconds``.
        condition: of the error.
        status: of the answer to a request; beside the condition.
        count: how many operations it befalls.
        skip: how many matching operations are let through first.
    """

    operation: str = ""
    entity: str = ""
    outcome: Outcome = "refuse"
    condition: str = "com.microsoft:server-busy"
    status: int = 503
    seconds: float = 0.0
    count: int = 1
    skip: int = 0

    def __post_init__(self) -> None:
        try:
            re.compile(self.entity)
        except re.error as error:
            raise ValueError(f"the entity {self.entity!r} is not a regular expression: {error}") from error

    def matches(self, operation: str, entity: str) -> bool:
        return self.operation in ("", operation) and re.search(self.entity, entity) is not None

    def error(self) -> AmqpError:
        if self.outcome == "detach":
            return detach_forced("The link was detached on command.")
        return AmqpError(self.condition, "This went wrong on command.", status=self.status)


@dataclass(frozen=True, slots=True)
class Operation:
    """Something that a client wants done.

    Attributes:
        carry_out: does it and gives what answers it; raises AmqpError where it cannot be done.
        refuse: answers with an error.
    """

    name: str
    entity: str
    link: Link
    carry_out: Callable[[], Callable[[], None]]
    refuse: Callable[[AmqpError], None]

    def run(self, *, answered: bool = True) -> None:
        try:
            answer = self.carry_out()
        except AmqpError as error:
            self.refuse(error)
            return
        if answered:
            answer()


class Faults:
    """The faults still to come, first come first served. Safe to call from several threads."""

    def __init__(self, later: Callable[[float, Callable[[], None]], None]) -> None:
        """``later`` calls a function on the broker's thread after so many seconds."""
        self._later = later
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    @property
    def waiting(self) -> tuple[Fault, ...]:
        """Faults that have not befallen all their operations yet."""
        with self._lock:
            return tuple(self._faults)

    def befall(self, operation: Operation) -> None:
        """Carry an operation out and answer it, or do to it what a fault says."""
        fault = self._take(operation.name, operation.entity)
        if fault is None:
            operation.run()
            return
        connection = operation.link.session.connection
        match fault.outcome:
            case "refuse":
                operation.refuse(fault.error())
            case "detach":
                operation.link.detach(fault.error())
            case "drop":
                connection.drop()
            case "lose_answer":
                operation.run(answered=False)
            case "drop_answer":
                operation.run(answered=False)
                connection.drop()
            case "delay":
                self._later(fault.seconds, operation.run)

    def _take(self, operation: str, entity: str) -> Fault | None:
        with self._lock:
            for index, fault in enumerate(self._faults):
                if not fault.matches(operation, entity):
                    continue
                if fault.skip:
                    self._faults[index] = replace(fault, skip=fault.skip - 1)
                    return None
                if fault.count > 1:
                    self._faults[index] = replace(fault, count=fault.count - 1)
                else:
                    del self._faults[index]
                return fault
        return None
