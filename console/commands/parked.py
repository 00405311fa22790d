"""``parked``: whatever has not arrived on the other side, and why."""

from typing import Annotated

import typer

from console.failures import Failure, Misconfigured
from console.output import AsJson, Limit, Record, note, print_json, print_listing, print_record
from console.session import session_of
from engine.ledger import open_operations
from engine.ledger.database import read, write
from engine.ledger.open_operations import OpenOperation, OpenStatus

app = typer.Typer(no_args_is_help=True, help="What has not arrived on the other side, why, and what it waits for.")

OfMapping = Annotated[str | None, typer.Option("--mapping", "-m", help="Of this mapping only.")]
WithStatus = Annotated[OpenStatus | None, typer.Option("--status", case_sensitive=False, help="Of this status only.")]

_COLUMNS = {
    "Mapping": "mapping",
    "Direction": "direction",
    "Record": "record_id",
    "Status": "status",
    "Waits on": "waits_on",
    "Why": "text",
    "Since": "first_at",
    "Next try": "due_at",
}


@app.command("list")
def list_(
    context: typer.Context,
    mapping: OfMapping = None,
    status: WithStatus = None,
    limit: Limit = 100,
    as_json: AsJson = False,
) -> None:
    """List open operations, the oldest first."""
    with session_of(context).ledger() as composition, read(composition.database) as connection:
        entries = open_operations.listed(connection, mapping=mapping, status=status, limit=limit)
    print_listing([_record(one) for one in entries], _COLUMNS, as_json=as_json, empty="Everything has arrived.")


@app.command()
def show(
    context: typer.Context,
    record_id: Annotated[str, typer.Argument(help="The id of the source row.")],
    mapping: OfMapping = None,
    as_json: AsJson = False,
) -> None:
    """Show everything about one record's open operations: candidates of a match, values of a conflict."""
    with session_of(context).ledger() as composition, read(composition.database) as connection:
        entries = open_operations.listed(connection, mapping=mapping, record_id=record_id.lower(), limit=100)
    if not entries:
        raise Failure(f"No operation of record {record_id} is open.", "List what is open with: twinrow parked list")
    if as_json:
        print_json([_record(one) for one in entries])
    else:
        for entry in entries:
            print_record(_record(entry), as_json=False)


@app.command()
def retry(
    context: typer.Context,
    record_id: Annotated[str | None, typer.Argument(help="The id of the source row.")] = None,
    mapping: OfMapping = None,
    status: WithStatus = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
) -> None:
    """Try again now; what was skipped or failed gets two more attempts. A running worker takes it within seconds."""
    if (record_id is None and status is None) is not everything:
        raise Misconfigured("Say which: a record's id, --status STATUS, or --all (and --mapping to narrow it down).")
    with session_of(context).ledger() as composition, write(composition.database) as connection:
        due = open_operations.retry(
            connection,
            composition.clock(),
            mapping=mapping,
            status=status,
            record_id=record_id.lower() if record_id else None,
        )
    if record_id is not None and not due:
        raise Failure(f"No operation of record {record_id} is open.", "List what is open with: twinrow parked list")
    note(f"Open operations that are due now: {due}.")


def _record(entry: OpenOperation) -> Record:
    return {
        "mapping": entry.key.mapping,
        "direction": entry.key.direction,
        "record_id": entry.key.record_id,
        "status": entry.status,
        "kind": entry.kind,
        "waits_on": entry.waits_on,
        "code": entry.code,
        "text": entry.text,
        "attempts": entry.attempts,
        "first_at": entry.first_at,
        "last_at": entry.last_at,
        "due_at": entry.due_at,
        "run_id": entry.run_id,
        "detail": entry.detail,
    }
