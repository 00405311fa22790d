"""One invocation of the command line: its global options, and the way from them to settings and composition."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import typer

from console.composition import Composition
from console.failures import Unavailable
from console.logging import Level, configure_logging, secrets_of
from engine.ledger.database_errors import describe
from engine.ledger.migrations import SchemaState, schema_state
from schemas.settings import Settings
from schemas.settings_file import load_settings

DEFAULT_SETTINGS = Path("twinrow.yaml")


@dataclass
class Session:
    """See the module's docstring.

    Attributes:
        settings_file: as given; ``None``: ``twinrow.yaml`` where there is one, else the environment alone.
        debug: say everything, tracebacks included.
    """

    settings_file: Path | None = None
    debug: bool = False

    @property
    def file(self) -> Path | None:
        """The settings file that counts."""
        if self.settings_file is not None:
            return self.settings_file
        return DEFAULT_SETTINGS if DEFAULT_SETTINGS.exists() else None

    @cached_property
    def settings(self) -> Settings:
        """The settings.

        Raises:
            SettingsFaults: they cannot be used.
        """
        return load_settings(self.file, os.environ)

    def compose(self, *, quiet: bool = True) -> Composition:
        """The process's objects, with logging set up.

        Args:
            quiet: log warnings only, for commands whose output is not the log.
        """
        level: Level | None = "debug" if self.debug else "warning" if quiet else None
        configure_logging(self.settings.log, secrets_of(self.settings), level=level)
        return Composition(self.settings)

    @contextmanager
    def ledger(self) -> Iterator[Composition]:
        """The process's objects for commands that only look into the ledger, or change it.

        Raises:
            Unavailable: the database's schema is missing, or of another version.
            Retry, Stop: the database is away, or refuses.
        """
        with self.compose() as composition:
            if schema_state(composition.database) is not SchemaState.CURRENT:
                raise Unavailable(
                    f"The {describe(composition.database.url)} has no tables of this version.",
                    "Start the worker, which makes or updates them: twinrow run",
                )
            yield composition


def session_of(context: typer.Context) -> Session:
    """The session that a command runs in."""
    session = context.find_object(Session)
    if session is None:
        raise RuntimeError("the command was started without its main command")
    return session
