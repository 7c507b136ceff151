"""The connections of a worker's tasks: a pool for each of its numbers, closed when the number is not used any more."""

from collections.abc import Iterator

import pytest

from pgdex.jobs.batches.pools import Pools
from pgdex.jobs.database.connection import Connection
from pgdex.jobs.settings import settings
from tests.support.job_checks import value
from tests.support.waiting import wait_for

SESSIONS = "select count(*) from pg_stat_activity where application_name = 'pgdex worker 7'"


@pytest.fixture
def pools(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pools]:
    monkeypatch.setenv("PGDEX_DATABASE_URL", database_url)
    settings.cache_clear()
    pools = Pools()
    yield pools
    pools.retire(7)
    settings.cache_clear()


def test_a_pool_is_kept_between_tasks_and_its_sessions_have_no_time_limit(connection: Connection, pools: Pools) -> None:
    with pools.of(7) as first, first.connection() as session:
        assert session.execute("show statement_timeout").fetchone() == ("0",)
        assert session.execute("show idle_in_transaction_session_timeout").fetchone() == ("1min",)
        assert int(str(value(connection, SESSIONS))) >= 1
    with pools.of(7) as second:
        assert second is first


def test_the_pool_of_a_number_that_was_evicted_is_closed_when_its_last_task_has_ended(
    connection: Connection, pools: Pools
) -> None:
    with pools.of(7) as first:
        with pools.of(7) as second:
            pools.retire(7)
            assert second is first
        with first.connection() as session:
            session.execute("select 1")
    assert first.closed
    wait_for(lambda: value(connection, SESSIONS) == 0, what="the end of its sessions", seconds=5)
