"""Composition: every object of a process, built from the settings. The only place that knows every concrete class."""

import os
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from functools import cached_property, partial
from importlib.metadata import version
from socket import gethostname
from types import TracebackType
from typing import Self
from uuid import uuid4

from sqlalchemy import Engine
from starlette.applications import Starlette

from console.brokers import Broker, BrokerContext, broker_of
from console.brokers.sources import relay_of
from console.failures import Misconfigured
from console.heartbeat import WORKER, Heartbeat
from console.output import words
from console.principals import Principal
from consumers.dead_letters import DeadLetters
from consumers.executor import Observer
from consumers.worker import Limits, Worker
from engine.by_hand import ByHand
from engine.ledger.clock import Clock, utc_now
from engine.ledger.database import open_database
from engine.ledger.migrations import migrate
from engine.ledger.worker_lease import Backlog, Process, WorkerLease
from engine.plan import Plans
from engine.synchronizer import Synchronizer
from producers.context import ProducerContext
from producers.receiver import create_app
from producers.sweep import Sweep
from schemas import mapping_file
from schemas.budget import Allowance
from schemas.group_status import GroupStatus
from schemas.mapping_file import LoadedMappings
from schemas.settings import Settings
from schemas.system import System
from schemas.topics import Publisher, RevokeListener, Subscriber
from systems.budget import Budget
from systems.business_central import BusinessCentral
from systems.dataverse import Dataverse
from systems.interface import RecordSystem


def new_id() -> str:
    """A text that nobody has used before."""
    return str(uuid4())


