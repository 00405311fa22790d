"""``demo``: everything at once, to be watched."""

import sys
from typing import Annotated

import typer

from console.demo.display import Display
from console.demo.interruption import Interruption
from console.demo.line_display import LineDisplay
from console.demo.live_display import LiveDisplay
from console.demo.performance import perform
from console.demo.report import print_next, print_playground, print_summary
from console.demo.stage import Stage
from console.demo.summary import Summary
from console.failures import ExitCode
from console.output import AsJson, print_json, stdout


def demo(
    seconds: Annotated[float, typer.Option(min=0, help="How long users are at work.")] = 12,
    seed: Annotated[int, typer.Option(help="The same number gives the same rows.")] = 0,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running to play with, until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """Watch rows arrive both ways: both systems as a sandbox, the receiver and a worker, for half a minute.

    The exit code is 0 only if both systems agree at the end, read back from both.
    """
    console = stdout()
    display = Display() if as_json else LiveDisplay(console) if console.is_terminal else LineDisplay(sys.stdout)

    def finale(stage: Stage, summary: Summary) -> None:
        if as_json:
            print_json(summary.record())
        else:
            print_summary(console, summary)
            if keep:
                print_playground(console, stage)
                stage.arrivals.on_arrival = LineDisplay(sys.stdout, every=True).arrived
            else:
                print_next(console)
        while keep:
            stage.wait(1.0)

    with Interruption() as interruption:
        summary = perform(interruption, display, finale, seconds=seconds, random_seed=seed)
    raise typer.Exit(ExitCode.DONE if summary.agree else ExitCode.FAILED)
