"""``demo``: everything at once, to be watched."""

import io
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from console.demo.display import Display
from console.demo.interruption import Interruption
from console.demo.line_display import LineDisplay
from console.demo.live_display import LiveDisplay
from console.demo.performance import perform
from console.demo.report import print_next, print_playground, print_summary
from console.demo.stage import Stage
from console.demo.summary import Summary
from console.failures import ExitCode
from console.logging import Level
from console.output import AsJson, print_json, stdout
from console.session import session_of

_PICTURE_WIDTH = 100


def demo(
    context: typer.Context,
    seconds: Annotated[float, typer.Option("--seconds", min=0, help="How long users are at work.")] = 12,
    seed: Annotated[int, typer.Option("--seed", help="The same number gives the same rows.")] = 0,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running to play with, until Ctrl-C.")] = False,
    picture: Annotated[Path | None, typer.Option("--picture", help="Save what is shown as an SVG file, too.")] = None,
    as_json: AsJson = False,
) -> None:
    """Watch rows arrive both ways: a sandbox of both systems, the receiver and a worker, for half a minute.

    The exit code is 0 only if both systems agree at the end, read back from both.
    """
    console = stdout()
    with Interruption() as interruption:
        display = _display(console, interruption, live=picture is not None, silent=as_json)

        def finale(stage: Stage, summary: Summary) -> None:
            if as_json:
                print_json(summary.record())
            else:
                print_summary(console, summary)
            if picture is not None and isinstance(display, LiveDisplay):
                _save(picture, display, summary)
            if keep:
                _play(console, stage, interruption, silent=as_json)
            elif not as_json:
                print_next(console)

        level: Level = "debug" if session_of(context).debug else "warning"
        summary = perform(interruption, display, finale, seconds=seconds, random_seed=seed, level=level)
    raise typer.Exit(ExitCode.DONE if summary.agree else ExitCode.FAILED)


def _display(console: Console, interruption: Interruption, *, live: bool, silent: bool) -> Display:
    if live or (console.is_terminal and not console.is_dumb_terminal and not silent):
        return LiveDisplay(Console(file=io.StringIO()) if silent else console)
    return Display() if silent else LineDisplay(sys.stdout, interruption.ask)


def _save(picture: Path, display: LiveDisplay, summary: Summary) -> None:
    paper = Console(file=io.StringIO(), record=True, width=_PICTURE_WIDTH)
    display.picture(paper)
    print_summary(paper, summary)
    paper.save_svg(str(picture), title="twinrow demo")


def _play(console: Console, stage: Stage, interruption: Interruption, *, silent: bool) -> None:
    """Let people play until they have had enough."""
    if not silent:
        print_playground(console, stage)
        stage.arrivals.on_arrival = LineDisplay(sys.stdout, interruption.ask, every=True).arrived
    while True:
        stage.wait(1.0)
