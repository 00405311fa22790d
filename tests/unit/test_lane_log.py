"""A lane in trouble is said once, and its end once."""

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from consumers.lane_log import LaneLog
from engine.operation import Operation
from engine.scheduler import Lane
from engine.synchronizer import BatchResult
from schemas.change_event import ChangeKind
from schemas.operations import OperationKey
from schemas.system import Direction
from tests.support.world import World

LANE = Lane("CUSTOMER", Direction.TO_DATAVERSE)


@pytest.fixture
def logs() -> Iterator[list[EventDict]]:
    with capture_logs() as entries:
        yield entries


def done(world: World) -> BatchResult:
    key = OperationKey("CUSTOMER", Direction.TO_DATAVERSE, "1")
    return BatchResult(done=[Operation(key, ChangeKind.MODIFIED, world.now())])


def test_trouble_is_said_once_however_often_it_is_met(logs: list[EventDict]) -> None:
    lanes = LaneLog()
    for _ in range(5):
        lanes.heard(LANE, BatchResult(trouble="Dataverse is away"))
    assert [(entry["event"], entry["reason"]) for entry in logs] == [("waiting; nothing is lost", "Dataverse is away")]


def test_its_end_is_said_once_when_something_has_gone_through(logs: list[EventDict], world: World) -> None:
    lanes = LaneLog()
    lanes.heard(LANE, BatchResult(trouble="Dataverse is away"))
    lanes.heard(LANE, BatchResult())
    assert len(logs) == 1
    for _ in range(3):
        lanes.heard(LANE, done(world))
    assert [entry["event"] for entry in logs][1:] == ["going on"]


def test_a_lane_without_trouble_says_nothing(logs: list[EventDict], world: World) -> None:
    LaneLog().heard(LANE, done(world))
    assert logs == []
