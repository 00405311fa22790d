"""What became of one operation: the incumbent's counters, and three that it lacks."""

from enum import StrEnum


class Outcome(StrEnum):
    """The outcome of one operation, as counted in a job."""

    INSERTED = "Inserted"
    MODIFIED = "Modified"
    DELETED = "Deleted"
    UNCHANGED = "Unchanged"
    SKIPPED = "Skipped"
    FAILED = "Failed"
    COUPLED = "Coupled"
    UNCOUPLED = "Uncoupled"
    IGNORED = "Ignored"
    """Outside the mapping's filter, or not coupled where only coupled rows are wanted."""
    PARKED = "Parked"
    """Waits for a referenced record to be coupled."""
    CONFLICT = "Conflict"
    """Changed on both sides; a person decides."""
