"""Bringing a world to its end: everything that is due by itself, and then what a person can ask for."""

from tests.support.world import World

_MINUTE, _HOUR, _DAY = 61, 3_600, 86_400


def come_to_rest(world: World) -> None:
    """Nothing is on its way any more, and nothing that is open ends by waiting, or by another try."""
    world.redeliver_outbox()
    world.settle()
    for pause in (_MINUTE, _MINUTE, _HOUR, _DAY):
        world.pass_time(pause)
    world.retry()
    for pause in (_MINUTE, _MINUTE, 10 * _DAY):
        world.pass_time(pause)
