"""``twinrow run`` and ``twinrow receive`` as processes that a test can kill, and hold up.

They are forked from a process that has read the program's code already: that takes longer than the rest of a start.
"""

import multiprocessing
import os
import re
import signal
import sys
from collections.abc import Mapping
from itertools import count
from pathlib import Path

from tests.support.eventually import eventually

_START = 60.0
"""Seconds after which a process that is not ready has failed."""

_END = 60.0
"""The same for one that was asked to end; what it has begun may be waiting for a broker that is away."""

_NUMBERS = count(1)

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["console.main"])


class WorkerProgram:
    """A process. What it says is in the file ``log``.

    Args:
        settings: file.
        environ: what is added to this process's environment.
        arguments: of ``twinrow``, behind the settings.
    """

    plain = True

    def __init__(self, settings: Path, environ: Mapping[str, str], *arguments: str) -> None:
        self.log = settings.with_name(f"{arguments[0]}-{next(_NUMBERS)}.log")
        self.log.touch()
        words = ["twinrow", "--settings", str(settings), *arguments]
        self._process = _PROCESSES.Process(target=_main, args=(words, dict(environ), self.log))
        self._process.start()
        self._asked = False

    @property
    def pid(self) -> int:
        """Of the process."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs, or is held up."""
        return self._process.is_alive()

    @property
    def idle(self) -> bool:
        """Nobody sees into a process: what it has not finished lies on the topic behind the group's positions."""
        return True

    @property
    def said(self) -> str:
        """Everything so far."""
        return self.log.read_text(errors="replace")

    def wait_until_ready(self) -> str:
        """Wait until it says that it is ready; how it says so.

        Raises:
            AssertionError: it does not get there.
        """
        eventually(lambda: self._ready() or not self.alive, within=_START)
        ready = self._ready()
        assert ready, f"it has ended before it was ready:\n{self.said}"
        return ready

    def pause(self) -> None:
        """Hold it up where it is: it does not notice."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it as a power cut does. Idempotent."""
        self._process.kill()
        self._process.join()

    def ask_to_stop(self) -> None:
        """As SIGTERM does; returns at once. Idempotent: a second signal would end it there and then."""
        if not self._asked:
            self._asked = True
            self._process.terminate()

    def stop(self) -> None:
        """As SIGTERM does; returns when it has ended in order. Idempotent.

        Raises:
            AssertionError: it does not end, or it ended in an error.
        """
        self.ask_to_stop()
        self._process.join(_END)
        if self.alive:
            self.kill()
            raise AssertionError(f"it does not end:\n{self.said}")
        code = self._process.exitcode
        killed = code == -signal.SIGKILL or (code == -signal.SIGTERM and not self._ready())
        assert code == 0 or killed, f"it ended with {code}:\n{self.said}"

    def _signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def _ready(self) -> str | None:
        found = re.search(r".*\bready\b.*", self.said)
        return found and found[0]


def _main(words: list[str], environ: dict[str, str], log: Path) -> None:
    os.setsid()  # Ctrl-C is for the tests, which stop it in their own time
    os.environ.update(environ)
    with log.open("ab", buffering=0) as output:
        for number in (1, 2):
            os.dup2(output.fileno(), number)
    sys.argv = words
    from console.main import main

    main()
