"""A process a test, many at once: the tests mostly sleep, and a fork has everything imported already.

A test that fails in the crowd is tried once more when the others are done: some of them renew hundreds of locks within
seconds and depend on how busy the machine is.
"""

import json
import multiprocessing
import os
from collections.abc import Iterable, Iterator
from itertools import islice
from multiprocessing.connection import Connection, wait

import pytest
from _pytest.runner import runtestprotocol

AT_ONCE = 100
"""Processes: each takes a little of the processor while it waits."""

ALONE = 4

_fork = multiprocessing.get_context("fork")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    """Run every test of the session in a process of its own, and report each as it ends."""
    if session.config.option.collectonly or session.testsfailed:
        return False
    failed = []
    for item, reports in _run_all(session.items, AT_ONCE):
        if any(report["outcome"] == "failed" for report in reports):
            failed.append(item)
        else:
            _log(item, reports)
    for item, reports in _run_all(failed, ALONE):
        _log(item, reports)
    return True


Reports = list[dict[str, object]]


def _run_all(items: Iterable[pytest.Item], at_once: int) -> Iterator[tuple[pytest.Item, Reports]]:
    waiting = iter(items)
    running: dict[Connection, pytest.Item] = {}
    while True:
        running.update(map(_start, islice(waiting, at_once - len(running))))
        if not running:
            return
        for ended in wait(list(running)):
            assert isinstance(ended, Connection)
            item = running.pop(ended)
            yield item, _received(item, ended)


def _start(item: pytest.Item) -> tuple[Connection, pytest.Item]:
    ours, theirs = _fork.Pipe(duplex=False)
    _fork.Process(target=_run, args=(item, theirs)).start()
    theirs.close()
    return ours, item


def _run(item: pytest.Item, out: Connection) -> None:
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    hook = item.config.hook
    reports = [
        hook.pytest_report_to_serializable(config=item.config, report=report)
        for report in runtestprotocol(item, log=False)
    ]
    out.send_bytes(json.dumps(reports, default=str).encode())
    os._exit(0)  # threads that a test has left behind are of no interest


def _received(item: pytest.Item, ended: Connection) -> Reports:
    try:
        reports: Reports = json.loads(ended.recv_bytes())
    except EOFError:
        raise AssertionError(f"{item.nodeid} ended its process") from None
    return reports


def _log(item: pytest.Item, reports: Reports) -> None:
    for data in reports:
        report = item.config.hook.pytest_report_from_serializable(config=item.config, data=data)
        item.ihook.pytest_runtest_logreport(report=report)
