"""One thing that was looked at."""

from collections.abc import Callable
from dataclasses import dataclass

from schemas.errors import SyncError


@dataclass(frozen=True, slots=True)
class Check:
    """See the module's docstring.

    Attributes:
        found: what is there, or what is wrong with it.
        remedy: how to mend it; empty where ``found`` says it.
    """

    what: str
    ok: bool
    found: str
    remedy: str = ""


def look(what: str, at: Callable[[], str], remedy: str = "") -> Check:
    """The check of something that is in order unless looking ``at`` it raises one of our errors."""
    try:
        return Check(what, True, at())
    except SyncError as error:
        return Check(what, False, error.text, remedy)
