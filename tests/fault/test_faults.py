"""Broker, database and workers are killed, restarted and held up, while users go on: in the end nothing is missing.

All in one file: whoever runs the tests in several processes runs these in one, on one broker and one database.
"""

from functools import partial

import pytest

from tests.fault.length import LONG, short_or_long
from tests.fault.site import SESSION_TIMEOUT, Site
from tests.fault.stalled import are_created, held_up_before_creating
from tests.support.eventually import eventually

pytestmark = pytest.mark.timeout(short_or_long(300, 1800))


def test_workers_are_killed_at_any_moment(site: Site) -> None:
    with site.users() as users:
        for _ in range(short_or_long(6, 20)):
            users.work(site.random.uniform(0.2, 2.0))
            site.random.choice(site.workers).kill()
            site.start_workers()
    site.judge(users)


def test_workers_join_and_leave(site: Site) -> None:
    with site.users() as users:
        for _ in range(short_or_long(3, 20)):
            another = site.stack.start_program("run")
            users.work(site.random.uniform(0.5, 3.0))  # at times before it is ready
            another.stop()
            users.work(site.random.uniform(0.0, 1.0))
    site.judge(users)


def test_all_workers_are_restarted_one_after_another(site: Site) -> None:
    """Nothing stops for longer than the group needs to miss a dead worker."""
    with site.users(per_second=30.0) as users:
        users.work(3.0)
        for _ in range(short_or_long(1, 5)):
            for old in site.workers:
                old.stop()
                site.start_workers()
                users.work(1.0)
        users.work(2.0)
    pause = site.judge(users).longest_pause(users.began, users.ended)
    site.note(f"longest pause between two arrivals {pause:.2f} s")
    assert pause < SESSION_TIMEOUT


def test_a_worker_is_held_up_until_others_have_its_partitions_and_then_goes_on(site: Site) -> None:
    with site.users() as users:
        for _ in range(short_or_long(1, 10)):
            users.work(site.random.uniform(0.5, 2.0))
            held_up = site.random.choice(site.workers)
            held_up.pause()
            users.work(SESSION_TIMEOUT + site.random.uniform(1.0, 8.0))
            held_up.resume()
        users.work(3.0)
    site.judge(users)


@pytest.mark.skipif(not LONG, reason="now and then a row is still created twice (docs/limits.md): for long runs only")
def test_a_worker_is_held_up_between_announcing_a_row_and_creating_it(site: Site) -> None:
    """Business Central takes no ids for new rows: whoever takes over looks for the row, finds none, and creates it.

    The first one must not do so, too, when it goes on. That no request waits for another makes the moment more likely.
    """
    site.stop_workers()
    site.start_workers(TWINROW_BUSINESS_CENTRAL__REQUESTS_AT_ONCE="60")
    rows = 0
    with site.users() as users:
        for _ in range(short_or_long(2, 20)):
            found = eventually(partial(held_up_before_creating, site), within=120.0)
            assert found
            stalled, names = found
            rows += len(names)
            eventually(partial(are_created, site, names), within=60.0)
            stalled.resume()
            users.work(1.0)
    site.stop_workers()
    site.start_workers()
    site.note(f"{rows} rows were announced and not asked for while their worker was held up")
    site.judge(users)


def test_the_broker_is_restarted(site: Site) -> None:
    with site.users() as users:
        for _ in range(short_or_long(1, 5)):
            users.work(2.0)
            site.broker.kill()
            site.start_broker()
        users.work(2.0)
    site.catch_up()
    site.judge(users)


def test_the_broker_is_away_for_a_while(site: Site) -> None:
    with site.users() as users:
        users.work(2.0)
        site.broker.kill()
        users.work(short_or_long(10.0, 60.0))
        site.start_broker()
        users.work(2.0)
    site.catch_up()
    site.judge(users)


def test_the_database_crashes(site: Site) -> None:
    with site.users() as users:
        for _ in range(short_or_long(3, 10)):
            users.work(site.random.uniform(1.0, 3.0))
            site.postgresql.crash()
            users.work(site.random.uniform(0.0, 2.0))
            site.start_database()
        users.work(2.0)
    site.judge(users)
