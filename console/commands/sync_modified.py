"""``sync-modified``: the rows that changed since the last time."""

from functools import partial
from typing import Annotated

import typer

from console.failures import Misconfigured
from console.output import AsJson
from console.run_commands import WithWorker, carry_out, checked_names, finish, run_named, running
from engine.ledger.runs import RunKind
from producers import sync_modified as producer


def sync_modified(
    context: typer.Context,
    mapping: Annotated[list[str] | None, typer.Argument(help="Names of mappings. Default: all.")] = None,
    resume: Annotated[str | None, typer.Option(metavar="RUN", help="Go on with an interrupted one.")] = None,
    with_worker: WithWorker = False,
    as_json: AsJson = False,
) -> None:
    """Synchronize the rows modified since each mapping's last run, in dependency order."""
    if resume and mapping:
        raise Misconfigured("--resume goes on with what was asked for then: leave the mappings out.")
    with running(context, with_worker=with_worker) as run:
        if resume:
            found = run_named(run.composition, resume, RunKind.SYNC_MODIFIED)
            start = partial(producer.resume, run.producers, found.id)
        else:
            start = partial(producer.start, run.producers, checked_names(run.composition, mapping))
        verdict = carry_out(RunKind.SYNC_MODIFIED, lambda progress: start(on_progress=progress))
    finish(verdict, as_json=as_json)
