"""The parts of the demo: mappings, arrivals, players, summary, what is shown."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from console.demo.arrivals import Arrival, Arrivals, Expected
from console.demo.line_display import LineDisplay
from console.demo.live_display import LiveDisplay
from console.demo.mappings import write_mappings
from console.demo.players import Players
from console.demo.record_names import RecordNames
from console.demo.summary import Summary
from engine.operation import Operation
from engine.scheduler import Batch, Lane
from engine.synchronizer import BatchResult
from schemas import mapping_file
from schemas.change_event import ChangeKind
from schemas.features import Features
from schemas.mapping import DeletionConflict, Mappings, UpdateConflict
from schemas.operations import OperationKey
from schemas.outcomes import Outcome
from schemas.system import Direction, System
from systems.sandbox import Sandbox
from systems.sandbox.fiction import Fiction
from systems.sandbox.seed import seed

BC, DV = System.BUSINESS_CENTRAL, System.DATAVERSE
FEATURES = Features(team="da9495a7-1477-5e52-b7e6-e853dac70ec6")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DEMOS_OWN = {
    "update_conflict": UpdateConflict.BUSINESS_CENTRAL,
    "deletion_conflict": DeletionConflict.DELETE,
}


@pytest.fixture
def mappings() -> Mappings:
    return mapping_file.load(["standard"], FEATURES).mappings


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


class Watched:
    """Arrivals at noon, and what is heard of them."""

    def __init__(self, sandbox: Sandbox, mappings: Mappings) -> None:
        self.heard: list[Arrival] = []
        self.arrivals = Arrivals(RecordNames(sandbox, mappings), lambda: NOON, self.heard.append)

    def end(self, record_id: str, outcome: Outcome, mapping: str = "CUSTOMER") -> Arrival:
        """The worker is done with a record of Business Central."""
        direction = Direction.TO_DATAVERSE
        operation = Operation(OperationKey(mapping, direction, record_id), ChangeKind.MODIFIED, NOON)
        self.arrivals(Batch(Lane(mapping, direction), [operation]), BatchResult(done=[operation], outcomes=[outcome]))
        return self.heard[-1]


@pytest.fixture
def watched(sandbox: Sandbox, mappings: Mappings) -> Watched:
    return Watched(sandbox, mappings)


def test_the_mappings_are_those_that_ship_but_for_what_is_the_demos_own(tmp_path: Path, mappings: Mappings) -> None:
    write_mappings(tmp_path / "mappings.yaml")
    demo = mapping_file.load([tmp_path / "mappings.yaml"], FEATURES).mappings
    assert all(mapping.match for mapping in demo.mappings)
    for own, shipped in zip(demo.mappings, mappings.mappings, strict=True):
        with_policies = shipped.name in ("VENDOR", "CUSTOMER", "CONTACT")
        assert own == (shipped.model_copy(update=DEMOS_OWN) if with_policies else shipped)


def test_a_change_has_arrived_once_the_other_side_has_it(watched: Watched) -> None:
    there: list[str] = []
    watched.arrivals.expect(Expected(BC, "one", NOON - timedelta(seconds=0.7), lambda: bool(there)))
    assert watched.end("one", Outcome.UNCHANGED).latency is None
    assert watched.arrivals.missing == 1
    there.append("now")
    assert watched.end("one", Outcome.IGNORED, "VENDOR").latency is None
    assert watched.end("one", Outcome.MODIFIED).latency == pytest.approx(0.7)
    assert watched.end("one", Outcome.MODIFIED).latency is None
    assert watched.arrivals.missing == 0
    assert watched.arrivals.latencies == pytest.approx([0.7])
    assert watched.arrivals.counters["CUSTOMER", Outcome.MODIFIED] == 2


def test_a_record_keeps_its_name_when_it_is_deleted(watched: Watched, sandbox: Sandbox) -> None:
    customer = sandbox.business_central.insert("customers", {"displayName": "Adatum"})["id"]
    assert watched.end(customer, Outcome.INSERTED).record == "Adatum"
    sandbox.business_central.delete("customers", customer)
    assert watched.end(customer, Outcome.DELETED).record == "Adatum"


def test_players_leave_a_row_alone_while_a_change_of_it_is_on_its_way(watched: Watched, sandbox: Sandbox) -> None:
    seed(sandbox, customers=10, vendors=5, contacts=10, in_both=1.0)
    made: list[tuple[System, str]] = []
    arrivals = watched.arrivals
    players = Players(sandbox, arrivals, Fiction(1), lambda: NOON, lambda system, text: made.append((system, text)))
    for _ in range(60):
        players.play()
    assert players.changes == len(made)
    assert {system for system, _ in made} == {BC, DV}
    assert arrivals.missing == players.changes


def test_latency_is_the_slowest_of_so_many_percent() -> None:
    summary = Summary([], [], 100, 0, [number / 100 for number in range(100, 0, -1)], {}, {})
    assert (summary.latency(50), summary.latency(99), summary.latency(100)) == (0.5, 0.99, 1.0)


def test_there_is_no_latency_where_nothing_arrived() -> None:
    assert Summary([], [], 0, 0, [], {}, {}).latency(50) is None


def test_a_lost_change_is_no_agreement() -> None:
    assert Summary([], [], 1, 0, [0.5], {}, {}).agree
    assert not Summary([], [], 1, 1, [], {}, {}).agree


def test_lines_tell_what_users_wait_for_and_what_is_stuck() -> None:
    out = io.StringIO()
    lines = LineDisplay(out, lambda _: None)
    for outcome, latency in [(Outcome.INSERTED, 0.5), (Outcome.MODIFIED, None), (Outcome.FAILED, None)]:
        lines.arrived(Arrival(NOON, Direction.FROM_DATAVERSE, "CUSTOMER", "Adatum", outcome, latency))
    arrived, failed = out.getvalue().splitlines()
    assert arrived.endswith("BC ← DV  CUSTOMER Adatum: Inserted, 0.50 s")
    assert failed.endswith("BC ← DV  CUSTOMER Adatum: Failed")


def test_a_live_screen_shows_its_last_state_when_it_ends() -> None:
    out = io.StringIO()
    with LiveDisplay(Console(file=out, force_terminal=True, width=80, height=24)) as screen:
        screen.phase("Users work")
    assert "Users work" in out.getvalue()
