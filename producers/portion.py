"""The seam between a run and where its rows come from: portions to register and publish, one after another."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from engine.ledger.runs import Run, RunTable
from schemas.change_event import ChangeEvent
from schemas.system import Direction

Records: TypeAlias = Mapping[tuple[str, Direction], Collection[str]]
"""Record ids by mapping and direction."""


@dataclass(frozen=True, slots=True)
class Portion:
    """What happens next in a run.

    Attributes:
        tables: those that move on, as they are afterwards: their cursors lie behind ``records``.
        records: to register.
        events: to publish once all of that is in the ledger.
    """

    tables: Collection[RunTable]
    records: Records = field(default_factory=dict)
    events: Collection[ChangeEvent] = ()


class Portions(ABC):
    """Where the rows of a run come from. Keeps no place of its own: cursors are in the run's tables."""

    @abstractmethod
    def next(self, run: Run) -> Portion | None:
        """The next portion; ``None`` while there is nothing to do but wait for what is on the topic.

        May change the tables of ``run``, which is read anew each time.

        Raises:
            Retry: of a system; ask again later.
        """

    @abstractmethod
    def events(self, run: Run, table: RunTable, record_ids: Collection[str]) -> list[ChangeEvent]:
        """The events of records that a portion had, once more."""
