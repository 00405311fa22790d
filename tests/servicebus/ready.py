"""Messages that wait for a receiver, the lowest sequence number first: an abandoned one is back in its old place."""

import heapq

from tests.servicebus.stored_message import StoredMessage


class Ready:
    """Messages by sequence number."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, StoredMessage]] = []

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, stored: StoredMessage) -> None:
        heapq.heappush(self._heap, (stored.sequence_number, stored))

    def take(self) -> StoredMessage:
        """The first one.

        Raises:
            IndexError: there is none.
        """
        return heapq.heappop(self._heap)[1]
