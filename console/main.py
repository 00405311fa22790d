"""The command line: all commands by name, the options before them, and how errors end a command."""

import sys
from importlib.metadata import version
from pathlib import Path
from traceback import print_exception
from typing import Annotated, Any

import typer
from rich.text import Text
from typer.core import TyperGroup

from console.commands import (
    couplings,
    dead_letters,
    demo,
    doctor,
    full_sync,
    inspect,
    jobs,
    parked,
    receive,
    replay,
    run,
    runs,
    sandbox,
    schema,
    status,
    sync_modified,
    topics,
    validate,
)
from console.failures import Failure, failure_of
from console.output import stderr
from console.session import Session
from console.signals import Interrupted
from schemas.settings_file import SETTINGS_FILE_VARIABLE

WORK, LOOK, MEND, CHECK = "Work", "Look", "Mend", "Check and try"


class _Commands(TyperGroup):
    """Ends a command that fails with its exit code, and tells the person what happened and what to do."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (typer.TyperException, typer.Exit, typer.Abort, BrokenPipeError):
            raise
        except Interrupted as error:
            raise typer.Exit(error.code) from None
        except Exception as error:  # noqa: BLE001 - the last resort: nobody is shown a traceback unasked
            if ctx.params.get("debug"):
                print_exception(error, file=sys.stderr)
            raise typer.Exit(_tell(failure_of(error))) from None


def _show_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"twinrow {version('twinrow')}\n")
        raise typer.Exit


app = typer.Typer(
    name="twinrow",
    cls=_Commands,
    help="Keeps rows that live in both Business Central and Dataverse equal, in near real time.",
    epilog="Exit codes: 0 done, 1 something failed, 2 usage or configuration, 3 environment.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def twinrow(
    context: typer.Context,
    settings: Annotated[
        Path | None,
        typer.Option(
            "--settings",
            "-s",
            envvar=SETTINGS_FILE_VARIABLE,
            help="The settings file. Default: twinrow.yaml where there is one; the environment wins.",
        ),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Log everything, and show tracebacks.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    context.obj = Session(settings, debug)


app.command("run", rich_help_panel=WORK)(run.run)
app.command("receive", rich_help_panel=WORK)(receive.receive)

app.command("full-sync", rich_help_panel=WORK)(full_sync.full_sync)
app.command("sync-modified", rich_help_panel=WORK)(sync_modified.sync_modified)
app.command("replay", rich_help_panel=WORK)(replay.replay)

app.command("status", rich_help_panel=LOOK)(status.status)
app.add_typer(runs.app, name="runs", rich_help_panel=LOOK)
app.command("jobs", rich_help_panel=LOOK)(jobs.jobs)
app.add_typer(couplings.app, name="couplings", rich_help_panel=LOOK)
app.command("inspect", rich_help_panel=LOOK)(inspect.inspect)

app.add_typer(parked.app, name="parked", rich_help_panel=MEND)
app.add_typer(dead_letters.app, name="dead-letters", rich_help_panel=MEND)
app.add_typer(topics.app, name="topics", rich_help_panel=MEND)

app.command("validate", rich_help_panel=CHECK)(validate.validate)
app.command("doctor", rich_help_panel=CHECK)(doctor.doctor)
app.command("schema", rich_help_panel=CHECK)(schema.schema)
app.command("demo", rich_help_panel=CHECK)(demo.demo)
app.command("sandbox", rich_help_panel=CHECK)(sandbox.sandbox)


def main() -> None:
    """The program."""
    app()


def _tell(failure: Failure) -> int:
    console = stderr()
    console.print(Text(failure.text, style="red"))
    if failure.remedy:
        console.print(Text(failure.remedy))
    return failure.code
