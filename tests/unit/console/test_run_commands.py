"""``full-sync``, ``sync-modified`` and ``replay``, carried out against the sandbox."""

import os
import re
import signal
from collections.abc import Iterator

import pytest

from console.composition import Composition
from console.run_progress import RunProgress
from engine.ledger import mapping_states, run_leases
from engine.ledger.database import read, write
from engine.ledger.runs import Run, RunKind
from producers.run_plan import new_run
from schemas.system import Direction
from systems.sandbox import Sandbox
from systems.sandbox.faults import Fault
from tests.support.command_line import CommandLine


@pytest.fixture
def composition(in_sandbox: CommandLine) -> Iterator[Composition]:
    """The objects behind the commands."""
    with in_sandbox.composition() as composition:
        yield composition


def cleared(composition: Composition) -> dict[str, bool]:
    with read(composition.database) as connection:
        wants = mapping_states.wants_only_coupled(connection, composition.loaded.mappings.mappings)
    return {name: not only_coupled for name, only_coupled in wants.items()}


def test_the_review_shows_both_sides_and_does_nothing(in_sandbox: CommandLine) -> None:
    words, records = in_sandbox("full-sync", "--review"), in_sandbox("full-sync", "--review", "--json")

    assert (words.code, records.code) == (0, 0)
    assert "Couple Records" in words.stdout
    customer = next(one for one in records.json if one["mapping"] == "CUSTOMER")
    assert customer["business_central"] == {"rows": 5, "more": False}
    assert in_sandbox("runs", "list", "--json").json == []


def test_a_full_sync_with_a_worker_creates_rows_and_tells_what_came_of_each_table(
    in_sandbox: CommandLine, composition: Composition, sandbox: Sandbox
) -> None:
    answer = in_sandbox("full-sync", "--yes", "--with-worker", "--mapping", "currency", "-m", "CUSTOMER")

    assert answer.code == 0, answer.stderr
    assert "Inserted" in answer.stdout
    assert "CUSTOMER to Dataverse: Finished, 5 of 5 rows" in answer.stderr
    names = {row["name"] for row in sandbox.dataverse.rows("accounts")}
    assert {row["displayName"] for row in sandbox.business_central.rows("customers")} <= names
    assert cleared(composition)["CUSTOMER"] is False


def test_the_verdict_is_json_alone_where_that_is_asked_for(in_sandbox: CommandLine) -> None:
    answer = in_sandbox("full-sync", "--yes", "--with-worker", "-m", "CURRENCY", "--allow-create", "no", "--json")

    assert answer.code == 0
    (table,) = answer.json["tables"]
    assert (answer.json["state"], table["mapping"], table["state"]) == ("Finished", "CURRENCY", "Finished")
    assert table["inserted"] + table["coupled"] == table["produced"] > 0


def test_the_answer_yes_lets_the_running_flow_create_rows(in_sandbox: CommandLine, composition: Composition) -> None:
    assert in_sandbox("full-sync", "-y", "--with-worker", "-m", "CURRENCY", "--allow-create", "yes").code == 0

    assert cleared(composition)["CURRENCY"] is True


