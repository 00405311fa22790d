"""Sessions of messages: whose they are, until when, and what they remember."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.servicebus.amqp.errors import session_cannot_be_locked, session_lock_lost
from tests.servicebus.ready import Ready

if TYPE_CHECKING:
    from tests.servicebus.queue import Consumer


@dataclass(slots=True)
class MessageSession:
    """One session; ``state`` is the application's own."""

    id: str
    ready: Ready = field(default_factory=Ready)
    state: bytes | None = None
    state_updated: float | None = None
    holder: "Consumer | None" = None
    locked_until: float = 0.0


class Sessions:
    """All sessions of an entity."""

    def __init__(self) -> None:
        self._by_id: dict[str, MessageSession] = {}

    def __iter__(self) -> Iterator[MessageSession]:
        return iter(self._by_id.values())

    def get(self, session_id: str) -> MessageSession:
        """The session of that id, which exists as soon as somebody speaks of it."""
        return self._by_id.setdefault(session_id, MessageSession(session_id))

    def lock(self, session_id: str, holder: "Consumer", until: float) -> MessageSession:
        """Make a session the holder's own.

        Raises:
            AmqpError: it is somebody else's.
        """
        session = self.get(session_id)
        if session.holder is not None and session.holder is not holder:
            raise session_cannot_be_locked(session_id)
        session.holder, session.locked_until = holder, until
        return session

    def available(self) -> MessageSession | None:
        """One with messages that is nobody's."""
        for session in self._by_id.values():
            if session.holder is None and len(session.ready):
                return session
        return None

    def held(self, session_id: str) -> MessageSession:
        """A session that is somebody's.

        Raises:
            AmqpError: it is nobody's.
        """
        session = self.get(session_id)
        if session.holder is None:
            raise session_lock_lost(session_id)
        return session
