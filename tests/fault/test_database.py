"""PostgreSQL crashes and comes back, while users go on."""

import pytest

from tests.fault.conftest import Site
from tests.fault.length import short_or_long

pytestmark = pytest.mark.timeout(short_or_long(300, 1800))


def test_the_database_crashes(site: Site) -> None:
    with site.users() as users:
        for _ in range(short_or_long(3, 10)):
            users.work(site.random.uniform(1.0, 3.0))
            site.postgresql.crash()
            users.work(site.random.uniform(0.0, 2.0))
            site.start_database()
        users.work(2.0)
    site.judge(users)