def test_at_a_terminal_it_asks_before_and_after(
    in_sandbox: CommandLine, composition: Composition, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.commands.full_sync._at_terminal", lambda: True)

    answer = in_sandbox("full-sync", "--with-worker", "-m", "CURRENCY", given="y\ny\n")

    assert answer.code == 0
    assert "Start the full synchronization?" in answer.stderr
    assert "Keep it cleared" in answer.stderr
    assert cleared(composition)["CURRENCY"] is True


def test_declining_starts_nothing(in_sandbox: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.commands.full_sync._at_terminal", lambda: True)

    assert in_sandbox("full-sync", "--with-worker", "-m", "CURRENCY", given="n\n").code == 1
    assert in_sandbox("runs", "list", "--json").json == []


def test_unattended_it_does_not_start_unasked(in_sandbox: CommandLine) -> None:
    answer = in_sandbox("full-sync", "-m", "CURRENCY")

    assert answer.code == 2
    assert "--yes" in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["full-sync", "--yes", "-m", "CURENCY"], "did you mean 'CURRENCY'?"),
        (["full-sync", "--resume", "nothing"], "There is no such run"),
        (["full-sync", "--resume", "x", "--overwrite"], "leave the other options out"),
        (["sync-modified", "CURRENCY", "--resume", "x"], "leave the mappings out"),
        (["replay", "--from", "yesterday"], "is not a time"),
        (["replay", "--from", "1h", "--to", "2h"], "is not before"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(in_sandbox: CommandLine, arguments: list[str], words: str) -> None:
    answer = in_sandbox(*arguments)

    assert answer.code == 2
    assert words in answer.stderr


def test_a_second_full_sync_is_refused_and_the_dead_one_resumed(
    in_sandbox: CommandLine, composition: Composition
) -> None:
    run = new_run("first-one", RunKind.FULL_SYNC, [("CURRENCY", Direction.TO_DATAVERSE)], composition.clock())
    with write(composition.database) as connection:
        lease = run_leases.begin(connection, run)
    refused = in_sandbox("full-sync", "--yes", "--with-worker", "-m", "CURRENCY")
    with write(composition.database) as connection:
        run_leases.give_up(connection, lease, composition.clock())
    resumed = in_sandbox("full-sync", "--resume", "first", "--with-worker", "--allow-create", "yes", "--json")

    assert refused.code == 1
    assert "first-one" in refused.stderr
    assert resumed.code == 0, resumed.stderr
    assert resumed.json["id"] == "first-one"
    assert cleared(composition)["CURRENCY"] is True


def signal_at_progress(monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> None:
    """Send this process a signal when a run has produced something."""
    heard = RunProgress.__call__

    def hear(progress: RunProgress, run: Run) -> None:
        heard(progress, run)
        if any(table.produced for table in run.tables):
            os.kill(os.getpid(), number)

    monkeypatch.setattr(RunProgress, "__call__", hear)


def test_without_a_worker_somebody_is_told(in_sandbox: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    signal_at_progress(monkeypatch, signal.SIGTERM)

    answer = in_sandbox("sync-modified", "CURRENCY")

    assert "No worker of group twinrow is running" in answer.stderr
    assert answer.code == 128 + signal.SIGTERM


def test_an_interrupted_run_says_how_to_go_on_and_does(
    in_sandbox: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        signal_at_progress(patch, signal.SIGINT)
        interrupted = in_sandbox("full-sync", "--yes", "-m", "CURRENCY")
    assert interrupted.code == 128 + signal.SIGINT
    command = re.search(r"To go on: twinrow (full-sync --resume \S+)", interrupted.stderr)
    assert command

    answer = in_sandbox(*command[1].split(), "--with-worker")

    assert answer.code == 0, answer.stderr


def test_a_record_that_failed_is_exit_code_1(in_sandbox: CommandLine, sandbox: Sandbox) -> None:
    sandbox.dataverse.fail(Fault(part=True, method="PATCH", path="transactioncurrencies", status=400))

    answer = in_sandbox("full-sync", "--yes", "--with-worker", "-m", "CURRENCY", "--json")

    assert (answer.json["state"], answer.json["failed"], answer.code) == ("Finished", 1, 1)
    (error,) = in_sandbox("jobs", "--errors", "--run", answer.json["id"], "--json").json
    assert error["mapping"] == "CURRENCY"


def test_sync_modified_carries_a_change(in_sandbox: CommandLine, sandbox: Sandbox) -> None:
    assert in_sandbox("full-sync", "-y", "--with-worker", "-m", "SALESPEOPLE", "-m", "CURRENCY").code == 0
    currency = next(row for row in sandbox.business_central.rows("currencies") if row["code"] == "USD")
    sandbox.business_central.update("currencies", currency["id"], {"displayName": "Greenback"})

    answer = in_sandbox("sync-modified", "--with-worker", "CURRENCY", "--json")

    assert answer.code == 0
    assert answer.json["tables"][0]["modified"] == 1
    assert "Greenback" in {row["currencyname"] for row in sandbox.dataverse.rows("transactioncurrencies")}


def test_replay_counts_and_carries_out(in_sandbox: CommandLine) -> None:
    assert in_sandbox("full-sync", "-y", "--with-worker", "-m", "CURRENCY").code == 0

    dry = in_sandbox("replay", "--from", "1h", "--table", "currencies", "--dry-run", "--json")
    carried = in_sandbox("replay", "--from", "1h", "--table", "currencies", "--with-worker", "--json")

    assert (dry.code, carried.code) == (0, 0)
    assert dry.json["verdict"] is None
    assert dry.json["counts"]["records"] == carried.json["counts"]["records"] > 0
    assert carried.json["verdict"]["tables"][0]["unchanged"] == carried.json["counts"]["records"]


def test_a_worker_that_dies_ends_the_run(
    in_sandbox: CommandLine, composition: Composition, monkeypatch: pytest.MonkeyPatch
) -> None:
    del composition

    def die(*_: object) -> None:
        raise OSError(5, "the disk is gone")

    monkeypatch.setattr("consumers.worker.Worker.run", die)

    answer = in_sandbox("full-sync", "-y", "--with-worker", "-m", "CURRENCY")

    assert answer.code == 3
    assert "the disk is gone" in answer.stderr