class Composition:
    """One process's objects, each built when first asked for; leaving the ``with`` block closes them, last built first.

    Ask from one thread. Building raises what the object's own constructor raises, besides
    :class:`~schemas.mapping_file.MappingFaults` for everything that needs the mappings.

    Args:
        wait: lets so many seconds pass.
        systems: instead of those of the settings.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
        new_id: Callable[[], str] = new_id,
        systems: Mapping[System, RecordSystem] | None = None,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.monotonic = monotonic
        self.wait = wait
        self.new_id = new_id
        self._given = systems
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    @cached_property
    def database(self) -> Engine:
        """The database of ledger and embedded log; connects on first use."""
        database = open_database(self.settings.database.connection_url())
        self._closing.callback(database.dispose)
        return database

    @cached_property
    def loaded(self) -> LoadedMappings:
        """The mapping files, read and checked."""
        return mapping_file.load(self.settings.mappings, self.settings.features)

    @cached_property
    def plans(self) -> Plans:
        """The mappings, ready to run."""
        return Plans(self.loaded.mappings)

    @property
    def topic(self) -> str:
        """Where changes arrive."""
        return self.settings.topics.changes

    @cached_property
    def broker(self) -> Broker:
        """The message broker; connects on first use."""
        return broker_of(self.broker_context)

    @property
    def broker_context(self) -> BrokerContext:
        """What brokers are made of."""
        return BrokerContext(self.settings, lambda: self.database, self.clock, self.new_id)

    @cached_property
    def publisher(self) -> Publisher:
        """Puts events on topics."""
        publisher = self.broker.publisher()
        self._closing.callback(publisher.close)
        return publisher

    def subscriber(
        self, group: str, member: str, on_revoke: RevokeListener | None = None, *, lasting: bool = False
    ) -> Subscriber:
        """A member of ``group`` that reads the changes (:meth:`Broker.subscriber`); whoever asks for it closes it."""
        return self.broker.subscriber(group, member, on_revoke, lasting=lasting)

    @cached_property
    def group_status(self) -> GroupStatus:
        """Who of the workers' group reads what."""
        return self.broker.group_status(self.settings.worker.group)

    @cached_property
    def principals(self) -> Mapping[System, tuple[Principal, ...]]:
        """The service principals of each system."""
        sections = {
            System.BUSINESS_CENTRAL: self.settings.business_central,
            System.DATAVERSE: self.settings.dataverse,
        }
        return {
            system: tuple(Principal(name, one, section.scope(one)) for name, one in section.credentials.items())
            for system, section in sections.items()
        }

    @cached_property
    def systems(self) -> Mapping[System, RecordSystem]:
        """Both systems of record; nothing is requested yet."""
        systems = self._given or self._real_systems()
        for system in systems.values():
            self._closing.callback(system.close)
        return systems

    @cached_property
    def synchronizer(self) -> Synchronizer:
        """Carries batches from one system to the other."""
        return Synchronizer(
            self.plans,
            self.systems,
            self.database,
            clock=self.clock,
            new_id=self.new_id,
            durable=not self.broker.positions_in_ledger,
        )

    @cached_property
    def by_hand(self) -> ByHand:
        """Couples and uncouples what a person says."""
        return ByHand(self.plans, self.systems, self.database, clock=self.clock, new_id=self.new_id)

    @cached_property
    def producers(self) -> ProducerContext:
        """What full sync, sync modified, replay and sweeps work with."""
        return ProducerContext(
            self.database,
            self.loaded.mappings,
            self.systems,
            self.publisher,
            self.topic,
            clock=self.clock,
            new_id=self.new_id,
            wait=self.wait,
        )

    @cached_property
    def budgets(self) -> Mapping[System, Budget]:
        """What may be asked of each system: the whole limit, until a heartbeat has this process share it."""
        sections = {
            System.BUSINESS_CENTRAL: self.settings.business_central,
            System.DATAVERSE: self.settings.dataverse,
        }
        return {
            system: Budget(
                words(system),
                [principal.client_id for principal in self.principals[system]],
                Allowance(section.requests_at_once, section.requests_per_5_minutes),
                monotonic=self.monotonic,
            )
            for system, section in sections.items()
        }

    @cached_property
    def member(self) -> str:
        """What this process is called as a worker."""
        return self.settings.worker.member or self.new_id()

    def heartbeat(self, serves: str, backlog: Callable[[], Backlog] = Backlog) -> Heartbeat:
        """Puts this process among the workers, as one that ``serves`` so, and has it share the budgets with them."""
        host, pid = gethostname(), os.getpid()
        name = self.member if serves == WORKER else f"{host}-{pid}"
        process = Process(name, host, pid, version("twinrow"), serves)
        return Heartbeat(WorkerLease(self.database, process, self.budgets, clock=self.clock), backlog)

    def worker(self, *, observer: Observer = lambda _batch, _result: None) -> Worker:
        """A worker of the settings' group, which closes its subscriber itself when it ends."""
        wanted = self.settings.worker
        letters = DeadLetters(self.database, self.publisher, self.settings.topics.dead_letter_topic, clock=self.clock)
        around = (self.broker_context, self.publisher, letters)
        return Worker(
            [partial(self.subscriber, wanted.group, self.member, lasting=wanted.member is not None)],
            self.publisher,
            self.topic,
            self.plans,
            self.synchronizer,
            self.database,
            Sweep(self.producers),
            clock=self.clock,
            monotonic=self.monotonic,
            new_id=self.new_id,
            limits=Limits(threads=wanted.threads, max_in_flight=wanted.max_in_flight),
            observer=observer,
            dead_letter_topic=self.settings.topics.dead_letter_topic,
            relays=[relay_of(source, *around, monotonic=self.monotonic) for source in self.settings.sources],
        )

    def receiver_app(self) -> Starlette:
        """The web receiver.

        Raises:
            Misconfigured: a secret that senders vouch for themselves with is missing.
        """
        receiver = self.settings.receiver
        client_state, webhook_key = receiver.secret("client_state"), receiver.secret("webhook_key")
        for name, secret in (("client_state", client_state), ("webhook_key", webhook_key)):
            if not secret:
                raise Misconfigured(
                    f"The receiver needs a secret receiver.{name}: without it anybody could send notifications.",
                    f"Put one into a file and name that as receiver.{name}_file, "
                    f"or set TWINROW_RECEIVER__{name.upper()}.",
                )
        return create_app(
            self._receiver_publisher,
            receiver.publish_to or self.topic,
            client_state=client_state or "",
            webhook_key=webhook_key or "",
            new_id=self.new_id,
            clock=self.clock,
        )

    @cached_property
    def _receiver_publisher(self) -> Publisher:
        """Puts notifications where the settings want them."""
        if self.settings.receiver.publish_to is None:
            return self.publisher
        from console.brokers.service_bus import ServiceBusBroker  # takes long to import, and few need it

        publisher = ServiceBusBroker(self.broker_context).publisher()
        self._closing.callback(publisher.close)
        return publisher

    def prepare(self) -> None:
        """Bring the database's schema up to date, and make the topics that are not there.

        Raises:
            Retry: the database is away or locked, or the broker is away.
            Stop: one of them refuses, or a topic is there with another number of partitions.
        """
        migrate(self.database)
        with closing(self.broker.topics()) as topics:
            for wanted in self.broker.wanted():
                topics.create(wanted)

    def _real_systems(self) -> dict[System, RecordSystem]:
        business_central, dataverse = self.settings.business_central, self.settings.dataverse
        return {
            System.BUSINESS_CENTRAL: BusinessCentral(
                business_central.url,
                business_central.company,
                self.principals[System.BUSINESS_CENTRAL],
                budget=self.budgets[System.BUSINESS_CENTRAL],
                connect_timeout=business_central.timeouts.connect,
                read_timeout=business_central.timeouts.read,
            ),
            System.DATAVERSE: Dataverse(
                dataverse.url,
                self.principals[System.DATAVERSE],
                budget=self.budgets[System.DATAVERSE],
                connect_timeout=dataverse.timeouts.connect,
                read_timeout=dataverse.timeouts.read,
            ),
        }
