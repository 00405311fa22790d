"""``dead-letters``: messages that could not be read as a change."""

from base64 import b64encode
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from console.failures import Failure
from console.output import AsJson, Limit, note, print_json, print_listing, print_record
from console.session import session_of
from engine.ledger import dead_letters
from engine.ledger.database import read, write
from engine.ledger.dead_letters import KeptDeadLetter
from schemas.incoming import UNREADABLE
from schemas.topics import OutgoingMessage

app = typer.Typer(no_args_is_help=True, help="Messages that could not be read as a change.")

_Ids = Annotated[list[int], typer.Argument(help="Numbers, as listed.")]

_COLUMNS = {"Number": "id", "Arrived": "at", "Reason": "reason", "What to do": "text", "Key": "key", "Bytes": "bytes"}


@app.command("list")
def list_(context: typer.Context, limit: Limit = 100, as_json: AsJson = False) -> None:
    """List dead letters, the oldest first; their bodies are left to ``show``."""
    with session_of(context).ledger() as composition, read(composition.database) as connection:
        letters = dead_letters.listed(connection, limit=limit)
    print_listing([_record(one) for one in letters], _COLUMNS, as_json=as_json, empty="There are no dead letters.")


@app.command()
def show(
    context: typer.Context,
    ids: _Ids,
    no_body: Annotated[bool, typer.Option("--no-body", help="Leave the body out: it may hold personal data.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show dead letters with their bodies as they came."""
    with session_of(context).ledger() as composition, read(composition.database) as connection:
        letters = _load(connection, ids)
    records = [_record(letter) | ({} if no_body else _body(letter.body)) for letter in letters]
    if as_json:
        print_json(records)
    else:
        for record in records:
            print_record(record, as_json=False)


@app.command()
def retry(context: typer.Context, ids: _Ids) -> None:
    """Put dead letters back on the topic they came from, as they came: the worker reads them once more."""
    with session_of(context).ledger() as composition:
        with read(composition.database) as connection:
            letters = _load(connection, ids)
        for letter in letters:
            headers = {name: value for name, value in letter.headers.items() if name != UNREADABLE}
            composition.publisher.publish(letter.topic, [OutgoingMessage(letter.key, letter.body, headers)])
            with write(composition.database) as connection:
                dead_letters.remove(connection, [letter.id])
    note(f"Messages on the topic again: {len(letters)}.")


@app.command()
def drop(
    context: typer.Context,
    ids: _Ids,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Forget dead letters for good."""
    with session_of(context).ledger() as composition:
        with read(composition.database) as connection:
            letters = _load(connection, ids)
        if not yes:
            typer.confirm(f"Forget {len(letters)} for good?", abort=True, err=True)
        with write(composition.database) as connection:
            dropped = dead_letters.remove(connection, ids)
    note(f"Dead letters dropped: {dropped}.")


def _load(connection: Connection, ids: Sequence[int]) -> list[KeptDeadLetter]:
    letters = dead_letters.load(connection, ids)
    missing = sorted(set(ids) - {letter.id for letter in letters})
    if missing:
        numbers = ", ".join(map(str, missing))
        raise Failure(f"There is no dead letter {numbers}.", "List them with: twinrow dead-letters list")
    return letters


def _record(letter: KeptDeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "at": letter.at,
        "reason": letter.reason,
        "text": letter.text,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "key": letter.key,
        "headers": dict(letter.headers),
        "bytes": len(letter.body),
    }


def _body(body: bytes) -> dict[str, Any]:
    """The body as text where it is text."""
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return {"body_base64": b64encode(body).decode()}
