"""``topics``: the topics of the broker."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import typer

from console.composition import Composition
from console.output import AsJson, note, print_listing
from console.session import session_of
from schemas.topic_keeping import PresentTopic

app = typer.Typer(no_args_is_help=True, help="The topics of the broker.")

_COLUMNS = {
    "Topic": "topic",
    "Partitions": "partitions",
    "Kept, in days": "retention_days",
    "Kept, in bytes a partition": "retention_bytes",
    "Copies": "replicas",
}


@app.command()
def create(context: typer.Context) -> None:
    """Make the topics that the settings need and that are not there; what is there is left as it is."""
    with _broker(context) as composition, closing(composition.broker.topics()) as topics:
        for wanted in composition.broker.wanted():
            made = topics.create(wanted)
            partitions = f"{wanted.name} with {wanted.partitions} partitions"
            note(f"Made {partitions}." if made else f"{partitions} is there already.")


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List all topics of the broker, with what they keep; empty is without a limit, or as the settings say."""
    with _broker(context) as composition, closing(composition.broker.topics()) as topics:
        records = [_record(topic) for topic in topics.listed()]
    print_listing(records, _COLUMNS, as_json=as_json, empty="There are no topics: twinrow topics create")


@contextmanager
def _broker(context: typer.Context) -> Iterator[Composition]:
    """The process's objects; the embedded log's topics need the ledger's tables."""
    session = session_of(context)
    embedded = session.settings.topics.broker == "embedded"
    with session.ledger() if embedded else session.compose() as composition:
        yield composition


def _record(topic: PresentTopic) -> dict[str, Any]:
    return {
        "topic": topic.name,
        "partitions": topic.partitions,
        "retention_days": round(topic.retention.total_seconds() / 86400, 3) if topic.retention is not None else None,
        "retention_bytes": topic.retention_bytes,
        "replicas": topic.replicas,
    }
