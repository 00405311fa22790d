"""Where the program begins. Reading its modules takes a second, in which Ctrl-C must not show a traceback either."""

import os
import signal
from types import FrameType


def main() -> None:
    """The program."""
    before = signal.signal(signal.SIGINT, _leave)
    from console.main import main as run

    signal.signal(signal.SIGINT, before)
    run()


def _leave(number: int, _frame: FrameType | None) -> None:
    """End at once: nothing has been opened."""
    os._exit(128 + number)


if __name__ == "__main__":
    main()
