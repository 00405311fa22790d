"""``couplings``: which rows of the two systems are the same thing."""

from typing import Annotated

import typer

from console.output import AsJson, Limit, Record, print_listing
from console.session import session_of
from engine.ledger import coupling_list
from engine.ledger.couplings import Coupling
from engine.ledger.database import read

app = typer.Typer(no_args_is_help=True, help="Which rows of the two systems are the same thing.")

_COLUMNS = {
    "Mapping": "mapping",
    "Business Central": "bc_id",
    "Key": "bc_key",
    "Dataverse": "dv_id",
    "Last to Dataverse": "last_to_dataverse",
    "Last from Dataverse": "last_from_dataverse",
}


@app.command("list")
def list_(
    context: typer.Context,
    mapping: Annotated[str | None, typer.Option("--mapping", "-m", help="Of this mapping only.")] = None,
    record: Annotated[
        str | None, typer.Option("--record", help="With this id in either system, or this key in Business Central.")
    ] = None,
    limit: Limit = 100,
    as_json: AsJson = False,
) -> None:
    """List couplings in the order in which they were made."""
    with session_of(context).ledger() as composition, read(composition.database) as connection:
        found = coupling_list.listed(connection, mapping=mapping, name=record, limit=limit)
    print_listing([_record(one) for one in found], _COLUMNS, as_json=as_json, empty="No rows are coupled.")


def _record(coupling: Coupling) -> Record:
    return {
        "mapping": coupling.mapping,
        "bc_id": coupling.bc_id,
        "bc_key": coupling.bc_key,
        "dv_id": coupling.dv_id,
        "bc_version": coupling.bc_version,
        "dv_version": coupling.dv_version,
        "base": coupling.base,
        "generation": coupling.generation,
        "last_to_dataverse": coupling.last_to_dataverse,
        "last_from_dataverse": coupling.last_from_dataverse,
    }
