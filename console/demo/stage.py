"""The stage of the demo: both systems, the web receiver and a worker on the embedded log, all in this process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import func, select

from console.background_worker import BackgroundWorker
from console.composition import Composition
from console.demo.arrivals import Arrivals, OnArrival
from console.demo.capture import register_with_dataverse, subscribe_to_business_central
from console.demo.folder import Folder
from console.demo.interruption import Interruption
from console.demo.record_names import RecordNames
from console.heartbeat import WORKER
from console.logging import Level, configure_logging, secrets_of
from console.web_server import WebServer
from consumers.worker import Worker
from engine.ledger.database import read
from engine.ledger.log_tables import LogPartition, LogPosition
from engine.local_currency import LocalCurrency
from producers.context import ProducerContext
from schemas.settings_file import load_settings
from systems.sandbox import BusinessCentralSettings, DataverseSettings, Sandbox, SandboxSettings
from systems.sandbox.business_central.subscriptions import WebhookSettings
from systems.sandbox.dataverse.quirks import Quirks
from systems.sandbox.dataverse.webhooks import EventSettings

NOTIFIED_AFTER = 0.5
"""Seconds from a change to its notification. Business Central really takes 30."""

_POLL = 0.1


@dataclass(frozen=True)
class Stage:
    """What runs while the demo is open.

    Attributes:
        arrivals: the worker's observer.
        receiver: its address.
        settings_file: for other commands.
        wait: lets so many seconds pass; raises why somebody asks to end, or what the worker died of.
    """

    sandbox: Sandbox
    composition: Composition
    arrivals: Arrivals
    receiver: str
    settings_file: Path
    wait: Callable[[float], None]
    _worker: Worker

    @property
    def producers(self) -> ProducerContext:
        """What a full sync works with: it looks around more often than it otherwise would."""
        return replace(self.composition.producers, wait=lambda seconds: self.wait(min(seconds, _POLL)))

    def wait_for_rest(self) -> None:
        """Wait until every change is notified and carried out, and nothing follows. Raises what :attr:`wait` does."""
        while not self._at_rest():
            self.wait(_POLL)

    def _at_rest(self) -> bool:
        published, settled = self._messages()
        return (
            published == settled
            and self.sandbox.business_central.wait_until_delivered(0)
            and self.sandbox.dataverse.wait_until_delivered(0)
            and self._worker.idle
            and self._messages() == (published, settled)
        )

    def _messages(self) -> tuple[int, int]:
        """How many messages the topic has had, and how many of them are settled."""
        of_group = (LogPosition.partition_id == LogPartition.id) & (
            LogPosition.group_name == self.composition.settings.worker.group
        )
        sums = select(func.sum(LogPartition.next_offset), func.sum(LogPosition.position)).join(LogPosition, of_group)
        with read(self.composition.database) as connection:
            published, settled = connection.execute(sums).one()
        return published or 0, settled or 0


@contextmanager
def stage(
    interruption: Interruption, prepare: Callable[[Sandbox], None], on_arrival: OnArrival, level: Level
) -> Iterator[Stage]:
    """Set up everything; when the block ends, take it down in reverse order and leave nothing behind.

    Args:
        prepare: fills the systems before anybody listens.
        level: of the log.
    """
    with TemporaryDirectory(prefix="twinrow-demo-") as name, Sandbox(_quick()) as sandbox:
        prepare(sandbox)
        folder = Folder(Path(name), sandbox)
        settings = load_settings(folder.settings_file, {})
        configure_logging(settings.log, secrets_of(settings), level=level)
        interruption.wait(0)
        with (
            Composition(settings) as composition,
            WebServer(composition.receiver_app(), "127.0.0.1", 0) as server,
        ):
            composition.prepare()
            _couple_local_currency(composition)
            subscribe_to_business_central(composition, server.url)
            register_with_dataverse(composition, sandbox, server.url)
            folder.add_receiver(server.url)
            names = RecordNames(sandbox, composition.loaded.mappings)
            arrivals = Arrivals(names, composition.clock, on_arrival)
            worker = composition.worker(observer=arrivals)
            with composition.heartbeat(WORKER, lambda: worker.backlog), BackgroundWorker(worker) as background:

                def wait(seconds: float) -> None:
                    interruption.wait(seconds)
                    background.wait(0)

                yield Stage(sandbox, composition, arrivals, server.url, folder.settings_file, wait, worker)


def _quick() -> SandboxSettings:
    """The real behaviour, except that it notifies sooner."""
    return SandboxSettings(
        business_central=BusinessCentralSettings(webhooks=WebhookSettings(delay=NOTIFIED_AFTER)),
        dataverse=DataverseSettings(
            events=EventSettings(delay=NOTIFIED_AFTER, jitter=0.0), quirks=Quirks(unordered_events=True)
        ),
    )


def _couple_local_currency(composition: Composition) -> None:
    LocalCurrency(
        composition.settings.business_central.local_currency,
        composition.plans,
        composition.systems,
        composition.database,
        clock=composition.clock,
        new_id=composition.new_id,
    ).couple()
