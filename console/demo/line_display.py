"""The demo without a terminal: plain lines."""

from collections.abc import Callable
from threading import Lock
from typing import TextIO

from console.demo.arrivals import Arrival
from console.demo.display import ARROWS, ENDS_OF_ECHOES, SHORT, Display, introduction
from console.demo.stage import Stage
from schemas.outcomes import Outcome
from schemas.system import System

_NOTABLE = frozenset({Outcome.PARKED, Outcome.CONFLICT, Outcome.FAILED, Outcome.SKIPPED})


class LineDisplay(Display):
    """A line for every user's change that arrives, and for what does not arrive at once.

    Args:
        closed: told once nobody reads ``out`` any more.
        every: show every row that arrives.
    """

    def __init__(self, out: TextIO, closed: Callable[[BrokenPipeError], None], *, every: bool = False) -> None:
        self._out = out
        self._closed = closed
        self._every = every
        self._lock = Lock()

    def phase(self, text: str) -> None:
        self._print(text)

    def introduce(self, stage: Stage) -> None:
        for line in introduction(stage):
            self._print(line)

    def acted(self, system: System, text: str) -> None:
        self._print(f"  {SHORT[system]} user: {text}")

    def arrived(self, arrival: Arrival) -> None:
        wanted = self._every and arrival.outcome not in ENDS_OF_ECHOES
        if wanted or arrival.latency is not None or arrival.outcome in _NOTABLE:
            latency = "" if arrival.latency is None else f", {arrival.latency:.2f} s"
            what = f"{ARROWS[arrival.direction]}  {arrival.mapping} {arrival.record}"
            self._print(f"  {arrival.at.astimezone():%H:%M:%S}  {what}: {arrival.outcome}{latency}")

    def _print(self, text: str) -> None:
        with self._lock:
            try:
                self._out.write(text + "\n")
                self._out.flush()
            except BrokenPipeError as error:
                self._closed(error)
