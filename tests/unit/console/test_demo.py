"""``demo`` from beginning to end: as a process, as people start it."""

import os
import re
import signal
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from typer.testing import CliRunner

from console.demo.performance import perform
from console.demo.stage import Stage
from console.main import app
from schemas import json_codec
from tests.support.program import Program, program

MAPPINGS = ["CURRENCY", "SALESPEOPLE", "PAYMENT TERMS", "SHIPMENT METHOD", "VENDOR", "CUSTOMER", "CONTACT"]


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """Where the demo puts its folder."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


def addresses(running: Program) -> list[str]:
    """Where both systems listen, as the demo says at its beginning."""
    return [running.says(name).split()[-1] for name in ("Business Central  http", "Dataverse  ")]


def is_listening(url: str) -> bool:
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname, parts.port or 0)).close()
    except ConnectionRefusedError:
        return False
    return True


def test_both_sides_agree_after_users_have_worked_in_both(temporary: Path, tmp_path: Path) -> None:
    picture = tmp_path / "demo.svg"
    options = ["--json", "--seconds", "2", "--picture", str(picture)]
    with program("demo", *options, environ={"TMPDIR": str(temporary)}) as running:
        assert running.ends() == 0
        summary = json_codec.decode(running.rest())

    assert summary["agree"] is True
    assert summary["differences"] == []
    assert [table["mapping"] for table in summary["tables"]] == MAPPINGS
    for table in summary["tables"]:
        assert table["different"] == 0
        assert table["coupled"] > 0
        if table["direction"] == "bidirectional":
            assert table["business_central"] == table["dataverse"] == table["coupled"]
    assert summary["changes"]["made"] == summary["changes"]["arrived"] > 0
    assert 0 < summary["latency_seconds"]["p50"] <= summary["latency_seconds"]["p99"]
    assert summary["parked"] == 0
    assert summary["open"] == {}
    assert summary["seconds"].keys() == {"start", "full_sync", "users", "rest", "verdict", "total"}
    assert "CUSTOMER" in picture.read_text()
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("begun", "number", "code"), [("Full sync", signal.SIGINT, 130), ("Users work", signal.SIGTERM, 143)]
)
def test_a_signal_leaves_nothing_behind(temporary: Path, begun: str, number: signal.Signals, code: int) -> None:
    with program("demo", "--seconds", "60", environ={"TMPDIR": str(temporary)}) as running:
        systems = addresses(running)
        running.says(begun)
        assert [is_listening(system) for system in systems] == [True, True]
        assert len(list(temporary.iterdir())) == 1
        running.process.send_signal(number)
        assert running.ends(number) == code  # a second signal changes nothing
        said = running.rest()

    assert "Traceback" not in said
    assert list(temporary.iterdir()) == []
    assert [is_listening(system) for system in systems] == [False, False]


def test_whoever_keeps_it_running_can_change_a_row_and_see_it_arrive(temporary: Path) -> None:
    with program("demo", "--seconds", "0", "--keep", environ={"TMPDIR": str(temporary)}) as running:
        settings = Path(running.says("Settings").split()[-1])
        assert settings.is_relative_to(temporary)
        found = re.search(r"(http\S+) -d '(.+)'", running.says("curl"))
        assert found
        assert httpx2.patch(found[1], content=found[2]).is_success
        assert "BC → DV  CUSTOMER" in running.says("Modified")
        doctor = CliRunner().invoke(app, ["--settings", str(settings), "doctor"])
        assert doctor.exit_code == 0, doctor.output
        assert running.ends(signal.SIGINT) == 130

    assert list(temporary.iterdir()) == []


def test_a_difference_is_found_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(stage: Stage) -> None:
        dataverse = stage.sandbox.dataverse
        dataverse.remove_webhooks()
        account = dataverse.rows("accounts", customertypecode=3)[0]
        dataverse.update("accounts", account["accountid"], {"telephone1": "nobody was told"})

    monkeypatch.setattr("console.commands.demo.perform", partial(perform, before_verdict=spoil))
    result = CliRunner().invoke(app, ["demo", "--json", "--seconds", "0"])

    summary = json_codec.decode(result.stdout)
    (difference,) = summary["differences"]
    assert (difference["mapping"], difference["column"]) == ("CUSTOMER", "phoneNumber")
    assert difference["dataverse"] == "nobody was told"
    assert (summary["agree"], result.exit_code) == (False, 1)


def test_it_ends_when_nobody_reads_what_it_says(temporary: Path) -> None:
    command = [sys.executable, "-c", "from console.main import main; main()", "demo", "--seconds", "60"]
    environ = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stdout
        assert process.stderr
        assert "Starting" in process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()
        assert process.wait() == 1

    assert said == ""
    assert list(temporary.iterdir()) == []
