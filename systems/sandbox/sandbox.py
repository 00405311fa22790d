"""Both systems of record as HTTP servers in this process."""

import threading
from types import TracebackType
from typing import Self

from systems.sandbox.business_central.system import BusinessCentral
from systems.sandbox.dataverse.system import Dataverse
from systems.sandbox.settings import SandboxSettings
from systems.sandbox.tokens import Client, TokenIssuer


class Sandbox:
    """Business Central and Dataverse, each on a port of its own, in background threads.

    Rows can be read and written directly, as users of the systems do: ``sandbox.business_central.insert(...)``.
    """

    def __init__(self, settings: SandboxSettings | None = None) -> None:
        self.settings = settings or SandboxSettings()
        shared = self.settings
        self.tokens = TokenIssuer(shared.tenant, shared.clients, shared.token_lifetime, shared.clock)
        self.business_central = BusinessCentral(
            shared.business_central,
            host=shared.host,
            tenant=shared.tenant,
            tokens=self.tokens,
            clock=shared.clock,
            new_id=shared.new_id,
        )
        self.dataverse = Dataverse(
            shared.dataverse,
            host=shared.host,
            company_id=shared.business_central.company_id,
            company_name=shared.business_central.company_name,
            clients=shared.clients,
            tokens=self.tokens,
            clock=shared.clock,
            new_id=shared.new_id,
        )

    @property
    def client(self) -> Client:
        """The first registered application."""
        return self.settings.clients[0]

    @property
    def token_url(self) -> str:
        """Where tokens are asked for; both servers answer there."""
        return f"{self.business_central.origin}{self.tokens.path}"

    def start(self) -> None:
        """Answer requests from now on; only then the addresses are known.

        Raises:
            OSError: a port is taken.
        """
        self.business_central.start()
        try:
            self.dataverse.start()
        except OSError:
            self.stop()
            raise

    def stop(self) -> None:
        """Close both. Idempotent."""
        self.business_central.ask_to_stop()
        self.dataverse.ask_to_stop()
        self.business_central.stop()
        self.dataverse.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def serve(sandbox: Sandbox, stopped: threading.Event) -> None:
    """Answer requests until ``stopped`` is set."""
    with sandbox:
        stopped.wait()
