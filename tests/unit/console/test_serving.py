"""What runs beside and around commands: signals, the web server, housekeeping, a worker in the background, progress."""

import io
import os
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from threading import Event

import httpx2
import pytest
from rich.console import Console
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from structlog.testing import capture_logs

from console.failures import Misconfigured
from console.housekeeping import Housekeeping
from console.moments import moment
from console.run_progress import RunProgress
from console.signals import Interrupted, interruptible, stopping
from console.web_server import WebServer
from engine.ledger.runs import Run, RunKind, RunState, RunTable
from schemas.errors import Retry
from schemas.system import Direction, System
from tests.support.eventually import eventually

NOW = datetime(2026, 3, 5, 12, 0, tzinfo=UTC)
APP = Starlette(routes=[Route("/", lambda _: PlainTextResponse("here"))])

_STUBBORN = """
import threading
from console.signals import stopping
with stopping(lambda: print("asked", flush=True)):
    print("ready", flush=True)
    threading.Event().wait()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_the_former_handlers_come_back(number: signal.Signals) -> None:
    asked = Event()
    before = signal.getsignal(number)

    with stopping(asked.set):
        os.kill(os.getpid(), number)
        assert asked.wait(5)

    assert signal.getsignal(number) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_leaves_at_once(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", _STUBBORN], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in ("ready", "asked"):
            assert process.stdout.readline().strip() == line
            process.send_signal(number)
        assert process.wait(30) == 128 + number


def test_a_signal_interrupts_what_is_to_be_left_in_order() -> None:
    with pytest.raises(Interrupted) as interrupted, interruptible():
        signal.raise_signal(signal.SIGTERM)

    assert interrupted.value.code == 143


def test_the_web_server_answers_within_its_block_and_then_frees_the_port() -> None:
    with WebServer(APP, "127.0.0.1", 0) as server:
        port = int(server.url.rpartition(":")[2])
        assert httpx2.get(server.url).text == "here"

    with socket.create_server(("127.0.0.1", port)):
        pass


def test_a_taken_port_is_an_error_where_the_server_is_made() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        WebServer(APP, "127.0.0.1", taken.getsockname()[1])


def test_chores_are_done_before_the_block_begins_and_again_and_again() -> None:
    done: list[str] = []

    chores = [("sweep", lambda: done.append("sweep"))]

    with Housekeeping(chores, every=3600):
        assert done == ["sweep"]
    with Housekeeping(chores, every=0.01):
        eventually(lambda: len(done) > 3)


def test_a_chore_that_fails_holds_up_no_other_and_is_done_soon() -> None:
    done: list[str] = []

    def fail_once() -> None:
        done.append("first")
        if done.count("first") == 1:
            raise Retry("the database is away")

    with capture_logs() as logs:
        chores = [("first", fail_once), ("second", lambda: done.append("second"))]
        with Housekeeping(chores, every=3600, after_trouble=0.01):
            assert done == ["first", "second"]
            eventually(lambda: done.count("first") == 2)

    assert [(log["chore"], log["reason"]) for log in logs] == [("first", "the database is away")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-05T10:00Z", datetime(2026, 3, 5, 10, tzinfo=UTC)),
        ("2026-03-05T10:00+02:00", datetime(2026, 3, 5, 8, tzinfo=UTC)),
        ("2026-03-05 10:00", datetime(2026, 3, 5, 10).astimezone(UTC)),
        ("90m", NOW - timedelta(minutes=90)),
        ("12h", NOW - timedelta(hours=12)),
        ("7 d", NOW - timedelta(days=7)),
    ],
)
def test_moments_are_times_or_how_long_ago(text: str, expected: datetime) -> None:
    assert moment(text, NOW) == expected


@pytest.mark.parametrize("text", ["", "noon", "10", "2026-13-01"])
def test_what_is_no_moment_is_told(text: str) -> None:
    with pytest.raises(Misconfigured, match="is not a time"):
        moment(text, NOW)


def a_run(*tables: RunTable, state: RunState = RunState.IN_PROCESS) -> Run:
    return Run("a-run", RunKind.FULL_SYNC, state, {}, NOW, NOW, tables=list(tables))


def test_away_from_a_terminal_a_line_tells_when_a_table_moves_on(capsys: pytest.CaptureFixture[str]) -> None:
    table = RunTable("CUSTOMER", Direction.TO_DATAVERSE)
    with RunProgress() as progress:
        progress(a_run(table))
        table.state, table.started_at, table.produced = RunState.IN_PROCESS, NOW, 5
        progress(a_run(table))
        table.processed = 3
        progress(a_run(table))
        table.state, table.processed = RunState.FINISHED, 5
        progress(a_run(table))

    assert capsys.readouterr().err.splitlines() == [
        "CUSTOMER to Dataverse: In Process, 0 of 5 rows",
        "CUSTOMER to Dataverse: Finished, 5 of 5 rows",
    ]
    assert progress.run_id == "a-run"


def test_at_a_terminal_each_table_has_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr("console.run_progress.stderr", lambda: Console(file=screen, force_terminal=True, width=120))
    table = RunTable("CUSTOMER", Direction.TO_DATAVERSE, RunState.IN_PROCESS, "page 2", 5, 3, started_at=NOW)
    with RunProgress({("CUSTOMER", System.BUSINESS_CENTRAL): 50}) as progress:
        progress.read(17)
        progress(a_run(table))
        progress(a_run(table, state=RunState.PAUSED))

    assert "CUSTOMER to Dataverse" in screen.getvalue()
    assert " 3/50" in screen.getvalue()
    assert "17" in screen.getvalue()
    assert "Paused" in screen.getvalue()
