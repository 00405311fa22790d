"""The review before a full sync: what lies on each side, and what to do about it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from engine.ledger import couplings
from engine.ledger.database import read
from producers.context import ProducerContext
from producers.run_plan import chosen
from producers.scanned_tables import scanned_table
from schemas.errors import Skip, Stop
from schemas.mapping import Mapping as TableMapping
from schemas.mapping import MappingDirection
from schemas.system import System

LIMIT = 5_000
"""Rows of a side that are counted at most: neither system counts filtered rows without reading them."""


class Recommendation(StrEnum):
    """What to do about a mapping: the incumbent's words."""

    FULL_SYNCHRONIZATION = "Full Synchronization"
    """At most one side has rows that are not coupled: a full sync makes no duplicates."""
    COUPLE_RECORDS = "Couple Records"
    """Both sides have rows that are not coupled, which may be the same things."""
    NO_RECORDS_FOUND = "No Records Found"
    NOT_POSSIBLE = "Not Possible"
    """A side cannot be read; the message says why."""
    DEPENDENCY_NOT_SATISFIED = "Dependency not satisfied"
    """A mapping that it refers to is not possible."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How many rows of one side the mapping admits. ``more``: counting stopped at ``rows``."""

    rows: int
    more: bool

    def __str__(self) -> str:
        return f"more than {self.rows}" if self.more else str(self.rows)


@dataclass(frozen=True, slots=True)
class MappingReview:
    """One mapping.

    Attributes:
        rows: by system; a side that cannot be read is absent.
        coupled: pairs.
        blocked_by: mappings that must be possible first.
        message: why a side cannot be read.
    """

    mapping: str
    direction: MappingDirection
    rows: Mapping[System, Counted]
    coupled: int
    recommendation: Recommendation
    blocked_by: tuple[str, ...] = ()
    message: str = ""


def review(
    context: ProducerContext, names: Collection[str] | None = None, *, limit: int = LIMIT
) -> list[MappingReview]:
    """The mappings with these names (``None``: all), parents before children.

    Raises:
        Retry: a system or the ledger is away.
        Stop: there is no such mapping, or the ledger refuses.
    """
    with read(context.database) as connection:
        coupled = couplings.count(connection)
    reviews: dict[str, MappingReview] = {}
    for mapping in chosen(context.mappings, names):
        reviews[mapping.name] = _review(context, mapping, coupled.get(mapping.name, 0), reviews, limit)
    return list(reviews.values())


def _review(
    context: ProducerContext, mapping: TableMapping, coupled: int, before: Mapping[str, MappingReview], limit: int
) -> MappingReview:
    rows: dict[System, Counted] = {}
    messages = []
    for system in System:
        try:
            rows[system] = _count(context, mapping, system, limit)
        except (Skip, Stop) as error:
            messages.append(error.text)
    impossible = (Recommendation.NOT_POSSIBLE, Recommendation.DEPENDENCY_NOT_SATISFIED)
    blocked_by = tuple(
        name for name in sorted(mapping.parents) if name in before and before[name].recommendation in impossible
    )
    if messages:
        recommendation = Recommendation.NOT_POSSIBLE
    elif blocked_by:
        recommendation = Recommendation.DEPENDENCY_NOT_SATISFIED
    else:
        recommendation = _recommendation(list(rows.values()), coupled)
    return MappingReview(mapping.name, mapping.direction, rows, coupled, recommendation, blocked_by, " ".join(messages))


def _recommendation(sides: list[Counted], coupled: int) -> Recommendation:
    if not any(side.rows for side in sides):
        return Recommendation.NO_RECORDS_FOUND
    if all(side.more or side.rows > coupled for side in sides):
        return Recommendation.COUPLE_RECORDS
    return Recommendation.FULL_SYNCHRONIZATION


def _count(context: ProducerContext, mapping: TableMapping, system: System, limit: int) -> Counted:
    scanned = scanned_table(context.mappings, mapping, system)
    rows = 0
    cursor: str | None = None
    while True:
        page = context.systems[system].scan(scanned.table, since=None, cursor=cursor, page_size=context.page_size)
        rows += sum(scanned.admits(row) for row in page.rows)
        cursor = page.cursor
        if rows > limit or cursor is None:
            return Counted(min(rows, limit), more=rows > limit)
