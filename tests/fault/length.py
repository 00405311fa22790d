"""How long the fault runs are: short and always the same, or (``FAULTS=long``: ``make faults``) long and drawn anew."""

import os
from random import SystemRandom
from typing import TypeVar

T = TypeVar("T")

LONG = os.environ.get("FAULTS") == "long"

SEED = int(os.environ.get("FAULT_SEED") or (SystemRandom().randrange(10**6) if LONG else 1))
"""Of everything that is drawn; the same seed draws the same."""


def short_or_long(short: T, long: T) -> T:
    """Which of both it is in this run."""
    return long if LONG else short
