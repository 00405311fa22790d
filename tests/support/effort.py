"""How long simulations search: quick and always the same, or (``SIMULATION=thorough``) for as long as a night has."""

import os

from hypothesis import HealthCheck, settings

_SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large)

settings.register_profile("quick", max_examples=20, derandomize=True, deadline=None, suppress_health_check=_SLOW)
settings.register_profile("thorough", max_examples=5_000, deadline=None, suppress_health_check=_SLOW)

effort = settings.get_profile(os.environ.get("SIMULATION", "quick"))
"""The settings of every simulation."""
