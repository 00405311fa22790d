"""Kafka is restarted and away, while users go on."""

import pytest

from tests.fault.conftest import Site
from tests.fault.length import short_or_long

pytestmark = pytest.mark.timeout(short_or_long(300, 1800))


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
