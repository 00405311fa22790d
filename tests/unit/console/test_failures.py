"""How a command ends: its exit code, what happened, what to do, and a traceback only if asked for."""

import pytest

from console.failures import ExitCode, Failure, Misconfigured, failure_of
from schemas.errors import Retry, Skip, Stop
from schemas.faults import Fault, Faults
from tests.support.command_line import CommandLine


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Faults([Fault("twinrow.yaml", 1, 2, "log", "no such key")]), ExitCode.CONFIGURATION),
        (Misconfigured("say which"), ExitCode.CONFIGURATION),
        (Stop("the credential is refused"), ExitCode.ENVIRONMENT),
        (Retry("the database is away"), ExitCode.ENVIRONMENT),
        (OSError(98, "Address already in use"), ExitCode.ENVIRONMENT),
        (Skip("the message is too large"), ExitCode.FAILED),
        (Failure("no such record"), ExitCode.FAILED),
        (KeyError("a slip"), ExitCode.FAILED),
    ],
)
def test_every_error_has_its_exit_code(error: Exception, code: ExitCode) -> None:
    assert failure_of(error).code is code


def test_faulty_settings_are_told_with_their_lines(twinrow: CommandLine) -> None:
    twinrow.write(worker={"threads": 0})

    answer = twinrow("jobs")

    assert answer.code == 2
    assert "twinrow.yaml:" in answer.stderr
    assert "worker.threads" in answer.stderr


def test_a_missing_settings_file_is_named(twinrow: CommandLine) -> None:
    answer = twinrow("--settings", "nowhere.yaml", "jobs")

    assert answer.code == 2
    assert "nowhere.yaml: cannot be read" in answer.stderr


def test_the_unexpected_is_a_sentence_and_with_debug_a_traceback(
    twinrow: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slip(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a slip of ours")

    monkeypatch.setattr("console.session.Session.ledger", slip)

    plain, debug = twinrow("jobs"), twinrow("--debug", "jobs")

    assert (plain.code, debug.code) == (1, 1)
    assert "ZeroDivisionError: a slip of ours" in plain.stderr
    assert "--debug" in plain.stderr
    assert "Traceback" not in plain.stderr
    assert "Traceback" in debug.stderr


def test_a_mistyped_command_is_a_usage_error(twinrow: CommandLine) -> None:
    assert twinrow("jobbs").code == 2


def test_the_version_is_told_without_settings(twinrow: CommandLine) -> None:
    assert twinrow("--version").stdout.startswith("twinrow ")
