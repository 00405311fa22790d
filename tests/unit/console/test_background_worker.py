"""A worker as composed, in a thread: what it cannot do does not end it, and its end is noticed by who waits for it."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from sqlalchemy import func, select

from console.background_worker import BackgroundWorker
from console.composition import Composition
from engine.ledger.database import read
from engine.ledger.log_tables import LogPosition
from schemas import cloud_event
from schemas.change_event import ChangeEvent, ChangeKind
from schemas.errors import Skip, Stop
from schemas.row import Table
from schemas.settings_file import load_settings
from schemas.system import System
from systems.in_process import InProcessSystem
from systems.interface import Page
from tests.support.command_line import CommandLine
from tests.support.eventually import eventually


class Poorer(InProcessSystem):
    """Has lost the table of customers."""

    def scan(self, table: Table, *, since: datetime | None, cursor: str | None, page_size: int) -> Page:
        if table.name == "customers":
            raise Skip("Business Central has no table customers", code="no_table")
        return super().scan(table, since=since, cursor=cursor, page_size=page_size)


@pytest.fixture
def composition(twinrow: CommandLine) -> Iterator[Composition]:
    systems = {system: Poorer(system) for system in System}
    with Composition(load_settings(twinrow.settings_file, {}), systems=systems) as composition:
        composition.prepare()
        yield composition


def settled(composition: Composition) -> int:
    """How many messages the workers' group has settled."""
    with read(composition.database) as connection:
        return connection.scalar(select(func.sum(LogPosition.position))) or 0


def whole_table(composition: Composition, table: str) -> None:
    event = ChangeEvent(
        composition.new_id(),
        System.BUSINESS_CENTRAL,
        table,
        None,
        ChangeKind.COLLECTION,
        composition.clock(),
    )
    composition.publisher.publish(composition.topic, [cloud_event.encode(event)])


def test_a_sweep_of_a_table_that_is_no_more_does_not_end_the_worker(composition: Composition) -> None:
    with BackgroundWorker(composition.worker()) as worker:
        whole_table(composition, "customers")
        eventually(lambda: settled(composition) == 1)
        whole_table(composition, "currencies")
        eventually(lambda: settled(composition) == 2)
        worker.wait(0)


def test_whoever_waits_hears_why_the_worker_ended(composition: Composition, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise Stop("the broker refuses")

    monkeypatch.setattr("consumers.worker.Worker.run", refuse)

    with BackgroundWorker(composition.worker()) as worker, pytest.raises(Stop, match="the broker refuses"):
        worker.wait(10)
