"""``runs``: full syncs, syncs modified and replays, and what can be asked of them while they run."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

import typer
from sqlalchemy import Connection

from console.failures import Failure
from console.output import AsJson, Limit, note, print_json, print_listing
from console.run_commands import run_named
from console.run_report import print_verdict, run_record, verdict_record
from console.session import session_of
from engine.ledger import run_leases, run_requests, runs
from engine.ledger.database import read, write
from producers.verdict import verdict

app = typer.Typer(no_args_is_help=True, help="Full syncs, syncs modified and replays: list, pause, resume, cancel.")

_Id = Annotated[str, typer.Argument(metavar="RUN", help="The run's id, or how it begins.")]
_COLUMNS = {"Run": "id", "Kind": "kind", "Status": "state", "Process": "alive", "Started": "started_at"}
_COLUMNS |= {"Finished": "finished_at", "Rows": "produced", "Processed": "processed"}


@app.command("list")
def list_(context: typer.Context, limit: Limit = 20, as_json: AsJson = False) -> None:
    """List runs, the newest first."""
    with session_of(context).ledger() as composition, read(composition.database) as connection:
        now = composition.clock()
        loaded = [runs.load(connection, run_id) for run_id in runs.listed(connection, limit=limit)]
    records = [
        {
            **run_record(run),
            "alive": run_leases.is_alive(run, now),
            "produced": sum(table.produced for table in run.tables),
            "processed": sum(table.processed for table in run.tables),
        }
        for run in loaded
        if run is not None
    ]
    print_listing(records, _COLUMNS, as_json=as_json, empty="There were no runs yet.")


@app.command()
def show(context: typer.Context, run_id: _Id, as_json: AsJson = False) -> None:
    """Show what came of a run, table by table, so far."""
    with session_of(context).ledger() as composition:
        found = run_named(composition, run_id)
        with read(composition.database) as connection:
            result = verdict(connection, found.id)
    if as_json:
        print_json(verdict_record(result))
    else:
        print_verdict(result)


@app.command()
def pause(context: typer.Context, run_id: _Id) -> None:
    """Have a run put no more events on the topic; what is on it is still processed."""
    _ask(context, run_id, lambda connection, found, _: run_requests.pause(connection, found), "paused", "in process")


@app.command()
def resume(context: typer.Context, run_id: _Id) -> None:
    """End a pause. A run whose process has died goes on with: twinrow full-sync --resume RUN."""
    _ask(context, run_id, lambda connection, found, _: run_requests.go_on(connection, found), "in process", "paused")


@app.command()
def cancel(context: typer.Context, run_id: _Id) -> None:
    """End a run for good; rows that were written stay written, and only-coupled is what it was before."""
    _ask(context, run_id, run_requests.cancel, "cancelled", "under way")


def _ask(
    context: typer.Context, run_id: str, request: Callable[[Connection, str, datetime], bool], done: str, must_be: str
) -> None:
    with session_of(context).ledger() as composition:
        found = run_named(composition, run_id)
        with write(composition.database) as connection:
            granted = request(connection, found.id, composition.clock())
    if not granted:
        raise Failure(f"Run {found.id} is not {must_be}: {found.state}.", "See it with: twinrow runs list")
    note(f"Run {found.id} is {done}.")
