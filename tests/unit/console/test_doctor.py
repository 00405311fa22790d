"""``doctor``: what is wrong around the program is found, and how to mend it is said."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from sqlalchemy import text

from console.composition import Composition
from console.doctor import receiver as receiver_checks
from console.doctor import systems as system_checks
from console.web_server import WebServer
from engine.ledger.database import write
from schemas.settings_file import load_settings
from schemas.system import System
from systems.sandbox import Sandbox
from systems.sandbox.faults import Fault
from tests.support.command_line import Answer, CommandLine


def wrong(answer: Answer) -> dict[str, str]:
    """What is wrong, and how it is mended, by what was looked at."""
    assert answer.code == 3
    return {one["what"]: f"{one['found']} {one['remedy']}" for one in answer.json if not one["ok"]}


def test_everything_in_order_is_exit_code_0(in_sandbox: CommandLine) -> None:
    answer = in_sandbox("doctor")

    assert answer.code == 0, answer.stdout
    assert "wrong" not in answer.stdout
    assert "missing; the worker makes it" in answer.stdout


def test_a_prepared_database_is_looked_at_more_closely(in_sandbox: CommandLine) -> None:
    with in_sandbox.composition():
        answer = in_sandbox("doctor", "--json")

    found = {one["what"]: one["found"] for one in answer.json}
    assert answer.code == 0
    assert found["Schema"] == "of this version"
    assert found["Topic"] == "twinrow.changes with 8 partitions"
    assert found["Workers"] == "none of group twinrow running now"


def test_a_database_of_a_newer_version_or_another_topic_is_wrong(in_sandbox: CommandLine) -> None:
    with in_sandbox.composition() as composition:
        in_sandbox.write(topics={"partitions": 3})
        assert wrong(in_sandbox("doctor", "--json")).keys() == {"Topic"}

        with write(composition.database) as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert "newer version" in wrong(in_sandbox("doctor", "--json"))["Schema"]


def test_a_database_that_cannot_be_opened_is_wrong(in_sandbox: CommandLine) -> None:
    (in_sandbox.folder / "twinrow.db").write_text("this is no database, and long enough to tell " * 100)

    assert "is not an SQLite database" in wrong(in_sandbox("doctor", "--json"))["Database"]


def test_a_wrong_secret_is_told_for_its_credential_and_ends_the_system(in_sandbox: CommandLine) -> None:
    (in_sandbox.folder / "client_secret").write_text("wrong")

    found = wrong(in_sandbox("doctor", "--json"))

    assert found.keys() == {"Business Central: credentials main", "Dataverse: credentials main"}
    assert "Invalid client secret" in found["Dataverse: credentials main"]


def test_a_company_that_is_not_there_is_told(in_sandbox: CommandLine) -> None:
    in_sandbox.write(business_central={"company": "22222222-2222-4222-8222-222222222222"})

    found = wrong(in_sandbox("doctor", "--json"))

    assert found.keys() == {"Business Central: API"}
    assert "business_central.company" in found["Business Central: API"]


def test_a_missing_privilege_is_told(in_sandbox: CommandLine, sandbox: Sandbox) -> None:
    sandbox.dataverse.fail(Fault(path="WhoAmI", status=403))

    assert "lacks a privilege" in wrong(in_sandbox("doctor", "--json"))["Dataverse: API"]


def test_an_unknown_column_is_told_with_its_line(in_sandbox: CommandLine) -> None:
    own = """\
mappings:
  - name: UNITS
    direction: to_dataverse
    business_central: {table: currencies}
    dataverse: {table: account, set: accounts, key: accountid}
    match: [code]
    columns: [code -> nmae]
"""
    (in_sandbox.folder / "own.yaml").write_text(own)
    in_sandbox.write(mappings=["standard", "own.yaml"])

    found = wrong(in_sandbox("doctor", "--json"))

    assert found.keys() == {"Dataverse: tables and columns"}
    assert "own.yaml:7" in found["Dataverse: tables and columns"]
    assert "did you mean 'name'?" in found["Dataverse: tables and columns"]


def test_clocks_that_differ_are_told(in_sandbox: CommandLine) -> None:
    settings = load_settings(in_sandbox.settings_file, {})
    with Composition(settings, clock=lambda: datetime.now(UTC) + timedelta(minutes=5)) as composition:
        checks = {check.what: check for check in system_checks.checks(composition, System.DATAVERSE)}

    clock = checks["Dataverse: clock"]
    assert not clock.ok
    assert "NTP" in clock.remedy


@pytest.fixture
def listening(in_sandbox: CommandLine) -> Iterator[WebServer]:
    """The receiver of ``in_sandbox``."""
    with in_sandbox.composition() as composition, WebServer(composition.receiver_app(), "127.0.0.1", 0) as server:
        yield server


def test_a_receiver_that_shakes_hands_is_in_order(in_sandbox: CommandLine, listening: WebServer) -> None:
    in_sandbox.write(receiver={"public_url": listening.url})

    answer = in_sandbox("doctor", "--json")

    assert answer.code == 0
    assert [one["what"] for one in answer.json if one["what"].startswith("Receiver")] == [
        "Receiver: secrets",
        "Receiver",
        "Receiver: handshake",
    ]


def test_a_receiver_that_is_away_or_somebody_else_is_told(in_sandbox: CommandLine, sandbox: Sandbox) -> None:
    in_sandbox.write(receiver={"public_url": "http://127.0.0.1:9"})
    assert "twinrow receive" in wrong(in_sandbox("doctor", "--json"))["Receiver"]

    in_sandbox.write(receiver={"public_url": sandbox.dataverse.url})
    assert "is not the receiver" in wrong(in_sandbox("doctor", "--json"))["Receiver"]


def test_a_receiver_behind_something_that_drops_the_token_is_told(
    in_sandbox: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_sandbox.write(receiver={"public_url": "https://receiver.example"})
    monkeypatch.setattr(receiver_checks, "_request", lambda *_: httpx2.Response(200, text="ok"))

    assert "does not repeat the token" in wrong(in_sandbox("doctor", "--json"))["Receiver: handshake"]


def test_missing_secrets_of_the_receiver_are_named(twinrow: CommandLine) -> None:
    twinrow.write(receiver={"public_url": "http://127.0.0.1:9", "client_state_file": "client_state"})

    checks = receiver_checks.checks(load_settings(twinrow.settings_file, {}).receiver)

    assert next(iter(checks)).remedy == "Name a file with each: receiver.webhook_key_file"


def test_faulty_mappings_end_it_before_anything_is_asked(twinrow: CommandLine) -> None:
    twinrow.write(mappings=["nowhere.yaml"])

    assert twinrow("doctor").code == 2
