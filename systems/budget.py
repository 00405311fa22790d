"""A process's API budget of one system: which credential a request may use, and when.

Until somebody divides it (:meth:`Budget.grant`), a process has each credential's whole limit to itself.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from threading import Condition

from schemas.budget import NOTHING, Allowance, DividedBudget, Usage
from schemas.errors import Retry
from systems.meter import Meter

PATIENCE = 5.0
"""Seconds that a request waits for its turn before it is given back to whoever wants it; less than partitions wait for
what has begun when they go to another worker."""

_ON_THE_WAY = 1.0
"""Seconds that whatever is under way in this process needs to come to its next request, at most."""

_AGAIN = 1.0
"""Seconds after which whoever was given back a request asks again, where nothing is known."""


@dataclass(frozen=True, slots=True)
class Permit:
    """The right to one request, with the credential of this place. ``started`` as the budget's clock tells it."""

    credential: int
    started: float


class Budget(DividedBudget):
    """Thread-safe. The least loaded credential that is free is used; where several are, the one that rested longest.

    Args:
        system: what messages call the system.
        credentials: client ids, in the order of their places.
        limit: of each credential.
        monotonic: seconds.
        patience: seconds that :meth:`start` blocks at most.
    """

    def __init__(
        self,
        system: str,
        credentials: Sequence[str],
        limit: Allowance,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        patience: float = PATIENCE,
    ) -> None:
        self._system = system
        self._credentials = tuple(credentials)
        self._limit = limit
        self._monotonic = monotonic
        self._patience = patience
        now = monotonic()
        self._meters = [Meter(limit, now) for _ in credentials]
        self._valid_until: float | None = None
        self._closed_until = 0.0
        self._changed = Condition()

    @property
    def limit(self) -> Allowance:
        return self._limit

    @property
    def credentials(self) -> Sequence[str]:
        return self._credentials

    def start(self, credential: int | None = None) -> Permit:
        """Wait for a request's turn. ``credential``: the only one that will do.

        Blocks for as long as the budget's patience; not at all where the turn is known to come later than that.

        Raises:
            Retry: the turn has not come; nothing was sent.
        """
        deadline = self._monotonic() + self._patience
        with self._changed:
            while True:
                now = self._monotonic()
                permit, wait = self._take(credential, (), now)
                if permit is not None:
                    return permit
                if now >= deadline or deadline < now + wait < inf:
                    raise self._too_late(wait)
                self._changed.wait(min(wait, deadline - now))

    @property
    def usable(self) -> bool:
        """Whether a request that has its turn may still be sent: not where the process has been held up since."""
        with self._changed:
            now = self._monotonic()
            return now >= self._closed_until and (self._valid_until is None or now < self._valid_until)

    def start_elsewhere(self, tried: Collection[int]) -> Permit | None:
        """A turn that another credential than these has at once; ``None`` where there is none."""
        with self._changed:
            return self._take(None, tried, self._monotonic())[0]

    def end(self, permit: Permit, *, refused: bool = False) -> None:
        """The request has been answered, or never will be."""
        with self._changed:
            self._meters[permit.credential].end(permit.started, refused=refused)
            self._changed.notify()

    def refused(self, permit: Permit, after: float | None) -> None:
        """The system takes the request for one too many; it asked for a pause of ``after`` seconds."""
        with self._changed:
            self._meters[permit.credential].refused(self._monotonic(), permit.started, after)

    def give_up(self, shares: Mapping[str, Allowance]) -> Mapping[str, Allowance]:
        with self._changed:
            now = self._monotonic()
            self._expire(now)
            for name, meter in self._named():
                meter.lower(shares.get(name, NOTHING), now)
            return {
                name: Allowance(max(meter.in_use, meter.share.at_once), meter.share.per_window)
                for name, meter in self._named()
            }

    def grant(self, shares: Mapping[str, Allowance], seconds: float) -> None:
        """What others have sent before the first grant, or since the last one was over, is not caught up with.

        One that comes after the last one was over counts only once everything has been given back that was under way
        meanwhile: the process may have been held up for so long that others have taken over its work.
        """
        with self._changed:
            now = self._monotonic()
            first = self._valid_until is None
            if self._valid_until is not None and now >= self._valid_until:
                self._closed_until = now + self._patience + _ON_THE_WAY
            self._expire(now)
            for name, meter in self._named():
                meter.grant(shares.get(name, NOTHING), now)
                if first:
                    meter.empty()
            self._valid_until = now + seconds
            self._changed.notify_all()

    def usage(self) -> Mapping[str, Usage]:
        with self._changed:
            now = self._monotonic()
            return {name: meter.usage(now) for name, meter in self._named()}

    def _named(self) -> list[tuple[str, Meter]]:
        return list(zip(self._credentials, self._meters, strict=True))

    def _take(self, credential: int | None, tried: Collection[int], now: float) -> tuple[Permit | None, float]:
        """A permit, or the seconds until there may be one."""
        self._expire(now)
        if now < self._closed_until:
            return None, self._closed_until - now
        places = range(len(self._meters)) if credential is None else (credential,)
        waits = {place: self._meters[place].wait(now) for place in places if place not in tried}
        free = [place for place, wait in waits.items() if wait <= 0]
        if not free:
            return None, min(waits.values(), default=inf)
        place = min(free, key=lambda one: (self._meters[one].load, self._meters[one].last_start))
        self._meters[place].start(now)
        return Permit(place, now), 0.0

    def _expire(self, now: float) -> None:
        """Past the end of the last grant others may have these shares."""
        if self._valid_until is not None and now >= self._valid_until:
            for meter in self._meters:
                meter.lower(NOTHING, now)

    def _too_late(self, wait: float) -> Retry:
        if self._monotonic() < self._closed_until:
            text = f"This worker gave no sign of life for a while; it goes on with {self._system} in a moment."
        elif all(meter.share.at_once == 0 for meter in self._meters):
            text = f"This worker has no share of the requests to {self._system} just now: others have them."
        else:
            text = f"The requests that {self._system} takes at present are used up."
        return Retry(text, code="budget", after=_AGAIN if wait == inf else wait)
