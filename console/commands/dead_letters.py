"""``dead-letters``: messages that could not be read as a change."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.composition import Composition
from console.failures import Failure
from console.output import AsJson, Limit, note, print_json, print_listing, print_record
from console.session import session_of
from engine.ledger import dead_letters
from engine.ledger.database import read, write
from engine.ledger.dead_letters import KeptDeadLetter
from schemas.errors import SyncError
from schemas.incoming import UNREADABLE
from schemas.topics import OutgoingMessage

if TYPE_CHECKING:  # takes long to import, and few need it
    from brokers.service_bus.dead_letter_queue import DeadLetterQueue, QueuedDeadLetter

app = typer.Typer(no_args_is_help=True, help="Messages that could not be read as a change.")

_AT = "#"
"""Between a source and the number of a dead letter in its queue."""

_LOOKED_THROUGH = 10_000
"""Messages of a queue among which a dead letter is looked for."""

_Ids = Annotated[list[str], typer.Argument(help="Numbers, as listed.")]

_COLUMNS = {"Number": "id", "Arrived": "at", "Reason": "reason", "What to do": "text", "Key": "key", "Bytes": "bytes"}


@app.command("list")
def list_(context: typer.Context, limit: Limit = 100, as_json: AsJson = False) -> None:
    """List dead letters, the oldest first, those of the sources' own queues after the others; no bodies."""
    with session_of(context).ledger() as composition:
        with read(composition.database) as connection:
            records = [_record(one) for one in dead_letters.listed(connection, limit=limit)]
        for name, queue in _queues(composition).items():
            try:
                records += [_queued(name, one) for one in queue.listed(limit)]
            except SyncError as error:  # the others can be shown all the same
                note(f"The dead letters of {name} cannot be listed: {error.text}")
    print_listing(records, _COLUMNS, as_json=as_json, empty="There are no dead letters.")


@app.command()
def show(
    context: typer.Context,
    ids: _Ids,
    no_body: Annotated[bool, typer.Option("--no-body", help="Leave the body out: it may hold personal data.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show dead letters with their bodies as they came."""
    with session_of(context).ledger() as composition:
        chosen = _chosen(composition, ids)
    bodies = [{} if no_body else _body(body) for body in chosen.bodies]
    records = [record | body for record, body in zip(chosen.records, bodies, strict=True)]
    if as_json:
        print_json(records)
    else:
        for record in records:
            print_record(record, as_json=False)


@app.command()
def retry(context: typer.Context, ids: _Ids) -> None:
    """Put dead letters back where they came from, as they came: the worker reads them once more."""
    with session_of(context).ledger() as composition:
        chosen = _chosen(composition, ids)
        for letter in chosen.letters:
            headers = {name: value for name, value in letter.headers.items() if name != UNREADABLE}
            composition.publisher.publish(letter.topic, [OutgoingMessage(letter.key, letter.body, headers)])
            with write(composition.database) as connection:
                dead_letters.remove(connection, [letter.id])
        sent = len(chosen.letters)
        for name, numbers in chosen.queued.items():
            sent += len(_queues(composition)[name].retry(numbers))
    note(f"Messages on the topic again: {sent}.")


@app.command()
def drop(
    context: typer.Context,
    ids: _Ids,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Forget dead letters for good."""
    with session_of(context).ledger() as composition:
        chosen = _chosen(composition, ids)
        if not yes:
            typer.confirm(f"Forget {len(chosen.records)} for good?", abort=True, err=True)
        with write(composition.database) as connection:
            dropped = dead_letters.remove(connection, [letter.id for letter in chosen.letters])
        for name, numbers in chosen.queued.items():
            dropped += len(_queues(composition)[name].drop(numbers))
    note(f"Dead letters dropped: {dropped}.")


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Dead letters that a person has named, in the order of ledger and queues.

    Attributes:
        letters: of the ledger.
        queued: numbers within the dead-letter queue of each source.
        records, bodies: of all of them.
    """

    letters: list[KeptDeadLetter]
    queued: dict[str, list[int]]
    records: list[dict[str, Any]]
    bodies: list[bytes]


def _queues(composition: Composition) -> "dict[str, DeadLetterQueue]":
    """The dead-letter queues of the sources that have one, by the source's name."""
    if composition.settings.service_bus is None:
        return {}
    from console.brokers.service_bus import ServiceBusBroker  # takes long to import, and few need it

    return ServiceBusBroker(composition.broker_context).dead_letter_queues()


def _chosen(composition: Composition, ids: Sequence[str]) -> _Chosen:
    """Raises Failure where there is no such dead letter."""
    with read(composition.database) as connection:
        letters = dead_letters.load(connection, [int(one) for one in ids if one.isdecimal()])
    chosen = _Chosen(letters, {}, [_record(one) for one in letters], [one.body for one in letters])
    for name, queue in _queues(composition).items():
        wanted = {one.removeprefix(f"{name}{_AT}") for one in ids if one.startswith(f"{name}{_AT}")}
        for letter in queue.listed(_LOOKED_THROUGH) if wanted else []:
            if str(letter.number) in wanted:
                chosen.queued.setdefault(name, []).append(letter.number)
                chosen.records.append(_queued(name, letter))
                chosen.bodies.append(letter.message.body)
    missing = [one for one in dict.fromkeys(ids) if one not in {str(record["id"]) for record in chosen.records}]
    if missing:
        raise Failure(f"There is no dead letter {', '.join(missing)}.", "List them with: twinrow dead-letters list")
    return chosen


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


def _queued(name: str, letter: "QueuedDeadLetter") -> dict[str, Any]:
    message = letter.message
    return {
        "id": f"{name}{_AT}{letter.number}",
        "at": message.time,
        "reason": letter.reason,
        "text": letter.text,
        "topic": message.topic,
        "partition": message.partition,
        "offset": message.offset,
        "key": message.key,
        "headers": dict(message.headers),
        "bytes": len(message.body),
    }


def _body(body: bytes) -> dict[str, Any]:
    """The body as text where it is text."""
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return {"body_base64": b64encode(body).decode()}
