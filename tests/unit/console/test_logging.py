"""The log: one format for everything, the level of the settings, and never a secret."""

import logging

import pytest
import structlog

from console.logging import configure_logging, redact, secrets_of
from schemas import json_codec
from schemas.settings import Log
from schemas.settings_file import load_settings
from tests.support.command_line import SECRET, CommandLine


def test_every_secret_of_the_settings_is_known(twinrow: CommandLine) -> None:
    twinrow.write(receiver={"client_state_file": "client_state", "webhook_key_file": "webhook_key"})
    environ = {"TWINROW_DATABASE__URL": "postgresql+psycopg://me:db%20pass@host/name"}

    settings = load_settings(twinrow.settings_file, environ)

    assert secrets_of(settings) == {SECRET, "our-state", "our-key", "db pass"}


@pytest.mark.parametrize("style", ["console", "json"])
def test_secrets_are_hidden_wherever_they_stand(style: str, capsys: pytest.CaptureFixture[str]) -> None:
    secret = 'p"ss\\word'
    configure_logging(Log.model_validate({"format": style}), [secret])

    structlog.get_logger().warning(f"tried {secret}", given=secret, header="Bearer abc.def-ghi")
    logging.getLogger("a.library").warning("used %s", secret)
    structlog.get_logger().error("failed", exc_info=ValueError(secret))

    err = capsys.readouterr().err
    assert "***" in err
    assert "ss\\" not in err
    assert "abc.def" not in err
    assert "used ***" in err
    assert "ValueError" in err


def test_json_has_one_object_a_line_with_time_and_level(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Log(format="json"))

    structlog.get_logger().info("ready", threads=8)
    logging.getLogger("a.library").warning("slow: %s s", 3)

    ours, library = [json_codec.decode(line) for line in capsys.readouterr().err.splitlines()]
    assert (ours["event"], ours["level"], ours["threads"]) == ("ready", "info", 8)
    assert ours["timestamp"].endswith("Z")
    assert (library["event"], library["level"]) == ("slow: 3 s", "warning")


def test_of_libraries_only_what_is_wrong_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Log(level="debug"))

    logging.getLogger("a.library").info("chatter")
    structlog.get_logger().debug("detail")

    err = capsys.readouterr().err
    assert "detail" in err
    assert "chatter" not in err


def test_the_level_of_the_settings_counts(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Log(level="error"))

    structlog.get_logger().warning("careful")

    assert capsys.readouterr().err == ""


def test_configuring_again_replaces_what_was(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Log())
    configure_logging(Log())

    structlog.get_logger().info("once")

    assert capsys.readouterr().err.count("once") == 1


def test_a_short_secret_in_a_long_one_does_not_uncover_the_rest() -> None:
    assert redact("abc-def", sorted(["abc", "abc-def"], key=len, reverse=True)) == "***"
