"""Reading a stretch of a topic for a replay: which records changed in it, and how, each once.

Positions of other groups do not move: the subscriber is in a group of its own.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from producers.patience import patiently
from producers.scanned_tables import takers
from schemas import incoming
from schemas.change_event import ChangeEvent, ChangeKind
from schemas.mapping import Mappings
from schemas.system import System
from schemas.topics import Message, Subscriber, TopicPartition

REPLAY_PREFIX = "replay-"
"""How the run id of every replay begins, so that a replay is not itself replayed."""

_POLL = 500
_POLL_TIMEOUT = 0.2  # seconds


@dataclass(slots=True)
class StretchCounts:
    """What a stretch holds.

    Attributes:
        messages: read, in the stretch.
        unreadable: messages or parts of messages that tell of no change.
        events: changes told of.
        repeated: of these, those of former replays, which are left out.
        matched: of these, those of the tables and records asked for.
        records: distinct ones among the matched.
    """

    messages: int = 0
    unreadable: int = 0
    events: int = 0
    repeated: int = 0
    matched: int = 0
    records: int = 0


OnStretch: TypeAlias = Callable[[StretchCounts], None]
"""Hears of the reading after every batch."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which changes are wanted. ``None``: all; names and ids in any case of letters."""

    tables: frozenset[str] | None = None
    records: frozenset[str] | None = None

    @classmethod
    def of(cls, tables: Iterable[str] | None, records: Iterable[str] | None) -> "Selection":
        """Of names of tables, and ids of records."""
        return cls(_folded(tables), _folded(records))

    def wants(self, event: ChangeEvent) -> bool:
        """Whether the change is wanted."""
        table = self.tables is None or event.table.casefold() in self.tables
        return table and (self.records is None or (event.record_id or "").casefold() in self.records)


@dataclass(slots=True)
class Stretch:
    """What changed. A record's latest kind counts, but a deletion is never lost to a later change.

    Attributes:
        records: kind by system, table and record id, in order of the first change.
        tables: by system and table, since when many of its rows changed; ``None``: any row, deletions included.
    """

    counts: StretchCounts = field(default_factory=StretchCounts)
    records: dict[tuple[System, str, str], ChangeKind] = field(default_factory=dict)
    tables: dict[tuple[System, str], datetime | None] = field(default_factory=dict)

    def add(self, event: ChangeEvent) -> None:
        """Take in a wanted change."""
        self.counts.matched += 1
        if event.record_id is None:
            place = (event.system, event.table)
            known = self.tables.get(place, event.since)
            self.tables[place] = None if known is None or event.since is None else min(known, event.since)
            return
        record = (event.system, event.table, event.record_id)
        if self.records.get(record) is not ChangeKind.DELETED:
            self.records[record] = event.kind
        self.counts.records = len(self.records)


class StretchReader:
    """Reads what lies between two times on the topics of a subscriber.

    Args:
        begin, end: when the broker took the messages: at ``begin`` or later, before ``end``.
        wait: lets so many seconds pass.
    """

    def __init__(
        self,
        subscriber: Subscriber,
        mappings: Mappings,
        selection: Selection,
        *,
        begin: datetime,
        end: datetime,
        wait: Callable[[float], None],
    ) -> None:
        self._subscriber = subscriber
        self._mappings = mappings
        self._selection = selection
        self._begin = begin
        self._end = end
        self._wait = wait
        self._behind: set[TopicPartition] = set()
        self._unsettled: list[Message] = []
        self._stretch = Stretch()

    def read(self, on_progress: OnStretch) -> Stretch:
        """All of it. Transient trouble of the broker is waited for.

        Raises:
            Stop: not allowed, or no such topic.
            NotImplementedError: the broker keeps no history.
        """
        patiently(self._seek, self._wait)
        while not patiently(self._read_on, self._wait):
            on_progress(self._stretch.counts)
        on_progress(self._stretch.counts)
        return self._stretch

    def _seek(self) -> None:
        self._subscriber.seek(self._begin)
        self._subscriber.settle([])  # moves the positions of this group, which what is left to read counts from

    def _read_on(self) -> bool:
        """Read some; whether the end is reached."""
        messages = self._subscriber.poll(_POLL, _POLL_TIMEOUT)
        for message in messages:
            if message.time >= self._end:
                self._behind.add(message.topic_partition)
            elif message.time >= self._begin:
                self._take(message)
        self._unsettled += messages
        self._subscriber.pause(self._behind)
        self._subscriber.settle(self._unsettled)
        self._unsettled = []
        lag = self._subscriber.lag()
        return not messages and bool(lag) and all(lag[where] == 0 for where in lag.keys() - self._behind)

    def _take(self, message: Message) -> None:
        counts = self._stretch.counts
        counts.messages += 1
        reading = incoming.read(message.body, headers=message.headers, received=message.time)
        counts.unreadable += len(reading.unreadable)
        for event in reading.events:
            counts.events += 1
            if event.run_id is not None and event.run_id.startswith(REPLAY_PREFIX):
                counts.repeated += 1
            elif self._selection.wants(event) and takers(self._mappings, event.system, event.table):
                self._stretch.add(event)


def _folded(words: Iterable[str] | None) -> frozenset[str] | None:
    return None if words is None else frozenset(word.casefold() for word in words)
