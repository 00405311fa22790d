"""When one credential may send: slots, a token bucket, and a pace that follows the system's refusals (AIMD).

* **Slots**: requests at once.
* **Token bucket**: what is left unused may be caught up with, up to a small burst. Burst and what flows in during one
  window together stay below the share, so the system's sliding window never overflows, wherever it begins. When shares
  move between processes that stays true of their sum, because a bucket never holds more than its present burst.
* **Pace**: a refusal halves it, time brings it back; slots and flow are cut by it. What several requests of one moment
  are refused for is one refusal. The system's Retry-After pauses the credential.
"""

from math import inf

from schemas.budget import WINDOW, Allowance, Usage
from systems.rolling_count import RollingCount

_USED = 0.99
"""The part of a share that is used: requests of one moment do not arrive at one moment."""
_BURST = 0.04
"""The part of a share that may be sent at once after a rest."""
_SLOWEST = 1 / 16
_RECOVERY = 30.0
"""Seconds from a standstill to full pace."""
_PAUSE, _LONGEST_PAUSE = 0.25, 4.0
"""Seconds after a refusal that names none; doubled by each in a row. Short: what was refused waits longer by itself."""
_ALMOST_ONE = 1.0 - 1e-9


class Meter:
    """One credential in one process. Not thread-safe. ``now`` is in seconds and never goes back."""

    def __init__(self, share: Allowance, now: float) -> None:
        """Begins rested, with a whole burst."""
        self.in_use = 0
        self.last_start = -inf
        self._settled = now
        self._pace = 1.0
        self._paused_until = now
        self._slowed_at = -inf
        self._in_a_row = 0
        self._requests = RollingCount(WINDOW)
        self._refused = RollingCount(WINDOW)
        self._set(share)
        self._tokens = self._burst

    @property
    def share(self) -> Allowance:
        """What it may use."""
        return self._share

    @property
    def load(self) -> float:
        """The used part of its slots."""
        return self.in_use / self._slots if self._slots else inf

    def paused(self, now: float) -> float:
        """Seconds until the pause that the system asked for is over."""
        return max(0.0, self._paused_until - now)

    def wait(self, now: float) -> float:
        """Seconds until a request may start; 0.0: now; infinite: when another ends, or the share grows."""
        self._settle(now)
        if not self._share.at_once or not self._flow:
            return inf
        if pause := self.paused(now):
            return pause
        if self.in_use >= self._slots:
            return inf
        if self._tokens >= _ALMOST_ONE:
            return 0.0
        return (1.0 - self._tokens) / (self._flow * self._pace)

    def start(self, now: float) -> None:
        """A request starts, after :meth:`wait` said 0.0."""
        self._settle(now)
        self._tokens -= 1.0
        self.in_use += 1
        self.last_start = now
        self._requests.add(now)

    def end(self, started: float, *, refused: bool) -> None:
        """The request that started then has ended."""
        self.in_use -= 1
        if not refused and started >= self._slowed_at:
            self._in_a_row = 0

    def refused(self, now: float, started: float, after: float | None) -> None:
        """A request that started at ``started`` was one too many; the system asked for a pause of ``after`` seconds."""
        self._settle(now)
        self._refused.add(now)
        if started >= self._slowed_at:  # what started before the last refusal tells nothing new
            self._slowed_at = now
            self._pace = max(_SLOWEST, self._pace / 2)
            self._tokens = 0.0
            self._in_a_row += 1
        pause = min(_LONGEST_PAUSE, _PAUSE * 2.0 ** (self._in_a_row - 1)) if after is None else after
        self._paused_until = max(self._paused_until, now + pause)

    def lower(self, share: Allowance, now: float) -> None:
        """Use no more than this."""
        self._settle(now)
        self._set(self._share.within(share))
        self._tokens = min(self._tokens, self._burst)

    def grant(self, share: Allowance, now: float) -> None:
        """Use this from now on; what comes on top flows in, and is not there at once."""
        self._settle(now)
        self._set(share)
        self._tokens = min(self._tokens, self._burst)

    def empty(self) -> None:
        """Nothing may be caught up with: what was sent before is not known, or was sent by others."""
        self._tokens = 0.0

    def usage(self, now: float) -> Usage:
        """What it does now."""
        self._settle(now)
        return Usage(
            self.in_use, self._requests.total(now), self._refused.total(now), self._pace, round(self.paused(now), 1)
        )

    @property
    def _slots(self) -> int:
        return max(1, int(self._share.at_once * self._pace)) if self._share.at_once else 0

    def _set(self, share: Allowance) -> None:
        self._share = share
        self._burst = max(1.0, share.per_window * _BURST) if share.per_window else 0.0
        self._flow = max(0.0, share.per_window * _USED - self._burst) / WINDOW

    def _settle(self, now: float) -> None:
        """Let what has passed since the last time flow in; a pause brings nothing."""
        passed = max(0.0, now - max(self._settled, self._paused_until))
        before = self._pace
        self._pace = min(1.0, before + passed / _RECOVERY)
        self._tokens = min(self._burst, self._tokens + passed * self._flow * (before + self._pace) / 2)
        self._settled = max(self._settled, now)
