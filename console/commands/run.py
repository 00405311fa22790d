"""``run``: the worker."""

from contextlib import ExitStack
from typing import Annotated

import structlog
import typer

from console.chores import housekeeping
from console.heartbeat import WORKER
from console.session import session_of
from console.signals import stopping
from console.web_server import WebServer

_log = structlog.get_logger()


def run(
    context: typer.Context,
    receiver: Annotated[
        bool, typer.Option("--receiver", help="Receive both systems' notifications in this process, too.")
    ] = False,
) -> None:
    """Run the worker until SIGTERM or Ctrl-C; then it ends what it has begun. A second signal ends it at once."""
    with session_of(context).compose(quiet=False) as composition, ExitStack() as running:
        composition.prepare()
        server = None
        if receiver:
            settings = composition.settings.receiver
            server = running.enter_context(WebServer(composition.receiver_app(), settings.host, settings.port))
        worker = composition.worker()
        running.enter_context(stopping(worker.stop))
        running.enter_context(composition.heartbeat(WORKER, lambda: worker.backlog))
        running.enter_context(housekeeping(composition))
        _log.info(
            "ready",
            group=composition.settings.worker.group,
            topic=composition.topic,
            mappings=len(composition.plans.by_name),
            threads=composition.settings.worker.threads,
            receiver=server.url if server else None,
        )
        worker.run()
        _log.info("stopped")
