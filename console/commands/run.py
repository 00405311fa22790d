"""``run``: the worker."""

from contextlib import ExitStack
from datetime import timedelta
from typing import Annotated

import structlog
import typer

from console.composition import Composition
from console.housekeeping import Housekeeping
from console.session import session_of
from console.signals import stopping
from console.web_server import WebServer
from engine.ledger.log_retention import prune
from engine.local_currency import LocalCurrency
from producers import full_sync

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
        running.enter_context(_housekeeping(composition))
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


def _housekeeping(composition: Composition) -> Housekeeping:
    """What is done before the worker starts, and again every few minutes."""
    database, settings = composition.database, composition.settings

    def restore() -> None:
        for run_id in full_sync.restore_after_crash(database, composition.clock()):
            _log.warning("a full sync has died: only-coupled is what it was before", run=run_id)

    def forget_old_messages() -> None:
        prune(database, composition.topic, before=composition.clock() - timedelta(days=settings.topics.retention_days))

    local_currency = LocalCurrency(
        settings.business_central.local_currency,
        composition.plans,
        composition.systems,
        database,
        clock=composition.clock,
        new_id=composition.new_id,
    )
    return Housekeeping(
        [
            ("restore only-coupled", restore),
            ("couple the local currency", local_currency.couple),
            ("forget old messages", forget_old_messages),
        ]
    )
