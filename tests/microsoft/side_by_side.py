"""A process a test, many at once: the tests mostly sleep, and a fork has everything imported already.

A test that fails in the crowd is tried once more when the others are done: some of them renew hundreds of locks within
seconds and depend on how busy the machine is.
"""

import json
import multiprocessing
import os
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from multiprocessing.connection import Connection, wait

import pytest
from _pytest.runner import runtestprotocol

AT_ONCE = 80
"""Processes: each takes a little of the processor while it waits."""

ALONE = 4

Reports = list[dict[str, object]]

_fork = multiprocessing.get_context("fork")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    """Run every test of the session in a process of its own, and report each as it ends."""
    if session.config.option.collectonly or session.testsfailed:
        return False
    failed = []
    for item, reports in _run_all(session.items, AT_ONCE):
        if not reports or any(report["outcome"] == "failed" for report in reports):
            failed.append(item)
            sys.stdout.write(f"\nfailed in the crowd, tried once more at the end: {item.name}\n")
        else:
            _log(item, reports)
    for item, reports in _run_all(failed, ALONE):
        assert reports, f"{item.nodeid} ended its process twice"
        _log(item, reports)
    return True


def _run_all(items: Iterable[pytest.Item], at_once: int) -> Iterator[tuple[pytest.Item, Reports]]:
    waiting = iter(items)
    running: dict[Connection, pytest.Item] = {}
    while True:
        running.update(map(_start, islice(waiting, at_once - len(running))))
        if not running:
            return
        for ended in wait(list(running)):
            assert isinstance(ended, Connection)
            yield running.pop(ended), _received(ended)


def _start(item: pytest.Item) -> tuple[Connection, pytest.Item]:
    ours, theirs = _fork.Pipe(duplex=False)
    _fork.Process(target=_run, args=(item, theirs), daemon=True).start()
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


def _received(ended: Connection) -> Reports:
    """What a test's process has to report; nothing if it ended without a word."""
    try:
        reports: Reports = json.loads(ended.recv_bytes())
    except EOFError:
        return []
    return reports


def _log(item: pytest.Item, reports: Reports) -> None:
    for data in reports:
        report = item.config.hook.pytest_report_from_serializable(config=item.config, data=data)
        item.ihook.pytest_runtest_logreport(report=report)
