"""One operation in work: what is known of its record so far, and what has been decided.

The steps of the synchronizer fill it in from top to bottom; a step leaves alone what is ended.
"""

from dataclasses import dataclass, field

from engine.ledger.couplings import Coupling, Uncoupled, Wanted
from engine.ledger.intents import Intent
from engine.ledger.open_operations import OpenOperation, OpenStatus
from engine.merge import Merge
from engine.operation import Operation
from engine.plan import Plan
from schemas.change_event import ChangeKind
from schemas.errors import Retry, Stop, SyncError
from schemas.operations import OperationKey
from schemas.outcomes import Outcome
from schemas.row import Row, Value
from schemas.system import Direction, System
from systems.interface import Write


@dataclass(frozen=True, slots=True)
class Restore:
    """The surviving row of a pair, to be created anew on the other side."""

    system: System
    record_id: str


@dataclass(slots=True, eq=False)
class Work:
    """See the module's docstring.

    Attributes:
        coupling: as it is understood; ``None``: not coupled. ``stored``: as in the ledger.
        entry: the open operation that this record left behind earlier; ``counter_entry``: the one that its counterpart
            left, in the opposite direction.
        uncoupled: the note that the record was uncoupled on purpose.
        intent: its counterpart was, or is about to be, created; ``looked``: that of an earlier attempt is not there.
        under_way: values of ours that the destination may have since an interrupted update, or is about to get;
            ``counter_under_way``: that the source may have, from the opposite direction.
        row, source: the source row, and its canonical values.
        destination_row: the destination row, where it had to be read.
        found: what was found done, and counts as done by this operation: coupled by match criteria, or inserted or
            modified by an attempt that was interrupted.
        overwrite: the source's values stand in every conflict.
        deferred: the records without which the row is written.
        waits: the record that it waits for; ``awaits``: the operation that is creating the row just now.
        merge, write: what is to be written, and why.
        settled: the coupling as it is to be recorded; ``agreed``: both rows were seen, and are as its base says.
        removed: the coupling that is no more; ``left`` notes the row that survives it, ``restore`` asks for a new one.
        carry_back: the opposite operation is to be run after this one.
        outcome: the end of it; ``error`` says why where that needs saying.
        retry: the end of it for now: transient trouble, run it again.
    """

    operation: Operation
    plan: Plan
    coupling: Coupling | None = None
    stored: Coupling | None = None
    entry: OpenOperation | None = None
    counter_entry: OpenOperation | None = None
    uncoupled: Uncoupled | None = None
    intent: Intent | None = None
    looked: bool = False
    under_way: dict[str, Value] = field(default_factory=dict)
    counter_under_way: dict[str, Value] = field(default_factory=dict)
    row: Row | None = None
    source: dict[str, Value] = field(default_factory=dict)
    destination_row: Row | None = None
    found: Outcome | None = None
    overwrite: bool = False
    deferred: list[Wanted] = field(default_factory=list)
    waits: Wanted | None = None
    awaits: OperationKey | None = None
    merge: Merge | None = None
    write: Write | None = None
    settled: Coupling | None = None
    agreed: bool = False
    removed: Coupling | None = None
    left: Uncoupled | None = None
    restore: Restore | None = None
    carry_back: bool = False
    outcome: Outcome | None = None
    error: SyncError | None = None
    status: OpenStatus | None = None
    detail: object = None
    retry: Retry | None = None

    @property
    def key(self) -> OperationKey:
        """Which record, which way."""
        return self.operation.key

    @property
    def direction(self) -> Direction:
        """Which way."""
        return self.operation.key.direction

    @property
    def open(self) -> bool:
        """Whether there is still something to do."""
        return self.outcome is None and self.retry is None

    @property
    def wants_new(self) -> bool:
        """Whether the row is to be created even where only coupled rows are wanted: full sync, now or earlier."""
        kinds = (self.operation.kind, self.entry.kind if self.entry is not None else None)
        return ChangeKind.SYNC_ALL in kinds

    @property
    def run_ids(self) -> tuple[str, ...]:
        """The runs that wait for its outcome: the operation's, and that of what it left open earlier."""
        earlier = self.entry.run_id if self.entry is not None else None
        return self.operation.run_ids if earlier is None else tuple(dict.fromkeys((earlier, *self.operation.run_ids)))

    def end(
        self,
        outcome: Outcome,
        error: SyncError | None = None,
        *,
        status: OpenStatus | None = None,
        detail: object = None,
    ) -> None:
        """That is what became of it. ``status``: it stays open in the ledger, as this."""
        self.outcome, self.error, self.status, self.detail = outcome, error, status, detail

    def stop(self, error: Stop) -> None:
        """Credentials or privileges are wrong: nothing of this kind can succeed for now."""
        self.end(Outcome.FAILED, error, status=OpenStatus.STOPPED)

    def again(self, retry: Retry) -> None:
        """Nothing came of it this time."""
        self.retry = retry
