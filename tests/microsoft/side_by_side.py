"""A process a test, many at once: the tests mostly sleep, and a fork has everything imported already."""

import json
import multiprocessing
import os
from collections.abc import Iterator
from itertools import islice
from multiprocessing.connection import Connection, wait

import pytest
from _pytest.runner import runtestprotocol

AT_ONCE = int(os.environ.get("TWINROW_TESTS_AT_ONCE", "64"))
"""Processes: each takes a little of the processor while it waits."""

_fork = multiprocessing.get_context("fork")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    """Run every test of the session in a process of its own, and report each as it ends."""
    if session.config.option.collectonly or session.testsfailed:
        return False
    waiting = iter(session.items)
    running: dict[Connection, pytest.Item] = {}
    while True:
        running.update(_started(islice(waiting, AT_ONCE - len(running))))
        if not running:
            return True
        for ended in wait(list(running)):
            assert isinstance(ended, Connection)
            _report(running.pop(ended), ended)


def _started(items: Iterator[pytest.Item]) -> Iterator[tuple[Connection, pytest.Item]]:
    for item in items:
        ours, theirs = _fork.Pipe(duplex=False)
        _fork.Process(target=_run, args=(item, theirs)).start()
        theirs.close()
        yield ours, item


def _run(item: pytest.Item, out: Connection) -> None:
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, log=False)
    hook = item.config.hook
    serializable = [hook.pytest_report_to_serializable(config=item.config, report=report) for report in reports]
    out.send_bytes(json.dumps(serializable, default=str).encode())
    os._exit(0)  # threads that a test has left behind are of no interest


def _report(item: pytest.Item, ended: Connection) -> None:
    try:
        reports = json.loads(ended.recv_bytes())
    except EOFError:
        raise AssertionError(f"{item.nodeid} ended its process") from None
    for data in reports:
        report = item.config.hook.pytest_report_from_serializable(config=item.config, data=data)
        item.ihook.pytest_runtest_logreport(report=report)
