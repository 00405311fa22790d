"""``twinrow`` as a process of its own: what it says, and how it ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Queue
from threading import Thread

PATIENCE = 60.0
"""Seconds that a test waits for a line, or for the end."""


@dataclass
class Program:
    """A running ``twinrow``."""

    process: "subprocess.Popen[str]"
    lines: "Queue[str]" = field(default_factory=Queue)

    def says(self, words: str) -> str:
        """The first line from now on that has these words."""
        while words not in (line := self.lines.get(timeout=PATIENCE)):
            assert line, f"it ended without saying {words!r}"
        return line

    def ends(self, number: signal.Signals | None = None) -> int:
        """The exit code, after this signal."""
        if number is not None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def rest(self) -> str:
        """What it said after that, once it has ended."""
        lines = []
        while line := self.lines.get(timeout=PATIENCE):
            lines.append(line)
        return "".join(lines)


@contextmanager
def program(*arguments: str, environ: Mapping[str, str] | None = None) -> Iterator[Program]:
    """``twinrow`` with these arguments, killed if it outlives the block."""
    command = [sys.executable, "-c", "from console.main import main; main()", *arguments]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **(environ or {})},
    ) as process:
        running = Program(process)
        reader = Thread(target=_read, args=(running,))
        reader.start()
        try:
            yield running
        finally:
            process.kill()
            reader.join()


def _read(running: Program) -> None:
    assert running.process.stdout
    for line in running.process.stdout:
        running.lines.put(line)
    running.lines.put("")
