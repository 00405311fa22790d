"""How long requests take, besides the work itself."""

import itertools
from dataclasses import dataclass
from statistics import NormalDist


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds added to every request: normally distributed, never negative, the same sequence for the same seed."""

    mean: float = 0.0
    jitter: float = 0.0
    seed: int = 0


class Delays:
    """The sequence of delays of one system."""

    def __init__(self, latency: Latency) -> None:
        self._latency = latency
        self._numbers = itertools.count(latency.seed * 1_000_003)

    def next(self) -> float:
        """Seconds to wait for the next request."""
        if not self._latency.jitter:
            return self._latency.mean
        sample = NormalDist(self._latency.mean, self._latency.jitter).samples(1, seed=next(self._numbers))
        return max(0.0, sample[0])
