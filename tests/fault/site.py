"""Everything that a fault run has: the stack, what carries it, its users, and the verdict in the end."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from tests.fault.journal import Journal
from tests.fault.length import SEED
from tests.fault.users import Users
from tests.fault.verdict import Verdict, verdict
from tests.support.dice import dice
from tests.support.eventually import eventually
from tests.support.kafka.cluster import Cluster, Node
from tests.support.postgresql import Server
from tests.support.stack import Stack
from tests.support.worker_program import WorkerProgram

SESSION_TIMEOUT = 10.0
"""Seconds after which Kafka takes a worker for dead: as few as the settings allow."""

_PATIENCE = 90.0
"""Seconds after which everything is at rest, whatever happened before."""


@dataclass
class Site:
    """See the module's docstring.

    Attributes:
        name: of the run, and of the rows that its users make.
        random: draws the faults, and what users do.
        note: says something with the verdicts.
    """

    name: str
    stack: Stack
    cluster: Cluster
    postgresql: Server
    journal: Journal
    random: Random
    note: Callable[[str], None]

    @property
    def broker(self) -> Node:
        """The only one."""
        return self.cluster.nodes[0]

    @property
    def workers(self) -> list[WorkerProgram]:
        """Those that have not ended."""
        return [one for one in self.stack.running if isinstance(one, WorkerProgram)]

    def users(self, per_second: float = 20.0) -> Users:
        """Users, at work once they are entered."""
        return Users(self.stack, self.journal, dice(self.random.randrange(2**32)), per_second, self.name)

    def start_workers(self, **environ: str) -> None:
        """Those that are missing, ready; ``environ`` changes their settings."""
        self.stack.start_workers(**environ)

    def stop_workers(self) -> None:
        """All, in order."""
        for worker in self.workers:
            worker.ask_to_stop()
        for worker in self.workers:
            worker.stop()

    def start_broker(self) -> None:
        """Start it, and wait until it can be used."""
        self.broker.start()
        eventually(self.cluster.is_up, within=60.0)

    def start_database(self) -> None:
        """Start it, and wait until it can be used."""
        assert self.postgresql.start(), self.postgresql.log
        self.stack.database.dispose()  # the connections that the tests had are gone

    def catch_up(self) -> None:
        """What somebody does after an outage of the receiver: Dataverse does not tell again what could not be taken."""
        self.stack.settle(_PATIENCE)
        program = self.stack.start_program("sync-modified")
        eventually(lambda: not program.alive, within=_PATIENCE)
        program.stop()

    def judge(self, users: Users) -> Verdict:
        """Wait for rest, and check everything; the verdict, which has no fault.

        Raises:
            AssertionError: something was lost, doubled, out of order or is still open.
        """
        self.stack.settle(_PATIENCE)
        found = verdict(self.stack, self.journal, users)
        self.note(f"{found} (seed {SEED})")
        assert not found.faults, "\n".join([str(found), *found.faults[:20]])
        assert found.arrived == found.changes > 0
        return found
