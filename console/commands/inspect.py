"""``inspect``: what a message tells of."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from console.failures import ExitCode, Unavailable
from console.output import AsJson, Record, cell, print_json, stdout, table_of
from engine.ledger.clock import utc_now
from schemas.errors import DeadLetter
from schemas.incoming import Inspected
from schemas.incoming import inspect as inspect_message

_COLUMNS = {"Column": "name", "Type": "type", "Value": "value"}


def inspect(
    files: Annotated[list[Path] | None, typer.Argument(help="Files with messages; - is standard input.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what messages tell of, or why they would be dead letters. A file may hold a message a line."""
    records = [
        {"file": str(file), **_record(part)}
        for file in files or [Path("-")]
        for part in inspect_message(_read(file), received=utc_now())
    ]
    if as_json:
        print_json(records)
    else:
        for record in records:
            _print(record)
    unreadable = any("reason" in record for record in records)
    raise typer.Exit(ExitCode.FAILED if unreadable else ExitCode.DONE)


def _read(file: Path) -> bytes:
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        raise Unavailable(f"{file} cannot be read: {error.strerror}.") from error


def _record(part: Inspected) -> Record:
    if isinstance(part.result, DeadLetter):
        return {"format": part.format, "reason": part.result.code, "text": part.result.text}
    columns = part.columns
    return {
        "format": part.format,
        **asdict(part.result),
        "columns": None if columns is None else [asdict(column) for column in columns],
    }


def _print(record: Record) -> None:
    console = stdout()
    if "reason" in record:
        console.print(Text.assemble(("dead letter ", "red"), f"{record['file']}: {record['reason']}: {record['text']}"))
        return
    console.print(Text(f"{record['kind']} {record['system']} {record['table']} {record['record_id'] or ''}", "bold"))
    facts = Table(box=None, show_header=False, pad_edge=False)
    for name in ("format", "file", "time", "since", "actor", "origin", "company", "run_id", "id"):
        if record[name] is not None:
            facts.add_row(name, cell(record[name]))
    console.print(facts)
    if record["columns"]:
        console.print(table_of(record["columns"], _COLUMNS))
    elif record["columns"] is None:
        console.print(Text("The message does not tell which columns changed."))
