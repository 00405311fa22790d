"""``jobs``: integration synchronization jobs, with all counters."""

from dataclasses import asdict
from typing import Annotated

import typer

from console.output import AsJson, Limit, Record, print_listing
from console.run_commands import run_named
from console.session import session_of
from engine.ledger import jobs as ledger
from engine.ledger.database import read
from engine.ledger.jobs import Job
from schemas.outcomes import Outcome

_COUNTERS = {outcome.value: outcome.value.lower() for outcome in Outcome}
_COLUMNS = {"Mapping": "mapping", "Direction": "direction", "Run": "run", "Started": "started_at", "Last": "last_at"}
_SHORT = 8  # enough of a run's id to name it by
_ERROR_COLUMNS = {
    "At": "at",
    "Mapping": "mapping",
    "Direction": "direction",
    "Record": "record_id",
    "Error": "text",
    "Code": "code",
}


def jobs(
    context: typer.Context,
    run: Annotated[str | None, typer.Option("--run", help="Of the run whose id begins so.")] = None,
    errors: Annotated[bool, typer.Option("--errors", help="List the single failures instead.")] = False,
    limit: Limit = 100,
    as_json: AsJson = False,
) -> None:
    """List jobs, the newest first: one a mapping and direction for each run, and one an hour for the running flow."""
    with session_of(context).ledger() as composition, read(composition.database) as connection:
        run_id = run_named(composition, run).id if run is not None else None
        if errors:
            failures = [asdict(one) for one in ledger.errors(connection, run_id=run_id, limit=limit)]
            print_listing(failures, _ERROR_COLUMNS, as_json=as_json, empty="Nothing has failed.")
            return
        listed = ledger.listed(connection, run_id=run_id, limit=limit)
    records = [_record(job) for job in listed]
    if not as_json:
        records = [{**record, "run": (record["run_id"] or "")[:_SHORT]} for record in records]
    print_listing(records, _COLUMNS | _COUNTERS, as_json=as_json, empty="Nothing has been synchronized yet.")


def _record(job: Job) -> Record:
    return {
        "id": job.id,
        "mapping": job.mapping,
        "direction": job.direction,
        "run_id": job.run_id,
        "started_at": job.started_at,
        "last_at": job.last_at,
        **{outcome.value.lower(): count for outcome, count in job.counters.items()},
    }
