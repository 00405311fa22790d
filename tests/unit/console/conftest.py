"""The command line over a SQLite ledger in a folder of the test's own, with the systems nowhere or in a sandbox."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from console.composition import Composition
from systems.sandbox import Sandbox
from systems.sandbox.seed import seed
from tests.support.command_line import CommandLine


@pytest.fixture(autouse=True)
def _own_logging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a command sets up for its process ends with the test; the machine's own settings do not count."""
    monkeypatch.delenv("TWINROW_SETTINGS", raising=False)
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def twinrow(tmp_path: Path) -> CommandLine:
    """Commands with settings; the systems are nowhere."""
    command_line = CommandLine(tmp_path)
    command_line.write()
    return command_line


@pytest.fixture
def ledger(twinrow: CommandLine) -> Iterator[Composition]:
    """The objects behind ``twinrow``, its database prepared."""
    with twinrow.composition() as composition:
        yield composition


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Both systems with a handful of rows."""
    with Sandbox() as systems:
        seed(systems, customers=5, vendors=2, contacts=4)
        yield systems


@pytest.fixture
def in_sandbox(tmp_path: Path, sandbox: Sandbox) -> CommandLine:
    """Commands with settings that reach the sandbox."""
    command_line = CommandLine(tmp_path, sandbox)
    command_line.write()
    return command_line
