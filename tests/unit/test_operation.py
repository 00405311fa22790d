"""Coalescing: one synchronization for several events of a record."""

from datetime import UTC, datetime, timedelta

import pytest

from engine.operation import Operation
from schemas.change_event import ChangeKind
from schemas.operations import OperationKey
from schemas.system import Direction

KEY = OperationKey("CUSTOMER", Direction.TO_DATAVERSE, "1")
TIME = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("earlier", "later", "becomes"),
    [
        (ChangeKind.MODIFIED, ChangeKind.MODIFIED, ChangeKind.MODIFIED),
        (ChangeKind.MODIFIED, ChangeKind.SYNC_ALL, ChangeKind.SYNC_ALL),
        (ChangeKind.SYNC_ALL, ChangeKind.MODIFIED, ChangeKind.SYNC_ALL),
        (ChangeKind.MODIFIED, ChangeKind.DELETED, ChangeKind.DELETED),
        (ChangeKind.SYNC_ALL, ChangeKind.DELETED, ChangeKind.DELETED),
        (ChangeKind.DELETED, ChangeKind.DELETED, ChangeKind.DELETED),
    ],
)
def test_the_stronger_kind_stays(earlier: ChangeKind, later: ChangeKind, becomes: ChangeKind) -> None:
    operation, other = Operation(KEY, earlier, TIME), Operation(KEY, later, TIME)
    assert operation.absorbs(other)
    operation.absorb(other)
    assert operation.kind is becomes


@pytest.mark.parametrize("later", [ChangeKind.MODIFIED, ChangeKind.SYNC_ALL])
def test_what_follows_a_deletion_is_another_operation(later: ChangeKind) -> None:
    assert not Operation(KEY, ChangeKind.DELETED, TIME).absorbs(Operation(KEY, later, TIME))


def test_latency_counts_from_the_oldest_event_and_every_run_is_told_once() -> None:
    operation = Operation(KEY, ChangeKind.MODIFIED, TIME, run_ids=("r1",))
    operation.absorb(Operation(KEY, ChangeKind.MODIFIED, TIME - timedelta(seconds=5), run_ids=("r2", "r1")))
    assert operation.time == TIME - timedelta(seconds=5)
    assert operation.run_ids == ("r1", "r2")


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [("CUSTOMER", "CUSTOMER", "CUSTOMER"), ("CUSTOMER", None, None), (None, "CUSTOMER", None), ("A", "B", None)],
)
def test_it_is_an_echo_only_if_all_of_it_is_one_mapping_s(one: str | None, other: str | None, both: str | None) -> None:
    operation = Operation(KEY, ChangeKind.MODIFIED, TIME, writer=one)
    operation.absorb(Operation(KEY, ChangeKind.MODIFIED, TIME, writer=other))
    assert operation.writer == both
