"""Steps that many scenarios have in common."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import Generic, TypeVar

from tests.support.stack import Stack

T = TypeVar("T")

_END = 60.0
"""Seconds after which something in the background that does not end has failed."""


def customer_pair(stack: Stack, name: str) -> tuple[str, str]:
    """A new customer of Bern and the account that it became: their ids."""
    customer = stack.bc.insert("customers", {"displayName": name, "city": "Bern"})
    stack.settle()
    (account,) = stack.dv.rows("accounts", name=name)
    return str(customer["id"]), str(account["accountid"])


@contextmanager
def unseen(stack: Stack) -> Iterator[None]:
    """What happens inside, no worker sees until all of it lies on the topic; at rest afterwards."""
    with stack.workers_away():
        yield
        stack.deliver()
    stack.settle()


@dataclass
class Background(Generic[T]):
    """Something that goes on in another thread. ``result``: once it is done."""

    thread: Thread
    results: list[T]

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return not self.thread.is_alive()

    @property
    def result(self) -> T:
        """What it answered."""
        return self.results[0]


@contextmanager
def background(call: Callable[[], T]) -> Iterator[Background[T]]:
    """``call`` goes on while what is inside happens; leaving waits for its end."""
    results: list[T] = []
    thread = Thread(target=lambda: results.append(call()), name="background")
    thread.start()
    try:
        yield Background(thread, results)
    finally:
        thread.join(_END)
    assert results, "it has not ended, or not well"
