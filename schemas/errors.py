"""Errors, named by what the engine does next.

::

    SyncError
    ├── Retry           the same call may succeed later: 429, 5xx, time-outs, locks, broker away
    │   └── OutcomeUnknown  a write may or may not have happened: look before doing it again
    ├── Reread          the row is not as the ledger knows it: read it, merge, try again
    ├── Park            a referenced record is not coupled yet: wait in the ledger for it
    ├── Skip            permanent for this record: twice the same and it is skipped until something changes
    ├── Stop            credentials or privileges: the lane stops, the rest runs
    └── DeadLetter      a message that cannot be read as a change

Each library's own errors are translated to these in one place of the adapter that uses the library.
A message says what happened, to which record, and what to do; it never carries a secret.
"""

import re
from enum import StrEnum

_GUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE)
_CORRELATION = re.compile(r"\s*Correlation ?Id:?\s*\S+\s*$", re.IGNORECASE)


class SyncError(Exception):
    """Anything that keeps one change from arriving.

    Attributes:
        code: the system's own error code, or a short word of ours; stable, for telling errors apart.
        text: for a person.
    """

    def __init__(self, text: str, *, code: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.code = code

    @property
    def fingerprint(self) -> str:
        """Equal for the same error happening again: the code, and the text without correlation and record ids."""
        return f"{self.code}|{_GUID.sub('#', _CORRELATION.sub('', self.text))}"


class Retry(SyncError):
    """Transient: the same call may succeed later. Never counted against the record.

    Attributes:
        after: seconds to wait at least, where the system said so.
        throttled: the system asked to be called less (429): a sign for the budget.
    """

    def __init__(self, text: str, *, code: str = "", after: float | None = None, throttled: bool = False) -> None:
        super().__init__(text, code=code)
        self.after = after
        self.throttled = throttled


class OutcomeUnknown(Retry):
    """The answer to a write was lost: it may have happened. Look for its effect before doing it again."""


class RereadReason(StrEnum):
    """In which way a row is not as the ledger knows it."""

    CHANGED = "changed"
    GONE = "gone"
    EXISTS = "exists"


class Reread(SyncError):
    """The destination row is not as the ledger knows it; its present state decides."""

    def __init__(self, reason: RereadReason, text: str, *, code: str = "") -> None:
        super().__init__(text, code=code)
        self.reason = reason


class Park(SyncError):
    """A referenced record is not coupled yet.

    Attributes:
        waits_on: which record, as the ledger's waiting key names it.
    """

    def __init__(self, text: str, *, waits_on: str) -> None:
        super().__init__(text, code="must_be_coupled")
        self.waits_on = waits_on


class Skip(SyncError):
    """Permanent for this record as it is now: a validation, a length, a duplicate key."""


class Stop(SyncError):
    """Credentials or privileges are wrong: nothing of this kind can succeed until a person mends it."""


class DeadLetter(SyncError):
    """A message that cannot be read as a change. ``code`` is the reason, ``text`` the description."""
