"""Ids of messages that were sent a moment ago: the same id again is the same message again."""

from collections import OrderedDict


class Duplicates:
    """Remembers ids for a window of seconds."""

    def __init__(self, window: float) -> None:
        self._window = window
        self._seen: OrderedDict[str, float] = OrderedDict()

    def is_duplicate(self, message_id: str | None, now: float) -> bool:
        """Whether it was sent within the window; if not, it is remembered from now on."""
        if not self._window or message_id is None:
            return False
        while self._seen and next(iter(self._seen.values())) <= now - self._window:
            self._seen.popitem(last=False)
        if message_id in self._seen:
            return True
        self._seen[message_id] = now
        return False
