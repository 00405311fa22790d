"""Steps that many scenarios have in common."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.stack import Stack


def customer_pair(stack: Stack, name: str) -> tuple[str, str]:
    """A new customer of Bern and the account that it became: their ids."""
    customer = stack.bc.insert("customers", {"displayName": name, "city": "Bern"})
    stack.settle()
    (account,) = stack.dv.rows("accounts", name=name)
    return str(customer["id"]), str(account["accountid"])


@contextmanager
def unseen(stack: Stack) -> Iterator[None]:
    """What happens inside, no worker sees until all of it lies on the topic; at rest afterwards."""
    for process in stack.running:
        process.stop()
    yield
    stack.deliver()
    stack.start_worker()
    stack.settle()
