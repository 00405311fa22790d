"""``status``: who works, how far behind, what the systems allow, what is open, and whether a person is needed."""

from datetime import timedelta
from typing import Annotated

import typer

from console.failures import ExitCode
from console.output import AsJson, print_json
from console.session import session_of
from console.status.document import document
from console.status.findings import find
from console.status.judgement import troubles
from console.status.screen import show


def status(
    context: typer.Context,
    late_after: Annotated[
        float, typer.Option("--late-after", min=0.0, metavar="MINUTES", help="How old an unfinished change may be.")
    ] = 10.0,
    as_json: AsJson = False,
) -> None:
    """Show how everything stands. Exit code 1 where something needs a person."""
    with session_of(context).ledger() as composition:
        findings = find(composition.database, composition.group_status, composition.clock())
        names = {
            system: {one.client_id: one.name for one in principals}
            for system, principals in composition.principals.items()
        }
    found = document(findings, troubles(findings, timedelta(minutes=late_after)), names)
    if as_json:
        print_json(found)
    else:
        show(found, findings.now)
    raise typer.Exit(ExitCode.DONE if found["healthy"] else ExitCode.FAILED)
