"""How the demo shows what goes on. Here: not at all."""

from types import TracebackType
from typing import Self

from console.demo.arrivals import Arrival
from console.demo.stage import NOTIFIED_AFTER, Stage
from schemas.outcomes import Outcome
from schemas.system import Direction, System

ARROWS = {Direction.TO_DATAVERSE: "BC → DV", Direction.FROM_DATAVERSE: "BC ← DV"}
SHORT = {System.BUSINESS_CENTRAL: "BC", System.DATAVERSE: "DV"}
ENDS_OF_ECHOES = frozenset({Outcome.UNCHANGED, Outcome.IGNORED})
"""Outcomes that nothing follows from: too many to be shown one by one."""


class Display:
    """Shows within a ``with`` block. Subclasses are safe to call from several threads."""

    def phase(self, text: str) -> None:
        """This begins."""

    def introduce(self, stage: Stage) -> None:
        """This is where it happens."""

    def acted(self, system: System, text: str) -> None:
        """A user did something."""

    def arrived(self, arrival: Arrival) -> None:
        """The worker is done with a record."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Show no more."""


def introduction(stage: Stage) -> list[str]:
    """What a newcomer has to know."""
    return [
        f"Business Central  {stage.sandbox.business_central.url}",
        f"Dataverse         {stage.sandbox.dataverse.url}",
        f"Both tell of changes after {NOTIFIED_AFTER} s here; Business Central really takes 30 s.",
    ]
