"""Reviews and verdicts of runs, as tables and as JSON."""

from collections.abc import Sequence
from typing import Any

from console.output import Record, note, stdout, table_of, words
from engine.ledger.runs import Run
from producers.review import MappingReview
from producers.verdict import TableVerdict, Verdict
from schemas.outcomes import Outcome
from schemas.system import System

_REVIEW_COLUMNS = {
    "Mapping": "mapping",
    "Direction": "direction",
    "Business Central": "business_central",
    "Dataverse": "dataverse",
    "Coupled": "coupled",
    "Recommendation": "recommendation",
    "": "message",
}
_TABLE_COLUMNS = {"Mapping": "mapping", "Direction": "direction", "Status": "state", "Rows": "produced"}
_MESSAGE_COLUMN = {"": "message"}


def review_records(reviews: Sequence[MappingReview]) -> list[Record]:
    """A review as JSON objects; rows of a side as ``{"rows": …, "more": …}``."""
    return [
        {
            "mapping": one.mapping,
            "direction": one.direction,
            **{system.value: one.rows.get(system) for system in System},
            "coupled": one.coupled,
            "recommendation": one.recommendation,
            "blocked_by": one.blocked_by,
            "message": one.message,
        }
        for one in reviews
    ]


def print_review(reviews: Sequence[MappingReview]) -> None:
    """A line for each mapping."""
    shown = [
        {**record, "message": record["message"] or _blocked_by(record["blocked_by"])}
        for record in review_records(reviews)
    ]
    stdout().print(table_of(shown, _REVIEW_COLUMNS))


def verdict_record(verdict: Verdict) -> dict[str, Any]:
    """A verdict as a JSON object."""
    return {**run_record(verdict.run), "failed": verdict.failed, "tables": [_table(one) for one in verdict.tables]}


def run_record(run: Run) -> dict[str, Any]:
    """A run as a JSON object, without its tables."""
    return {
        "id": run.id,
        "kind": run.kind,
        "state": run.state,
        "started_at": run.started_at,
        "heartbeat_at": run.heartbeat_at,
        "finished_at": run.finished_at,
        "options": run.options,
    }


def print_verdict(verdict: Verdict) -> None:
    """A line for each table, with the counters of the outcomes that there were; then a sentence."""
    records = [_table(one) for one in verdict.tables]
    occurred = {
        outcome.value: outcome.value.lower()
        for outcome in Outcome
        if any(outcome in one.outcomes for one in verdict.tables)
    }
    message = _MESSAGE_COLUMN if any(record["message"] for record in records) else {}
    stdout().print(table_of(records, _TABLE_COLUMNS | occurred | message))
    note(f"{words(verdict.run.kind).capitalize()} {verdict.run.id}: {words(verdict.run.state)}.")
    if verdict.failed:
        note(f"Records that need a look: {verdict.failed}. See them with: twinrow jobs --run {verdict.run.id} --errors")
    parked = sum(one.parked for one in verdict.tables)
    if parked:
        note(f"Records that wait for others: {parked}. See them with: twinrow parked list")


def _table(one: TableVerdict) -> dict[str, Any]:
    table = one.table
    return {
        "mapping": table.mapping,
        "direction": table.direction,
        "state": table.state,
        "produced": table.produced,
        "processed": table.processed,
        "started_at": table.started_at,
        "finished_at": table.finished_at,
        "message": table.message,
        **{outcome.value.lower(): one.outcomes.get(outcome, 0) for outcome in Outcome},
    }


def _blocked_by(names: Sequence[str]) -> str:
    return f"blocked by {', '.join(names)}" if names else ""
