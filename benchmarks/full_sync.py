"""A full sync of many rows over HTTP: memory must not grow with the table.

Run in a process of its own, so that its peak memory is its own (``python -m benchmarks.full_sync ROWS``); prints one
JSON object.
"""

import resource
import sys
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from uuid import uuid4

from benchmarks.harness import TOPIC, WrongResult
from benchmarks.http_load import stack
from producers import full_sync
from producers.context import ProducerContext
from schemas import json_codec
from schemas.features import Features
from schemas.mapping_file import load
from schemas.outcomes import Outcome

_MAPPINGS = Path(__file__).parent / "http_mappings.yaml"


_never = Event()


def _pause(seconds: float) -> None:
    _never.wait(seconds)


def main(rows: int) -> dict[str, float]:
    """Synchronize ``rows`` customers that are in Business Central only.

    Raises:
        WrongResult: not every row arrived once.
    """
    with stack(rows, threads=4) as (sandbox, harness, publisher):
        worker, _ = harness.make_worker()
        context = ProducerContext(
            harness.database,
            load([_MAPPINGS], Features()).mappings,
            harness.systems,
            publisher,
            TOPIC,
            clock=lambda: datetime.now(UTC),
            new_id=lambda: str(uuid4()),
            wait=_pause,
        )
        running = Thread(target=worker.run)
        running.start()
        started = monotonic()
        try:
            full_sync.start(context, allow_create=False)
        finally:
            worker.stop()
            running.join()
        seconds = monotonic() - started
        names = sandbox.tell("column", "accounts", "name")
        if harness.outcomes[Outcome.INSERTED] != rows or len(set(names)) != len(names) or len(names) != rows:
            raise WrongResult(f"{len(names)} accounts, {len(set(names))} different: {dict(harness.outcomes)}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"rows": rows, "seconds": seconds, "rows_per_second": rows / seconds, "peak_mib": peak}


if __name__ == "__main__":
    sys.stdout.buffer.write(json_codec.encode(main(int(sys.argv[1]))))
