"""How a command fails: the exit codes, and what a person is told instead of a traceback.

===  =====================================================================================
0    done
1    something failed: records, messages, or the program itself
2    usage or configuration: the command line, the settings, the mappings
3    environment: database, broker, a system, a port
===  =====================================================================================
"""

from enum import IntEnum

from schemas.errors import Retry, Stop, SyncError
from schemas.faults import Faults


class ExitCode(IntEnum):
    """See the module's docstring."""

    DONE = 0
    FAILED = 1
    CONFIGURATION = 2
    ENVIRONMENT = 3


class Failure(Exception):
    """A command cannot do what it was asked for.

    Attributes:
        text: what happened.
        remedy: what to do.
    """

    code = ExitCode.FAILED

    def __init__(self, text: str, remedy: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.remedy = remedy


class Misconfigured(Failure):
    """The command line or the settings ask for something that cannot be."""

    code = ExitCode.CONFIGURATION


class Unavailable(Failure):
    """Something around the program is not as it must be."""

    code = ExitCode.ENVIRONMENT


def failure_of(error: Exception) -> Failure:
    """What to tell a person about ``error``."""
    match error:
        case Failure():
            return error
        case Faults():
            return Misconfigured(str(error), "Correct these lines, and check with: twinrow validate")
        case Stop():
            return Unavailable(error.text, "Mend it, and check with: twinrow doctor")
        case Retry():
            return Unavailable(error.text, "Try again later, or find out what is wrong with: twinrow doctor")
        case SyncError():
            return Failure(error.text)
        case OSError():
            return Unavailable(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        case _:
            text = f"An unexpected error happened: {type(error).__name__}: {error}"
            return Failure(text, "Run it again with --debug in front of the command, and report what it prints.")
