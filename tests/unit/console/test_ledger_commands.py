"""The commands that look into the ledger: couplings, jobs, open operations, dead letters, runs."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from console.composition import Composition
from engine.ledger import couplings, dead_letters, jobs, mapping_states, open_operations, run_leases, runs
from engine.ledger.couplings import Coupling
from engine.ledger.database import read, write
from engine.ledger.jobs import JobError, JobKey
from engine.ledger.open_operations import OpenOperation, OpenStatus
from engine.ledger.runs import RunKind, RunState
from producers.run_plan import new_run
from schemas.change_event import ChangeKind
from schemas.errors import DeadLetter
from schemas.incoming import UNREADABLE
from schemas.operations import OperationKey
from schemas.outcomes import Outcome
from schemas.system import Direction
from schemas.topics import Message
from systems.sandbox import Sandbox
from tests.support.command_line import CommandLine

NOW = datetime(2026, 3, 5, 6, 7, 8, tzinfo=UTC)
ONE, TWO = "11111111-0000-0000-0000-000000000001", "22222222-0000-0000-0000-000000000002"


def open_operation(record_id: str, status: OpenStatus, mapping: str = "CUSTOMER") -> OpenOperation:
    return OpenOperation(
        OperationKey(mapping, Direction.TO_DATAVERSE, record_id),
        status,
        ChangeKind.MODIFIED,
        "the name is too long",
        NOW,
        NOW,
        code="too_long",
        fingerprint="too_long|the name",
        attempts=2,
        waits_on=("CURRENCY bc_key USD",) if status is OpenStatus.PARKED else (),
        detail={"candidates": [TWO]},
    )


@pytest.fixture
def some_open(ledger: Composition) -> Composition:
    with write(ledger.database) as connection:
        entries = [
            open_operation(ONE, OpenStatus.SKIPPED),
            open_operation(TWO, OpenStatus.PARKED),
            open_operation(ONE, OpenStatus.FAILED, "VENDOR"),
        ]
        open_operations.put(connection, entries)
    return ledger


@pytest.fixture
def a_dead_letter(ledger: Composition) -> Composition:
    headers = {UNREADABLE: "not_json: no", "content-type": "text/plain"}
    message = Message(ledger.topic, 3, 7, "a key", b"personal data", headers, NOW)
    with write(ledger.database) as connection:
        dead_letters.keep(connection, [(message, DeadLetter("Send JSON.", code="not_json"))], NOW)
    return ledger


def entries(composition: Composition) -> dict[tuple[str, str], OpenOperation]:
    with read(composition.database) as connection:
        found = open_operations.listed(connection, limit=100)
    return {(one.key.mapping, one.key.record_id): one for one in found}


@pytest.mark.usefixtures("some_open")
def test_open_operations_are_listed_with_reason_and_what_they_wait_for(twinrow: CommandLine) -> None:
    answer = twinrow("parked", "list")

    assert answer.code == 0
    assert "the name is too long" in answer.stdout
    assert "CURRENCY bc_key USD" in answer.stdout


@pytest.mark.usefixtures("some_open")
@pytest.mark.parametrize(
    ("options", "records"),
    [
        (["--status", "skipped"], [("CUSTOMER", ONE)]),
        (["--mapping", "VENDOR"], [("VENDOR", ONE)]),
        (["--limit", "1"], [("CUSTOMER", ONE)]),
    ],
)
def test_open_operations_are_narrowed_down(
    twinrow: CommandLine, options: list[str], records: list[tuple[str, str]]
) -> None:
    listed = twinrow("parked", "list", "--json", *options).json

    assert [(one["mapping"], one["record_id"]) for one in listed] == records
    assert listed[0]["first_at"] == "2026-03-05T06:07:08Z"


@pytest.mark.usefixtures("some_open")
def test_one_open_operation_is_shown_with_its_candidates(twinrow: CommandLine) -> None:
    assert TWO in twinrow("parked", "show", ONE, "--mapping", "CUSTOMER").stdout
    assert twinrow("parked", "show", TWO, "--json").json[0]["detail"] == {"candidates": [TWO]}


def test_retry_makes_due_and_gives_what_was_refused_its_attempts_anew(
    twinrow: CommandLine, some_open: Composition
) -> None:
    before = some_open.clock()

    assert twinrow("parked", "retry", ONE, "--mapping", "CUSTOMER").code == 0

    retried = entries(some_open)["CUSTOMER", ONE]
    assert (retried.status, retried.attempts, retried.fingerprint) == (OpenStatus.FAILED, 0, "")
    assert retried.due_at is not None
    assert retried.due_at >= before
    assert entries(some_open)["VENDOR", ONE].due_at is None


def test_what_waits_for_a_record_goes_on_waiting_for_it_when_it_is_retried(
    twinrow: CommandLine, some_open: Composition
) -> None:
    assert twinrow("parked", "retry", "--all").code == 0

    parked = entries(some_open)["CUSTOMER", TWO]
    assert (parked.status, parked.waits_on) == (OpenStatus.PARKED, ("CURRENCY bc_key USD",))
    assert all(one.due_at is not None for one in entries(some_open).values())


@pytest.mark.usefixtures("some_open")
@pytest.mark.parametrize(("arguments", "code"), [([], 2), ([ONE, "--all"], 2), (["unknown"], 1)])
def test_retry_wants_to_know_what(twinrow: CommandLine, arguments: list[str], code: int) -> None:
    assert twinrow("parked", "retry", *arguments).code == code


@pytest.mark.usefixtures("a_dead_letter")
def test_dead_letters_are_listed_without_their_bodies(twinrow: CommandLine) -> None:
    answer = twinrow("dead-letters", "list")

    assert "Send JSON." in answer.stdout
    assert "personal data" not in answer.stdout


@pytest.mark.usefixtures("a_dead_letter")
def test_a_body_is_shown_unless_it_is_to_be_left_out(twinrow: CommandLine) -> None:
    assert "personal data" in twinrow("dead-letters", "show", 1).stdout
    assert twinrow("dead-letters", "show", 1, "--json").json[0]["body"] == "personal data"
    assert "personal data" not in twinrow("dead-letters", "show", 1, "--no-body").stdout


def test_a_dead_letter_is_put_on_its_topic_again_without_the_refusal(
    twinrow: CommandLine, a_dead_letter: Composition
) -> None:
    assert twinrow("dead-letters", "retry", 1).code == 0

    subscriber = a_dead_letter.subscriber("reader", "reader")
    (message,) = subscriber.poll(10, 5.0)
    subscriber.close()
    assert (message.key, message.body, message.headers) == ("a key", b"personal data", {"content-type": "text/plain"})
    assert twinrow("dead-letters", "list", "--json").json == []


@pytest.mark.usefixtures("a_dead_letter")
def test_dropping_asks_first(twinrow: CommandLine) -> None:
    assert twinrow("dead-letters", "drop", 1, given="n\n").code == 1
    assert len(twinrow("dead-letters", "list", "--json").json) == 1

    assert twinrow("dead-letters", "drop", 1, "--yes").code == 0
    assert twinrow("dead-letters", "list", "--json").json == []


@pytest.mark.usefixtures("a_dead_letter")
@pytest.mark.parametrize("command", ["show", "retry", "drop"])
def test_an_unknown_dead_letter_is_named_and_the_others_are_left_alone(twinrow: CommandLine, command: str) -> None:
    answer = twinrow("dead-letters", command, 1, 99)

    assert answer.code == 1
    assert "99" in answer.stderr
    assert len(twinrow("dead-letters", "list", "--json").json) == 1


def test_couplings_are_found_by_either_id_and_by_key(twinrow: CommandLine, ledger: Composition) -> None:
    with write(ledger.database) as connection:
        couplings.add(connection, [Coupling("CURRENCY", ONE, TWO, bc_key="USD"), Coupling("VENDOR", TWO, ONE)])

    assert "USD" in twinrow("couplings", "list").stdout
    for name in (ONE.upper(), "usd"):
        assert twinrow("couplings", "list", "--record", name, "--mapping", "CURRENCY", "--json").json[0]["dv_id"] == TWO
    assert len(twinrow("couplings", "list", "--record", ONE, "--json").json) == 2


def test_jobs_show_every_counter_and_errors_every_failure(twinrow: CommandLine, ledger: Composition) -> None:
    counters = Counter({Outcome.INSERTED: 3, Outcome.FAILED: 1})
    begin_run(ledger, "a-run")
    with write(ledger.database) as connection:
        for run_id in (None, "a-run"):
            key = JobKey("CUSTOMER", Direction.TO_DATAVERSE, run_id)
            jobs.count(connection, key, counters, [JobError(ONE, "too_long", "the name is too long")], NOW)

    assert all(outcome.value in twinrow("jobs").stdout for outcome in Outcome)
    (job,) = twinrow("jobs", "--run", "a-r", "--json").json
    assert (job["inserted"], job["failed"], job["conflict"]) == (3, 1, 0)
    (error,) = twinrow("jobs", "--errors", "--run", "a-run", "--json").json
    assert (error["record_id"], error["direction"], error["text"]) == (ONE, "to_dataverse", "the name is too long")
    assert len(twinrow("jobs", "--errors", "--json").json) == 2


def begin_run(ledger: Composition, run_id: str, *, beat: timedelta = timedelta()) -> None:
    tables = [("CUSTOMER", Direction.TO_DATAVERSE)]
    run = new_run(run_id, RunKind.FULL_SYNC, tables, ledger.clock() - beat)
    with write(ledger.database) as connection:
        run_leases.begin(connection, run)
        mapping_states.clear_only_coupled(connection, ["CUSTOMER"], run_id)


def state_of(ledger: Composition, run_id: str) -> RunState:
    with read(ledger.database) as connection:
        run = runs.load(connection, run_id)
    assert run is not None
    return run.state


def test_runs_are_paused_resumed_and_cancelled_by_the_beginning_of_their_id(
    twinrow: CommandLine, ledger: Composition
) -> None:
    begin_run(ledger, "abc-1")
    for command, state in [("pause", "Paused"), ("resume", "In Process"), ("cancel", "Cancelled")]:
        assert twinrow("runs", command, "abc").code == 0
        assert state_of(ledger, "abc-1").value == state

    with read(ledger.database) as connection:
        assert mapping_states.clearing_runs(connection) == frozenset()


def test_what_a_run_cannot_do_now_is_refused(twinrow: CommandLine, ledger: Composition) -> None:
    begin_run(ledger, "abc-1")
    begin_run(ledger, "abc-2")

    refused = twinrow("runs", "resume", "abc-1")
    assert refused.code == 1
    assert "not paused" in refused.stderr
    assert twinrow("runs", "pause", "abc").code == 2
    assert twinrow("runs", "pause", "xyz").code == 2


def test_runs_are_listed_and_shown(twinrow: CommandLine, ledger: Composition) -> None:
    begin_run(ledger, "alive")
    begin_run(ledger, "dead", beat=timedelta(minutes=5))

    listed = twinrow("runs", "list", "--json").json
    assert {run["id"]: run["alive"] for run in listed} == {"alive": True, "dead": False}
    assert "alive" in twinrow("runs", "list").stdout
    assert twinrow("runs", "show", "alive", "--json").json["tables"][0]["mapping"] == "CUSTOMER"
    assert "CUSTOMER" in twinrow("runs", "show", "alive").stdout


@pytest.mark.parametrize(
    "command",
    [
        ["parked", "list"],
        ["dead-letters", "list"],
        ["couplings", "list"],
        ["jobs"],
        ["jobs", "--errors"],
        ["runs", "list"],
    ],
)
def test_an_empty_listing_is_a_sentence_or_an_empty_array(
    twinrow: CommandLine, ledger: Composition, command: list[str]
) -> None:
    assert ledger.topic
    words = twinrow(*command)
    assert (words.code, words.stdout) == (0, "")
    assert words.stderr.endswith(".\n")
    assert twinrow(*command, "--json").json == []


def test_looking_does_not_make_tables(twinrow: CommandLine) -> None:
    answer = twinrow("jobs")

    assert answer.code == 3
    assert "twinrow run" in answer.stderr


def test_a_person_couples_and_uncouples_rows(in_sandbox: CommandLine, sandbox: Sandbox) -> None:
    customer = str(sandbox.business_central.rows("customers")[0]["id"])
    account = str(sandbox.dataverse.insert("accounts", {"name": "Adatum", "customertypecode": 3})["accountid"])
    with in_sandbox.composition() as composition:
        composition.prepare()
        assert in_sandbox("couplings", "add", "CUSTOMER", customer.upper(), account).code == 0
        (coupling,) = in_sandbox("couplings", "list", "--json").json
        assert (coupling["bc_id"], coupling["dv_id"]) == (customer, account)
        again = in_sandbox("couplings", "add", "CUSTOMER", customer, account)
        assert (again.code, "coupled already" in again.stderr) == (1, True)
        assert in_sandbox("couplings", "remove", "CUSTOMER", account).code == 0
        assert in_sandbox("couplings", "list", "--json").json == []
    unknown = in_sandbox("couplings", "remove", "CUSTOMERS", account)
    assert (unknown.code, "There is no mapping CUSTOMERS" in unknown.stderr) == (2, True)
