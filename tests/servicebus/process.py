"""A broker in a process of its own, for what must not share this one: measurements, and programs that are killed."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx2

from tests.servicebus.settings import EntitySettings


@dataclass(frozen=True, slots=True)
class BrokerProcess:
    """Where it listens. More controls than those below: :func:`tests.servicebus.control.control_server`."""

    connection_string: str
    control: str

    def create_queue(self, name: str, settings: EntitySettings | None = None) -> None:
        """A new, empty queue in place of one of that name."""
        body = asdict(settings or EntitySettings())
        httpx2.put(f"{self.control}/queues/{name}", json=body).raise_for_status()

    def count(self, address: str) -> int:
        """How many messages an entity holds, in any state."""
        answer = httpx2.get(f"{self.control}/count", params={"entity": address}).raise_for_status()
        count: int = answer.json()["count"]
        return count


@contextmanager
def broker_process() -> Iterator[BrokerProcess]:
    """The broker; it ends with this block, and with this process, however that ends."""
    command = [sys.executable, "-m", "tests.servicebus"]
    project = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=project, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said, "the broker did not start"
        yield BrokerProcess(**json.loads(said))
        process.stdin.close()
        assert process.wait(30) == 0
