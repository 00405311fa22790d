"""The API budget in words: what a system lets one user do, a process's share of that, and what it does with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

WINDOW = 300.0
"""Seconds of the sliding window in which both systems count requests."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many requests: as a system's limit for one credential, or as a process's share of that limit.

    Attributes:
        at_once: under way at one time.
        per_window: begun within any :data:`WINDOW`.
    """

    at_once: int
    per_window: int

    def within(self, other: "Allowance") -> "Allowance":
        """As much of this as ``other`` allows."""
        return Allowance(min(self.at_once, other.at_once), min(self.per_window, other.per_window))


NOTHING = Allowance(0, 0)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process does with one credential now.

    Attributes:
        at_once: requests under way.
        requests: begun within the last :data:`WINDOW`.
        refused: by the system as too many, of those.
        pace: the part of its share that it uses since the last refusal; 1.0 is all.
        paused: seconds until it sends again, as the system asked; 0.0: it sends.
    """

    at_once: int
    requests: int
    refused: int
    pace: float
    paused: float


class DividedBudget(Protocol):
    """A process's budget of one system, for whoever divides it among processes. Thread-safe; nothing blocks.

    Shares are by credential, which is named by its client id. Between two divisions the order is: one process gives up,
    the ledger knows it, another is granted that much; so that the sum never exceeds the limit.
    """

    @property
    def limit(self) -> Allowance:
        """Of each credential, all processes together."""

    @property
    def credentials(self) -> Sequence[str]:
        """The client ids."""

    def give_up(self, shares: Mapping[str, Allowance]) -> Mapping[str, Allowance]:
        """Use no more than these from now on; what is in use even so, because requests are under way."""

    def grant(self, shares: Mapping[str, Allowance], seconds: float) -> None:
        """Use as much as these for so many seconds; then nothing, until the next grant."""

    def usage(self) -> Mapping[str, Usage]:
        """What is done with each credential."""
