"""Intake: which operations an event asks for."""

from datetime import UTC, datetime
from typing import Any

import pytest

from engine.intake import SWEEP, Intake, our_tag
from engine.operation import Operation
from engine.plan import Plans
from schemas.change_event import ChangeEvent, ChangeKind
from schemas.system import Direction, System
from schemas.topics import Message
from tests.support.world import BC, DV
from tests.support.worlds import MAPPINGS

TIME = datetime(2026, 1, 1, tzinfo=UTC)
MESSAGE = Message("changes", 0, 0, "", b"", {}, TIME)
INTAKE = Intake(Plans(MAPPINGS))


def event(system: System, table: str, record_id: str | None = "1", **more: Any) -> ChangeEvent:
    return ChangeEvent("e", system, table, record_id, more.pop("kind", ChangeKind.MODIFIED), TIME, **more)


def operations(*events: ChangeEvent) -> list[Operation]:
    return INTAKE.operations(MESSAGE, list(events))


def test_every_mapping_of_the_table_gets_an_operation_out_of_the_event_s_system() -> None:
    found = operations(event(DV, "account"))
    assert [(one.key.mapping, one.key.direction) for one in found] == [
        ("VENDOR", Direction.FROM_DATAVERSE),
        ("CUSTOMER", Direction.FROM_DATAVERSE),
    ]


def test_an_edit_on_the_side_that_does_not_count_is_noticed_too() -> None:
    (one,) = operations(event(DV, "transactioncurrency"))
    assert one.key.direction is Direction.FROM_DATAVERSE


def test_operations_of_one_message_share_its_delivery() -> None:
    found = operations(event(DV, "account"), event(BC, "contacts"))
    (delivery,) = {id(one.deliveries[0]): one.deliveries[0] for one in found}.values()
    assert delivery.pending == len(found) == 3


def test_a_table_that_nothing_maps_asks_for_nothing() -> None:
    assert operations(event(BC, "items"), event(BC, "items", None, kind=ChangeKind.COLLECTION)) == []


def test_an_event_of_a_whole_table_is_one_sweep() -> None:
    (sweep,) = operations(event(DV, "account", None, kind=ChangeKind.COLLECTION))
    assert (sweep.key.mapping, sweep.key.record_id, sweep.sweep is not None) == (SWEEP, "account", True)


@pytest.mark.parametrize(
    ("origin", "writer"),
    [
        (None, None),
        ("somebody's tag", None),
        (our_tag("CUSTOMER", "42"), "CUSTOMER"),
        (our_tag("PAYMENT TERMS", "42"), "PAYMENT TERMS"),
    ],
)
def test_a_write_of_ours_is_told_by_its_tag_and_by_its_mapping(origin: str | None, writer: str | None) -> None:
    assert {one.writer for one in operations(event(DV, "account", origin=origin))} == {writer}


def test_the_run_that_produced_the_event_waits_for_the_outcome() -> None:
    (one,) = operations(event(BC, "customers", run_id="r", kind=ChangeKind.SYNC_ALL))
    assert (one.run_ids, one.kind) == (("r",), ChangeKind.SYNC_ALL)
