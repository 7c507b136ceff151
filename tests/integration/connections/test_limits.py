"""Limits that our sessions can't lift: a job that meets one each time fails and says which; once is no matter."""

from pathlib import Path

import psycopg
import pytest

from pgdex.jobs.client.client import Client
from pgdex.jobs.database.outages import LIMIT_TRIES
from tests.support.databases import settings_for
from tests.support.trees import python_tree
from tests.support.waiting import wait_for_end
from tests.support.workers import Workers

# What a server does that enforces a limit.
TRIGGER = """
    create function public.limited() returns trigger language plpgsql as $$
    begin
        if nextval('public.tries') <= %s then
            {ending}
        end if;
        return null;
    end $$;
    create trigger limited after insert on pgdex.{table} execute function public.limited();
"""
ENDINGS = {
    "statement timeout": "raise exception 'canceling statement due to statement timeout' using errcode = '57014';",
    "transaction timeout": "perform set_config('transaction_timeout', '50ms', true); perform pg_sleep(2);",
    "idle-in-transaction timeout": "raise exception 'idle-in-transaction timeout' using errcode = '25P03';",
}


def limit(database_url: str, ending: str, *, table: str, times: int) -> None:
    with psycopg.connect(database_url, autocommit=True) as admin:
        if "transaction_timeout" in ENDINGS[ending] and admin.info.server_version < 170_000:
            pytest.skip("transaction_timeout came with PostgreSQL 17")
        admin.execute("create sequence public.tries")
        admin.execute(TRIGGER.format(ending=ENDINGS[ending], table=table).replace("%s", str(times)).encode())


# What the scan and what the commit of a batch writes.
@pytest.mark.parametrize("table", ["embedding_models", "view_files"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_job_that_is_ended_each_time_fails_with_the_reason(
    client: Client, database_url: str, workers: Workers, tmp_path: Path, ending: str, table: str
) -> None:
    limit(database_url, ending, table=table, times=1_000_000)
    workers.start()
    job = client.start(python_tree(tmp_path / "repository", 3)).job_id
    status = wait_for_end(client, job, workers=workers)
    assert (status.status, status.error_type) == ("failed", "DatabaseLimit")
    assert ending in (status.error_message or "")
    assert "query_timeout" in (status.error_message or "")


@pytest.mark.parametrize("table", ["embedding_models", "view_files"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_few_times_are_no_matter(
    database_url: str, workers: Workers, tmp_path: Path, ending: str, table: str
) -> None:
    limit(database_url, ending, table=table, times=LIMIT_TRIES - 2)
    workers.start()
    with Client.open(settings_for(database_url)) as client:
        job = client.start(python_tree(tmp_path / "repository", 3)).job_id
        assert wait_for_end(client, job, workers=workers).status == "completed"
