"""Cutting many writes into the batches that a system takes, with what is true of each write when a batch fails."""

from collections.abc import Callable, Sequence

from schemas.errors import OutcomeUnknown, Retry, Stop, SyncError
from systems.interface import Refused, Write, WriteResult


def write_in_batches(
    writes: Sequence[Write], size: Callable[[], int], send: Callable[[Sequence[Write]], list[WriteResult]]
) -> list[WriteResult]:
    """The results of all ``writes``, sent in batches of ``size()`` in order.

    When a batch fails as a whole, the ones behind it are not sent, so that order holds and a busy system is left alone.

    Raises:
        Retry: the first batch failed before anything happened.
        Stop: the same, for good.
    """
    results: list[WriteResult] = []
    while len(results) < len(writes):
        batch = writes[len(results) : len(results) + size()]
        try:
            results += send(batch)
        except OutcomeUnknown as error:
            results += [Refused(error) for _ in batch]
            return _refuse_rest(results, writes, _not_sent(error))
        except (Retry, Stop) as error:
            if not results:
                raise
            return _refuse_rest(results, writes, error)
    return results


def _refuse_rest(results: list[WriteResult], writes: Sequence[Write], error: SyncError) -> list[WriteResult]:
    return results + [Refused(error) for _ in range(len(writes) - len(results))]


def _not_sent(error: Retry) -> Retry:
    return Retry(f"Not sent, because of the batch before: {error.text}", code=error.code, after=error.after)
