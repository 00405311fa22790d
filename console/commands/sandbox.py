"""``sandbox``: both systems as local servers, to try things out on."""

from pathlib import Path
from secrets import token_urlsafe
from threading import Event
from typing import Annotated

import typer

from console.output import AsJson, note, print_json, print_record
from console.sandbox_settings import write_settings
from console.signals import stopping
from systems.sandbox import BusinessCentralSettings, DataverseSettings, Sandbox, SandboxSettings
from systems.sandbox.seed import seed

_Count = Annotated[int, typer.Option(min=0)]


def sandbox(
    write: Annotated[
        Path | None,
        typer.Option("--write", help="Write a settings file for it, and its secrets to a folder beside that."),
    ] = None,
    business_central_port: Annotated[int, typer.Option(help="0 takes a free one.")] = 0,
    dataverse_port: Annotated[int, typer.Option(help="0 takes a free one.")] = 0,
    customers: _Count = 50,
    vendors: _Count = 15,
    contacts: _Count = 80,
    seed_number: Annotated[int, typer.Option("--seed", help="The same number gives the same rows.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Run a Business Central and a Dataverse with made-up rows on this machine, until Ctrl-C."""
    systems = Sandbox(
        SandboxSettings(
            business_central=BusinessCentralSettings(port=business_central_port),
            dataverse=DataverseSettings(port=dataverse_port),
        )
    )
    seed(systems, customers=customers, vendors=vendors, contacts=contacts, random_seed=seed_number)
    over = Event()
    with stopping(over.set), systems:
        if write is not None:
            write_settings(write, systems, client_state=token_urlsafe(16), webhook_key=token_urlsafe(16))
        (print_json if as_json else _print)(_description(systems, write))
        over.wait()


def _description(systems: Sandbox, settings: Path | None) -> dict[str, str | None]:
    return {
        "business_central_url": systems.business_central.url,
        "business_central_company": systems.business_central.company_id,
        "dataverse_url": systems.dataverse.url,
        "dataverse_team": systems.dataverse.team_id,
        "dataverse_company": systems.dataverse.company_row_id,
        "token_url": systems.token_url,
        "tenant": systems.settings.tenant,
        "client_id": systems.client.client_id,
        "client_secret": systems.client.client_secret,
        "settings": str(settings) if settings else None,
    }


def _print(description: dict[str, str | None]) -> None:
    print_record(description, as_json=False)
    if description["settings"]:
        note(f"Try in another window: twinrow --settings {description['settings']} doctor")
    else:
        note("For a settings file that fits: twinrow sandbox --write twinrow.yaml")
    note("Ctrl-C ends it; nothing is kept.")
