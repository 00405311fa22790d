"""Workers are killed, join, leave, are held up and restarted, while users go on."""

import pytest

from tests.fault.conftest import SESSION_TIMEOUT, Site
from tests.fault.length import short_or_long

pytestmark = pytest.mark.timeout(short_or_long(300, 1800))


def test_workers_are_killed_at_any_moment(site: Site) -> None:
    with site.users() as users:
        for _ in range(short_or_long(6, 20)):
            users.work(site.random.uniform(0.2, 2.0))
            site.random.choice(site.workers).kill()
            site.stack.start_workers()
    site.judge(users)


def test_workers_join_and_leave(site: Site) -> None:
    with site.users() as users:
        for _ in range(short_or_long(3, 20)):
            another = site.stack.start_program("run")
            users.work(site.random.uniform(0.5, 3.0))  # at times before it is ready
            another.stop()
            users.work(site.random.uniform(0.0, 1.0))
    site.judge(users)


def test_a_worker_is_held_up_until_its_partitions_have_moved_and_then_goes_on(site: Site) -> None:
    with site.users() as users:
        for _ in range(short_or_long(2, 10)):
            users.work(site.random.uniform(0.5, 2.0))
            held_up = site.random.choice(site.workers)
            held_up.pause()
            users.work(SESSION_TIMEOUT + site.random.uniform(1.0, 4.0))
            held_up.resume()
        users.work(3.0)
    site.judge(users)


def test_all_workers_are_restarted_one_after_another(site: Site) -> None:
    """Nothing stops for longer than the group needs to miss a dead worker."""
    with site.users(per_second=30.0) as users:
        users.work(3.0)
        for _ in range(short_or_long(1, 5)):
            for old in site.workers:
                old.stop()
                site.stack.start_workers()
                users.work(1.0)
        users.work(2.0)
    pause = site.judge(users).longest_pause(users.began, users.ended)
    site.note(f"longest pause between two arrivals {pause:.2f} s")
    assert pause < SESSION_TIMEOUT
