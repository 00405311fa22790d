"""Faults on command: the next requests that match fail in a given way."""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from systems.sandbox.exchange import Request, Response

Outcome: TypeAlias = Literal["status", "hang", "drop"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A way to fail.

    Attributes:
        outcome: ``status`` answers with ``status``; ``hang`` answers nothing for ``seconds`` or until the client
            leaves; ``drop`` closes the connection without an answer.
        count: how many requests it befalls.
        method: of the request, in capitals; any if empty.
        path: a regular expression searched in path and query; any if empty.
        after: whether the request is carried out first, so that only its answer is lost.
        part: whether it befalls operations inside batches instead of whole requests; then only ``status`` is possible.
        skip: how many matching requests are let through first.
        retry_after: seconds in the ``Retry-After`` header; none if ``None``.
        code: the error code in the body; the system's own for that status if empty.
    """

    outcome: Outcome = "status"
    count: int = 1
    method: str = ""
    path: str = ""
    status: int = 503
    after: bool = False
    part: bool = False
    skip: int = 0
    seconds: float = 3600.0
    retry_after: int | None = None
    code: str = ""

    def __post_init__(self) -> None:
        if self.part and self.outcome != "status":
            raise ValueError("an operation inside a batch can only fail with a status")
        try:
            re.compile(self.path)
        except re.error as error:
            raise ValueError(f"the path {self.path!r} is not a regular expression: {error}") from error

    def matches(self, method: str, path: str, *, part: bool) -> bool:
        fits = self.part == part and self.method in ("", method)
        return fits and re.search(self.path, path) is not None


class Faults:
    """The faults still to come, first come first served. Safe to call from several threads."""

    def __init__(self) -> None:
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
        """Faults that have not befallen all their requests yet."""
        with self._lock:
            return tuple(self._faults)

    def take(self, method: str, path: str, *, part: bool = False) -> Fault | None:
        """The fault that befalls this request, used up by one."""
        with self._lock:
            for index, fault in enumerate(self._faults):
                if not fault.matches(method, path, part=part):
                    continue
                if fault.skip:
                    self._faults[index] = replace(fault, skip=fault.skip - 1)
                    continue
                if fault.count > 1:
                    self._faults[index] = replace(fault, count=fault.count - 1)
                else:
                    del self._faults[index]
                return fault
        return None


def fail_part(
    fault: Fault,
    request: Request,
    handle: Callable[[Request], Response],
    failure: Callable[[int, str], Response],
) -> Response:
    """What becomes of an operation of a batch that ``fault`` befalls."""
    if fault.after:
        handle(request)
    return with_wait(fault, failure(fault.status, fault.code))


def with_wait(fault: Fault, response: Response) -> Response:
    """``response`` with the ``Retry-After`` that the fault asks for."""
    wait = {} if fault.retry_after is None else {"retry-after": str(fault.retry_after)}
    return Response(response.status, {**response.headers, **wait}, response.body)
