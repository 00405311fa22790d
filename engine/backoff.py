"""How long to wait before doing something transient again: exponential with full jitter, as tenacity computes it."""

from tenacity import RetryCallState, Retrying, wait_random_exponential

from schemas.errors import Retry

_WAIT = wait_random_exponential(multiplier=0.5, max=60.0)


def delay(attempts: int, error: Retry) -> float:
    """Seconds to wait after the ``attempts``-th failure (from 1); never less than the system asked for."""
    state = RetryCallState(retry_object=Retrying(), fn=None, args=(), kwargs={})
    state.attempt_number = max(1, attempts)
    if error.after is not None and not error.throttled:
        return error.after
    return max(float(_WAIT(state)), error.after or 0.0)
