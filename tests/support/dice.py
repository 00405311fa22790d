"""Chance that can be repeated."""

import random


def dice(seed: int) -> random.Random:
    """Random numbers that are always the same for a seed."""
    return random.Random(seed)  # noqa: S311 - a simulation keeps no secrets
