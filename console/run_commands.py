"""What the commands that carry out a run share: the session, a worker beside it if wanted, progress, the verdict."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated, TypeAlias, TypeVar

import typer

from console.background_worker import BackgroundWorker
from console.chores import housekeeping
from console.composition import Composition
from console.failures import ExitCode, Failure, Misconfigured
from console.heartbeat import WORKER
from console.output import note, print_json
from console.run_progress import RunProgress
from console.run_report import print_verdict, verdict_record
from console.session import session_of
from console.signals import Interrupted, interruptible
from engine.ledger import log_members, runs
from engine.ledger.database import read
from engine.ledger.runs import Run, RunKind
from producers.context import ProducerContext
from producers.verdict import Verdict
from schemas.errors import Stop
from schemas.faults import did_you_mean
from schemas.system import System

WithWorker: TypeAlias = Annotated[
    bool, typer.Option("--with-worker", help="Work in this process, too, so that no worker need be running.")
]
MappingNames: TypeAlias = Annotated[
    list[str] | None, typer.Option("--mapping", "-m", help="Only this mapping; may be given several times.")
]

T = TypeVar("T")

_LEASE = timedelta(seconds=15)
_COMMANDS = {
    RunKind.FULL_SYNC: "twinrow full-sync --resume {id}",
    RunKind.SYNC_MODIFIED: "twinrow sync-modified --resume {id}",
    RunKind.REPLAY: "the same command again",
}


@dataclass(frozen=True, slots=True)
class Running:
    """A run's surroundings."""

    composition: Composition
    producers: ProducerContext


@contextmanager
def running(context: typer.Context, *, with_worker: bool, only_look: bool = False) -> Iterator[Running]:
    """Everything that a run needs; a signal leaves it in order.

    Args:
        only_look: nothing will be published, so that no worker is needed.
    """
    with session_of(context).compose() as composition, interruptible():
        composition.prepare()
        if only_look or not with_worker:
            if not only_look:
                _warn_without_worker(composition)
            with composition.heartbeat(context.command_path.partition(" ")[2]):
                yield Running(composition, composition.producers)
            return
        worker = composition.worker()
        with (
            composition.heartbeat(WORKER, lambda: worker.backlog),
            housekeeping(composition),
            BackgroundWorker(worker) as background,
        ):
            yield Running(composition, replace(composition.producers, wait=background.wait))


def carry_out(
    kind: RunKind, run: Callable[[RunProgress], T], *, expected: Mapping[tuple[str, System], int] | None = None
) -> T:
    """What ``run`` answers, with progress; it says how to go on where a signal ends it.

    Raises:
        Failure: another run is in the way.
    """
    with RunProgress(expected) as progress:
        try:
            return run(progress)
        except Interrupted:
            progress.stop()
            if progress.run_id:
                note(f"Left where it was. To go on: {_COMMANDS[kind].format(id=progress.run_id)}")
            raise
        except Stop as error:
            if not error.code.startswith("run_"):
                raise
            raise Failure(error.text, "See it with: twinrow runs list") from error


def finish(verdict: Verdict, *, as_json: bool) -> None:
    """Print the verdict, and exit with what it says."""
    if as_json:
        print_json(verdict_record(verdict))
    else:
        print_verdict(verdict)
    raise typer.Exit(ExitCode.DONE if verdict.good else ExitCode.FAILED)


def checked_names(composition: Composition, names: list[str] | None) -> list[str] | None:
    """The names as the mappings spell them; ``None`` for all.

    Raises:
        Misconfigured: there is no such mapping.
    """
    known = {name.casefold(): name for name in composition.plans.by_name}
    for name in names or ():
        if name.casefold() not in known:
            raise Misconfigured(f"There is no mapping {name}; {did_you_mean(name.upper(), known.values())}")
    return [known[name.casefold()] for name in names] if names else None


def run_named(composition: Composition, run_id: str, kind: RunKind | None = None) -> Run:
    """The run whose id begins so.

    Raises:
        Misconfigured: there is none, or there are several.
    """
    with read(composition.database) as connection:
        ids = [one for one in runs.listed(connection, limit=10_000) if one.startswith(run_id)]
        found = [run for one in ids if (run := runs.load(connection, one)) and (kind is None or run.kind is kind)]
    if len(found) != 1:
        problem = f"Several runs begin with {run_id}" if found else f"There is no such run: {run_id}"
        raise Misconfigured(f"{problem}.", "List them with: twinrow runs list")
    return found[0]


def _warn_without_worker(composition: Composition) -> None:
    group = composition.settings.worker.group
    with read(composition.database) as connection:
        alive = log_members.alive(connection, group, composition.clock() - _LEASE)
    if not alive:
        note(f"No worker of group {group} is running, so this will wait. Start one with: twinrow run")
