"""What the demo says at its end."""

import shlex

from rich.console import Console
from rich.text import Text

from console.demo.plain_table import plain_table
from console.demo.stage import NOTIFIED_AFTER, Stage
from console.demo.summary import Summary
from console.output import words
from engine.ledger.open_operations import OpenStatus
from schemas.system import System

_BC, _DV = System.BUSINESS_CENTRAL, System.DATAVERSE
_SHOWN = 10
"""Differences listed."""


def print_summary(console: Console, summary: Summary) -> None:
    """The tables, and what they come to."""
    table = plain_table()
    table.add_column("Mapping", no_wrap=True)
    table.add_column("Direction", no_wrap=True)
    for heading in ("Rows in BC", "Rows in DV", "Coupled", "Different"):
        table.add_column(heading, justify="right")
    for one in summary.tables:
        different = Text(str(one.different), style="bold red" if one.different else "")
        counts = (str(count) for count in (one.rows[_BC], one.rows[_DV], one.coupled))
        table.add_row(one.mapping, words(one.direction), *counts, different)
    console.print("", table, "", sep="\n")
    console.print(_verdict(summary))
    console.print(_changes(summary))
    if waiting := {status: number for status, number in summary.open.items() if status is not OpenStatus.PARKED}:
        console.print(Text(f"Open besides: {', '.join(f'{number} {status}' for status, number in waiting.items())}."))
    for difference in summary.differences[:_SHOWN]:
        console.print(Text(f"  {difference}"))
    if len(summary.differences) > _SHOWN:
        console.print(Text(f"  and {len(summary.differences) - _SHOWN} more: twinrow demo --json lists them all"))


def print_next(console: Console) -> None:
    """What to try when the demo is over."""
    console.print(Text("Try next", style="bold"))
    for command, purpose in (
        ("twinrow demo --keep", "leave it running, change rows yourself"),
        ("twinrow sandbox --write twinrow.yaml", "both systems alone, with settings"),
        ("twinrow --help", "all commands"),
    ):
        console.print(Text.assemble("  ", (command.ljust(38), "cyan"), purpose))


def print_playground(console: Console, stage: Stage) -> None:
    """How to play with what still runs."""
    business_central, dataverse = stage.sandbox.business_central, stage.sandbox.dataverse
    customer = business_central.rows("customers")[0]
    account = dataverse.rows("accounts", emailaddress1=customer["email"])[0]
    settings = shlex.quote(str(stage.settings_file))
    console.print(Text("Everything still runs. Ctrl-C ends it, and nothing is kept.", style="bold"))
    for line in (
        f"Business Central  {business_central.url}",
        f"                  company {business_central.company_id}",
        f"Dataverse         {dataverse.url}",
        f"Receiver          {stage.receiver}",
        f"Tokens            {stage.sandbox.token_url}",
        f"                  client {stage.sandbox.client.client_id}, secret {stage.sandbox.client.client_secret}",
        f"Settings          {stage.settings_file}",
    ):
        console.print(Text(line), soft_wrap=True)
    console.print(Text(f"Change {customer['displayName']} in either system, and see it arrive below:", style="bold"))
    for url, value in (
        (f"{business_central.origin}/_sandbox/rows/customers/{customer['id']}", '{"phoneNumber": "+47 22 123456"}'),
        (f"{dataverse.origin}/_sandbox/rows/accounts/{account['accountid']}", '{"address1_city": "Oslo"}'),
    ):
        console.print(Text(f"  curl -s -X PATCH {url} -d '{value}'", style="cyan"), soft_wrap=True)
    console.print(Text("Or in another window:", style="bold"))
    for command in ("couplings list", "jobs", "parked list", "full-sync --review"):
        console.print(Text(f"  twinrow --settings {settings} {command}", style="cyan"), soft_wrap=True)


def _verdict(summary: Summary) -> Text:
    rows = sum(sum(one.rows.values()) for one in summary.tables)
    if summary.agree:
        text = f"Both sides agree: {rows} rows in {len(summary.tables)} mappings, read back and compared by column."
        return Text(text, style="bold green")
    records = sum(one.different for one in summary.tables)
    if not records:
        return Text(f"Both sides are equal, but {summary.missing} of the users' changes are lost.", style="bold red")
    return Text(f"Both sides differ in {records} records, of {rows} rows read back:", style="bold red")


def _changes(summary: Summary) -> Text:
    text = f"Users made {summary.changes} changes, {summary.changes - summary.missing} arrived"
    p50, p99 = summary.latency(50), summary.latency(99)
    if p50 is not None and p99 is not None:
        text += f": after {p50:.2f} s (p50) and {p99:.2f} s (p99).\n"
        text += f"The systems take up to {NOTIFIED_AFTER} s of it to tell"
    parked = summary.open.get(OpenStatus.PARKED, 0)
    return Text(f"{text}. Still parked: {parked}. It took {summary.seconds['total']:.0f} s.")
