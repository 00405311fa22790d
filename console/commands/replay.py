"""``replay``: what changed in a stretch of the topic, once more."""

from dataclasses import asdict
from typing import Annotated

import typer

from console.failures import ExitCode, Misconfigured
from console.moments import moment
from console.output import AsJson, print_json, print_record
from console.run_commands import WithWorker, carry_out, running
from console.run_report import print_verdict, verdict_record
from engine.ledger.runs import RunKind
from producers.replay import replay as produce


def replay(
    context: typer.Context,
    begin: Annotated[
        str, typer.Option("--from", metavar="T", help="A time such as 2026-11-22T10:00Z, or 90m, 12h, 7d ago.")
    ],
    end: Annotated[str | None, typer.Option("--to", metavar="T", help="Likewise. Default: now.")] = None,
    table: Annotated[list[str] | None, typer.Option(help="Only this table of either system; may be repeated.")] = None,
    record: Annotated[list[str] | None, typer.Option(help="Only the record of this id; may be repeated.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only read and count.")] = False,
    with_worker: WithWorker = False,
    as_json: AsJson = False,
) -> None:
    """Synchronize once more what changed while the topic took these messages; the workers' positions do not move."""
    with running(context, with_worker=with_worker, only_look=dry_run) as run:
        now = run.composition.clock()
        since, until = moment(begin, now), moment(end, now) if end else now
        if since >= until:
            raise Misconfigured(f"--from {begin} is not before --to {end or 'now'}.")

        subscriber = run.composition.subscriber(f"replay-{run.composition.new_id()}", "reader")
        try:
            replayed = carry_out(
                RunKind.REPLAY,
                lambda progress: produce(
                    run.producers,
                    subscriber,
                    begin=since,
                    end=until,
                    tables=table,
                    records=record,
                    dry_run=dry_run,
                    on_read=lambda counts: progress.read(counts.messages),
                    on_progress=progress,
                ),
            )
        finally:
            subscriber.close()
    counts, verdict = replayed.counts, replayed.verdict
    if as_json:
        print_json({"counts": counts, "verdict": verdict_record(verdict) if verdict else None})
    else:
        print_record(asdict(counts), as_json=False)
        if verdict:
            print_verdict(verdict)
    raise typer.Exit(ExitCode.DONE if verdict is None or verdict.good else ExitCode.FAILED)
