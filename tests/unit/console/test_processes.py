"""``run``, ``receive`` and ``sandbox`` as processes: ready, stopped by a signal, and what they say."""

import json
import re
import signal
import socket
from pathlib import Path

import httpx2
import pytest

from console.composition import Composition
from engine.ledger import couplings, mapping_states, run_leases
from engine.ledger.database import read, write
from engine.ledger.run_leases import LIFETIME
from engine.ledger.runs import RunKind
from producers.receiver import KEY_HEADER
from producers.run_plan import new_run
from schemas import json_codec
from schemas.system import Direction
from systems.sandbox import Sandbox
from tests.support.command_line import CommandLine
from tests.support.eventually import eventually
from tests.support.notifications import context
from tests.support.program import program


def listening_at(line: str) -> str:
    """The receiver's address in the line that says it is ready."""
    found = re.search(r"receiver\W+(http://[\d.:]+)", line)
    assert found
    return found[1]


@pytest.fixture
def command(in_sandbox: CommandLine) -> list[str]:
    in_sandbox.write(receiver={"port": 0})
    return ["--settings", str(in_sandbox.settings_file)]


def test_the_worker_receives_works_and_drains(command: list[str], in_sandbox: CommandLine, sandbox: Sandbox) -> None:
    in_sandbox.write(
        receiver={"port": 0}, business_central={"local_currency": "JPY"}, log={"format": "json"}, mappings=["standard"]
    )
    with program(*command, "run", "--receiver") as running:
        ready = running.says('"ready"')
        assert json.loads(ready)["mappings"] == 7
        receiver = listening_at(ready)
        refused = httpx2.post(f"{receiver}/dataverse", content=b"{}")
        taken = httpx2.post(
            f"{receiver}/dataverse", headers={KEY_HEADER: "our-key"}, content=json_codec.encode(context())
        )
        with in_sandbox.composition() as composition, read(composition.database) as connection:
            (local,) = couplings.page(connection, "CURRENCY", 0, 10)
        code = running.ends(signal.SIGTERM)
        running.says("stopped")

    assert (refused.status_code, taken.status_code, code) == (401, 202, 0)
    assert local.bc_key == "JPY"
    assert local.dv_id in {row["transactioncurrencyid"] for row in sandbox.dataverse.rows("transactioncurrencies")}


def test_the_worker_restores_what_a_dead_full_sync_left(command: list[str], in_sandbox: CommandLine) -> None:
    with in_sandbox.composition() as composition:
        begun = composition.clock() - 2 * LIFETIME
        run = new_run("dead", RunKind.FULL_SYNC, [("CUSTOMER", Direction.TO_DATAVERSE)], begun)
        with write(composition.database) as connection:
            run_leases.begin(connection, run)
            mapping_states.clear_only_coupled(connection, ["CUSTOMER"], run.id)

        with program(*command, "run") as running:
            running.says("a full sync has died")
            running.says("ready")
            assert running.ends(signal.SIGINT) == 0

        assert _clearing(composition) == frozenset()


def _clearing(composition: Composition) -> frozenset[str]:
    with read(composition.database) as connection:
        return mapping_states.clearing_runs(connection)


def test_the_worker_starts_while_the_systems_are_away(twinrow: CommandLine) -> None:
    with program("--settings", str(twinrow.settings_file), "run") as running:
        running.says("chore is done later")
        running.says("ready")
        assert running.ends(signal.SIGTERM) == 0


def test_a_taken_port_is_the_environments_fault(in_sandbox: CommandLine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        in_sandbox.write(receiver={"port": taken.getsockname()[1]})
        with program("--settings", str(in_sandbox.settings_file), "receive") as running:
            running.says("in use")
            assert running.ends() == 3


def test_the_receiver_shakes_hands_and_puts_on_the_topic(command: list[str], in_sandbox: CommandLine) -> None:
    with program(*command, "receive") as running:
        receiver = listening_at(running.says("ready"))
        shaken = httpx2.post(f"{receiver}/business-central?validationToken=token")
        body = json_codec.encode(context())
        taken = httpx2.post(f"{receiver}/dataverse", headers={KEY_HEADER: "our-key"}, content=body)
        code = running.ends(signal.SIGTERM)

    assert (shaken.text, taken.status_code, code) == ("token", 202, 0)
    with in_sandbox.composition() as composition:
        subscriber = composition.subscriber("reader", "reader")
        messages = eventually(lambda: subscriber.poll(10, 0.1))
        subscriber.close()
    assert messages[0].key.startswith("dataverse:account:")


def test_the_sandbox_writes_settings_that_validate(tmp_path: Path) -> None:
    file = tmp_path / "twinrow.yaml"
    with program("sandbox", "--write", str(file), "--customers", "1", "--vendors", "1", "--contacts", "1") as running:
        running.says("Ctrl-C")
        validated = CommandLine(tmp_path)("validate", "--online")
        assert running.ends(signal.SIGINT) == 0

    assert validated.code == 0, validated.stdout
    assert "sandbox-secret" not in file.read_text()


def test_the_sandbox_tells_programs_where_it_is() -> None:
    with program("sandbox", "--json", "--customers", "0", "--vendors", "0", "--contacts", "0") as running:
        assert running.says("dataverse_url")
        assert running.ends(signal.SIGTERM) == 0
