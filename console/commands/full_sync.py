"""``full-sync``: every row of every mapping."""

import sys
from enum import StrEnum
from functools import partial
from typing import Annotated

import typer

from console.composition import Composition
from console.failures import Misconfigured
from console.output import AsJson, note, print_json
from console.run_commands import MappingNames, WithWorker, carry_out, checked_names, finish, run_named, running
from console.run_progress import RunProgress
from console.run_report import print_review, review_records
from engine.ledger.runs import RunKind
from producers import full_sync as producer
from producers.review import MappingReview, review
from producers.verdict import Verdict
from schemas.system import System


class YesNo(StrEnum):
    """An answer given beforehand."""

    YES = "yes"
    NO = "no"


def full_sync(
    context: typer.Context,
    mapping: MappingNames = None,
    allow_create: Annotated[
        YesNo | None,
        typer.Option(help="The answer to the closing question: may the running flow create rows from now on?"),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Write over coupled rows, whatever changed on the other side.")
    ] = False,
    review_only: Annotated[bool, typer.Option("--review", help="Show what would be done, and do nothing.")] = False,
    resume: Annotated[str | None, typer.Option(metavar="RUN", help="Go on with an interrupted full sync.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before it starts.")] = False,
    with_worker: WithWorker = False,
    as_json: AsJson = False,
) -> None:
    """Synchronize all rows, coupled or not, in dependency order; create and couple those that are missing."""
    if resume and (mapping or overwrite or review_only):
        raise Misconfigured("--resume goes on with what was asked for then: leave the other options out.")
    with running(context, with_worker=with_worker, only_look=review_only) as run:
        interactive = _at_terminal() and not as_json
        answer = None if allow_create is None else allow_create is YesNo.YES
        if resume:
            found = run_named(run.composition, resume, RunKind.FULL_SYNC)
            start = partial(producer.resume, run.producers, found.id)
            reviews: list[MappingReview] = []
        else:
            names = checked_names(run.composition, mapping)
            reviews = [] if as_json and not review_only else _review(run.composition, names, as_json=as_json)
            if review_only:
                return
            _confirm(yes=yes, interactive=interactive)
            start = partial(producer.start, run.producers, names, overwrite=overwrite, allow_create=answer)

        def carry(progress: RunProgress) -> Verdict:
            def ask(verdict: Verdict) -> bool:
                return answer if answer is not None else interactive and _ask(progress, verdict)

            return start(ask=ask, on_progress=progress)

        verdict = carry_out(RunKind.FULL_SYNC, carry, expected=_expected(reviews))
    finish(verdict, as_json=as_json)


def _at_terminal() -> bool:
    return sys.stdin.isatty()


def _review(composition: Composition, names: list[str] | None, *, as_json: bool) -> list[MappingReview]:
    reviews = review(composition.producers, names)
    if as_json:
        print_json(review_records(reviews))
    else:
        print_review(reviews)
    return reviews


def _confirm(*, yes: bool, interactive: bool) -> None:
    if yes:
        return
    if not interactive:
        raise Misconfigured("Nobody can be asked whether to start.", "Look at it with --review, then add --yes.")
    note("Every row without a counterpart is created on the other side. What both have uncoupled becomes double.")
    typer.confirm("Start the full synchronization?", abort=True, err=True)


def _ask(progress: RunProgress, verdict: Verdict) -> bool:
    """The closing question."""
    progress.stop()
    note(f"All tables are done; records that need a look: {verdict.failed}. Only-coupled was cleared for this run.")
    return typer.confirm("Keep it cleared, so that the running flow creates rows from now on, too?", err=True)


def _expected(reviews: list[MappingReview]) -> dict[tuple[str, System], int]:
    return {(one.mapping, system): rows.rows for one in reviews for system, rows in one.rows.items() if not rows.more}
