"""``receive``: the web receiver by itself."""

from threading import Event

import structlog
import typer

from console.session import session_of
from console.signals import stopping
from console.web_server import WebServer

_log = structlog.get_logger()


def receive(context: typer.Context) -> None:
    """Receive both systems' notifications until SIGTERM or Ctrl-C, without a worker."""
    with session_of(context).compose(quiet=False) as composition:
        composition.prepare()
        settings = composition.settings.receiver
        over = Event()
        with WebServer(composition.receiver_app(), settings.host, settings.port) as server, stopping(over.set):
            _log.info("ready", receiver=server.url, topic=composition.topic)
            over.wait()
        _log.info("stopped")
