"""What commands print: tables and sentences for people, or JSON on standard output with nothing else."""

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, TypeAlias

import msgspec
import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from schemas import json_codec

AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
Limit: TypeAlias = Annotated[int, typer.Option("--limit", min=1, help="Show so many at most.")]

Record: TypeAlias = Mapping[str, Any]
"""What is printed as one JSON object, or one line of a table."""

_WORDS = {
    "to_dataverse": "to Dataverse",
    "from_dataverse": "from Dataverse",
    "bidirectional": "both ways",
    "business_central": "Business Central",
    "dataverse": "Dataverse",
}
_ENDLESS = 10_000
"""Characters a line where nobody looks at a screen: a pipe's lines are not broken."""


def stdout() -> Console:
    """Where results go."""
    return Console(width=None if sys.stdout.isatty() else _ENDLESS, highlight=False)


def stderr() -> Console:
    """Where everything else goes."""
    return Console(stderr=True, width=None if sys.stderr.isatty() else _ENDLESS, highlight=False)


def note(text: str) -> None:
    """A sentence beside the result."""
    stderr().print(Text(text))


def print_json(document: Any) -> None:
    """``document`` as JSON: times in UTC, decimals with every digit."""
    sys.stdout.write(msgspec.json.format(json_codec.encode(document), indent=2).decode() + "\n")
    sys.stdout.flush()


def print_listing(records: Sequence[Record], columns: Mapping[str, str], *, as_json: bool, empty: str) -> None:
    """Records in order: all members as a JSON array, or a table of the ``columns``.

    Args:
        columns: the member by heading.
        empty: what to tell a person where there are no records.
    """
    if as_json:
        print_json(records)
    elif records:
        stdout().print(table_of(records, columns))
    else:
        note(empty)


def table_of(records: Sequence[Record], columns: Mapping[str, str]) -> Table:
    """A table of these members of the records, by heading."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading, member in columns.items():
        numbers = all(isinstance(record[member], int) and not isinstance(record[member], bool) for record in records)
        table.add_column(heading, justify="right" if numbers else "left", overflow="fold")
    for record in records:
        table.add_row(*(cell(record[member]) for member in columns.values()))
    return table


def print_record(record: Record, *, as_json: bool) -> None:
    """One record: a JSON object, or a line for each member that has a value."""
    if as_json:
        print_json(record)
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in record.items():
        if value not in (None, "", [], {}):
            table.add_row(name.replace("_", " "), cell(value))
    stdout().print(table)


def cell(value: Any) -> Text:
    """A value as a person reads it: times local and to the second."""
    match value:
        case None:
            return Text("")
        case Text():
            return value
        case bool():
            return Text("yes" if value else "no")
        case datetime():
            return Text(local_time(value))
        case Enum():
            return Text(words(value))
        case list() | tuple() if all(isinstance(item, str) for item in value):
            return Text(", ".join(value))
        case dict() | list() | tuple():
            return Text(msgspec.json.format(json_codec.encode(value), indent=2).decode())
        case _:
            return Text(str(value))


def words(value: Enum) -> str:
    """An enumeration's value in words."""
    text = str(value.value)
    return _WORDS.get(text) or text.replace("_", " ")


def local_time(moment: datetime) -> str:
    """``2026-11-22 10:00:00`` in the machine's time zone."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
