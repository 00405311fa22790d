"""``couplings``: which rows of the two systems are the same thing."""

from typing import Annotated

import typer

from console.composition import Composition
from console.failures import Misconfigured
from console.output import AsJson, Limit, Record, note, print_listing
from console.session import session_of
from engine.ledger import coupling_list
from engine.ledger.couplings import Coupling
from engine.ledger.database import read
from engine.plan import Plan
from schemas import cloud_event
from schemas.change_event import ChangeEvent
from schemas.system import System

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


@app.command()
def add(
    context: typer.Context,
    mapping: Annotated[str, typer.Argument(help="The mapping's name: CUSTOMER.")],
    business_central: Annotated[str, typer.Argument(help="The id of the row in Business Central.")],
    dataverse: Annotated[str, typer.Argument(help="The id of the row in Dataverse.")],
) -> None:
    """Couple two rows by hand. Where they differ, the policy for conflicts picks the side, column by column."""
    with session_of(context).ledger() as composition:
        ids = {System.BUSINESS_CENTRAL: business_central.lower(), System.DATAVERSE: dataverse.lower()}
        _publish(composition, composition.by_hand.couple(_plan(composition, mapping), ids))
    note("Coupled. A running worker synchronizes the pair within seconds.")


@app.command()
def remove(
    context: typer.Context,
    mapping: Annotated[str, typer.Argument(help="The mapping's name: CUSTOMER.")],
    row: Annotated[str, typer.Argument(help="The row's id, in either system.")],
) -> None:
    """Uncouple a pair. Both rows stay; neither is created on the other side again, but by a full synchronization."""
    with session_of(context).ledger() as composition:
        _publish(composition, composition.by_hand.uncouple(_plan(composition, mapping), row.lower()))
    note("Uncoupled.")


def _plan(composition: Composition, mapping: str) -> Plan:
    plan = composition.plans.by_name.get(mapping)
    if plan is None:
        names = ", ".join(composition.plans.by_name)
        raise Misconfigured(f"There is no mapping {mapping}.", f"Name one of these: {names}")
    return plan


def _publish(composition: Composition, events: list[ChangeEvent]) -> None:
    """They stay in the outbox where the topic is away: a worker publishes them when it is back."""
    if events:
        composition.publisher.publish(composition.topic, [cloud_event.encode(event) for event in events])


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
