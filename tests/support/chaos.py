"""What can go wrong around the engine, at every call to a system: drawn from a seed, and over once it is healed."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from schemas.errors import OutcomeUnknown, Retry, Skip, Stop, SyncError
from schemas.system import System
from systems.in_process import Moment
from systems.interface import Write
from tests.support.world import Crash, World


@dataclass(frozen=True, slots=True)
class Odds:
    """How likely each trouble is at a call, out of 1."""

    transient: float = 0.05
    lost_answer: float = 0.05
    refused: float = 0.02
    forbidden: float = 0.01
    crash: float = 0.01
    other_batch: float = 0.15
    other_user: float = 0.05


class Chaos:
    """Troubles a world until :meth:`heal`.

    Args:
        user: somebody does something, in the middle of a batch.
    """

    def __init__(self, world: World, rng: random.Random, odds: Odds, user: Callable[[], None]) -> None:
        self._world = world
        self._random = rng
        self._odds = odds
        self._user = user
        self._depth = 0
        self._healed = False
        self.crashes = 0

    def heal(self) -> None:
        """From now on everything works, one thing after another."""
        self._healed = True

    def strike(self, _system: System, moment: Moment, _table: str, write: Write | None) -> SyncError | None:
        """To be called at every call to a system; answers what it fails with."""
        if self._healed:
            return None
        odds = self._odds
        if self._happens(odds.crash):
            self.crashes += 1
            raise Crash
        if self._depth == 0:
            self._depth += 1
            try:
                if self._happens(odds.other_user):
                    self._user()
                if self._happens(odds.other_batch):
                    self._world.run_batch()
            finally:
                self._depth -= 1
        if moment is Moment.AFTER:
            return OutcomeUnknown("the answer was lost") if self._happens(odds.lost_answer) else None
        if self._happens(odds.transient):
            return Retry("try again", after=1.0)
        if self._happens(odds.forbidden):
            return Stop("no privilege", code="403")
        if write is not None and self._happens(odds.refused):
            return Skip("not like this", code="400")
        return None

    def _happens(self, odds: float) -> bool:
        return self._random.random() < odds
