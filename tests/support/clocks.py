"""A clock that runs, and that a test can put forward."""

from datetime import UTC, datetime, timedelta


class ShiftedClock:
    """The machine's clock and some seconds more."""

    def __init__(self) -> None:
        self._shift = timedelta()

    def __call__(self) -> datetime:
        """Now."""
        return datetime.now(UTC) + self._shift

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass at once."""
        self._shift += timedelta(seconds=seconds)
