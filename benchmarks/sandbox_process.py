"""The sandbox in a process of its own, so that its work is not measured with the worker's.

``python -m benchmarks.sandbox_process CUSTOMERS``: prints one JSON line when it is ready, then obeys lines on standard
input: ``touch TEXT`` changes the city of every customer, ``touch-accounts TEXT`` the telephone of every account,
``latency MEAN JITTER`` seconds a request, ``limits`` refuses more requests at once than the real systems take,
``count`` prints the requests to both systems so far, ``refused`` how many of them were too many. Ends with its input.
"""

import subprocess
import sys
from types import TracebackType
from typing import IO, Any, Self

from schemas import json_codec
from systems.sandbox.latency import Latency
from systems.sandbox.limits import Limits
from systems.sandbox.sandbox import Sandbox
from systems.sandbox.settings import (
    REAL_BUSINESS_CENTRAL_LIMITS,
    REAL_DATAVERSE_LIMITS,
    BusinessCentralSettings,
    DataverseSettings,
    SandboxSettings,
)


def main(customers: int) -> None:
    """Run until standard input ends."""
    settings = SandboxSettings(business_central=BusinessCentralSettings(), dataverse=DataverseSettings())
    with Sandbox(settings) as sandbox:
        ids = [_insert(sandbox, number) for number in range(customers)]
        _say(
            {
                "business_central": sandbox.business_central.url,
                "company": sandbox.business_central.company_id,
                "dataverse": sandbox.dataverse.url,
                "token_url": sandbox.token_url,
                "client_id": sandbox.client.client_id,
                "secret": sandbox.client.client_secret,
                "customers": ids,
            }
        )
        for line in sys.stdin:
            _say(_obey(sandbox, line.split()))


def _insert(sandbox: Sandbox, number: int) -> str:
    row = sandbox.business_central.insert("customers", {"displayName": f"Customer {number}", "city": "Oslo"})
    return str(row["id"])


def _obey(sandbox: Sandbox, words: list[str]) -> object:
    match words:
        case ["touch", text]:
            for row in sandbox.business_central.rows("customers"):
                sandbox.business_central.update("customers", row["id"], {"city": text})
        case ["touch-accounts", text]:
            for row in sandbox.dataverse.rows("accounts"):
                sandbox.dataverse.update("accounts", row["accountid"], {"telephone1": text})
            return [row["accountid"] for row in sandbox.dataverse.rows("accounts")]
        case ["latency", mean, jitter]:
            latency = Latency(float(mean), float(jitter))
            sandbox.business_central.set_latency(latency)
            sandbox.dataverse.set_latency(latency)
        case ["limits"]:
            sandbox.business_central.set_limits(Limits(concurrent=REAL_BUSINESS_CENTRAL_LIMITS.concurrent))
            sandbox.dataverse.set_limits(Limits(concurrent=REAL_DATAVERSE_LIMITS.concurrent))
        case ["refused"]:
            systems = (sandbox.business_central, sandbox.dataverse)
            return sum(len(system.requests.entries(status=429)) for system in systems)
        case ["count"]:
            return sandbox.business_central.requests.count + sandbox.dataverse.requests.count
        case ["column", "accounts", column]:
            return [row[column] for row in sandbox.dataverse.rows("accounts")]
        case ["column", "customers", column]:
            return [row[column] for row in sandbox.business_central.rows("customers")]
        case _:
            raise ValueError(f"no such command: {words}")
    return None


def _say(document: object) -> None:
    sys.stdout.buffer.write(json_codec.encode(document) + b"\n")
    sys.stdout.buffer.flush()


class SandboxProcess:
    """The process, from outside."""

    def __init__(self, customers: int) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - this module itself
            [sys.executable, "-m", "benchmarks.sandbox_process", str(customers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.about: dict[str, Any] = self._hear()

    def tell(self, *words: object) -> Any:
        """Give a command, and wait for its answer."""
        stdin: IO[bytes] | None = self._process.stdin
        if stdin is None:
            raise ValueError("no pipe")
        stdin.write((" ".join(map(str, words)) + "\n").encode())
        stdin.flush()
        return self._hear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=30)

    def _hear(self) -> Any:
        if self._process.stdout is None:
            raise ValueError("no pipe")
        return json_codec.decode(self._process.stdout.readline())


if __name__ == "__main__":
    main(int(sys.argv[1]))
