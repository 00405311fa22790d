"""The chores of a process that works: what they are, for :mod:`console.housekeeping` to do."""

import structlog

from console.composition import Composition
from console.housekeeping import Housekeeping
from engine.local_currency import LocalCurrency
from producers import full_sync

_log = structlog.get_logger()


def housekeeping(composition: Composition) -> Housekeeping:
    """What is done before a worker starts, and again every few minutes."""
    database, settings = composition.database, composition.settings

    def restore() -> None:
        for run_id in full_sync.restore_after_crash(database, composition.clock()):
            _log.warning("a full sync has died: only-coupled is what it was before", run=run_id)

    local_currency = LocalCurrency(
        settings.business_central.local_currency,
        composition.plans,
        composition.systems,
        database,
        clock=composition.clock,
        new_id=composition.new_id,
    )
    return Housekeeping(
        [
            ("restore only-coupled", restore),
            ("couple the local currency", local_currency.couple),
            ("forget old messages", composition.broker.forget_old_messages),
        ]
    )
